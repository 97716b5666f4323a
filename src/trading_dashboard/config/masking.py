"""Which values may be secret, and how they look when they are shown.

Owns the rule for every place that shows configuration: mistakes, origins, the effective settings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MASK = "********"
MAX_SHOWN_CHARACTERS = 120
_MAX_SEARCHED_CHARACTERS = 1000
"""Searching costs the square of this; what is left out is not shown either."""

_SECRET_NAME = re.compile(r"token|key|secret|passw|credential", re.IGNORECASE)
_USERINFO = re.compile(r"(//)[^/@\s]*@")
_SECRET_ASSIGNMENT = re.compile(
    r"(?i)([\w-]*(?:token|key|secret|passw|credential)[\w-]*\s*[=:]\s*)\S+"
)


def is_secret(path: Sequence[str | int]) -> bool:
    """Return whether the value at a path, such as ``("env", "API_KEY")``, may be secret.

    Everything an agent gets through ``env`` counts, and every key that is named like a secret.
    """
    names = [part for part in path if isinstance(part, str)]
    in_agent = len(names) > 3 and names[0] == "agents" and names[2] == "env"
    return in_agent or any(_SECRET_NAME.search(name) for name in names[2:] or names)


def holds_secrets(path: Sequence[str | int]) -> bool:
    """Return whether anything at or below a path may be secret: an agent's `env` as a whole too."""
    names = [part for part in path if isinstance(part, str)]
    return is_secret(path) or (names[:1] == ["agents"] and names[2:3] == ["env"])


def shown(text: str) -> str:
    """Return text for a message: one line, bounded, without passwords in addresses or arguments."""
    text = _USERINFO.sub(rf"\g<1>{MASK}@", text)
    is_cut = len(text) > _MAX_SEARCHED_CHARACTERS
    text = _SECRET_ASSIGNMENT.sub(rf"\g<1>{MASK}", text[:_MAX_SEARCHED_CHARACTERS])
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if is_cut or len(text) > MAX_SHOWN_CHARACTERS:
        return text[: MAX_SHOWN_CHARACTERS - 1] + "…"
    return text


def shown_arguments(arguments: Sequence[str]) -> str:
    """Return a command for a message, the argument after ``--token`` and its like masked."""
    parts: list[str] = []
    after_secret = False
    for argument in arguments:
        parts.append(MASK if after_secret else argument)
        is_flag = argument.startswith("-") and "=" not in argument
        after_secret = is_flag and _SECRET_NAME.search(argument) is not None
    return shown("[" + ", ".join(parts) + "]")
