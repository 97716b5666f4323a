"""Taking out of text what would move the cursor of a terminal or end a line unseen."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Remove what would move the cursor of a terminal; a carriage return begins a new line."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = text.rstrip("\r").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)
