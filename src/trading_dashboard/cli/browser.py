"""Opening the browser, where there is one to see."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys

from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM

OPEN_SECONDS = 30.0
_OPENER = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.stdin.read()))"

_log = logging.getLogger(__name__)


def has_display() -> bool:
    """Return whether a browser window could be seen. Without one a text browser would start."""
    has_always = sys.platform in ("darwin", "win32")
    return has_always or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def open_browser(link: str) -> None:
    """Open a link without blocking the event loop; a failure is logged, the link was printed."""
    try:
        has_opened = await asyncio.to_thread(_open, link)
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("the browser could not be opened: %s", error)
    else:
        if not has_opened:
            _log.warning("no browser could be opened")


def _open(link: str) -> bool:
    # In a process of its own, so that what it starts is never taken for a part of an agent: the
    # browser is the user's and outlives us. The link is a key, and no business of process lists.
    with PLATFORM.tags.from_birth(None):
        opener = subprocess.Popen([sys.executable, "-c", _OPENER], stdin=subprocess.PIPE, text=True)
    opener.communicate(link, timeout=OPEN_SECONDS)
    return opener.returncode == 0
