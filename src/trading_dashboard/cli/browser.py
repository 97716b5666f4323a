"""Opening the browser, where there is one to see."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import webbrowser

_log = logging.getLogger(__name__)


def has_display() -> bool:
    """Return whether a browser window could be seen. Without one a text browser would start."""
    has_always = sys.platform in ("darwin", "win32")
    return has_always or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def open_browser(link: str) -> None:
    """Open a link without blocking the event loop; a failure is logged, the link was printed."""
    try:
        await asyncio.to_thread(webbrowser.open, link)
    except (webbrowser.Error, OSError) as error:
        _log.warning("the browser could not be opened: %s", error)
