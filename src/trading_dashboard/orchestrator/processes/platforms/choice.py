"""Which operating system this is: asked once, when this module is imported."""

from __future__ import annotations

import importlib
import sys

from trading_dashboard.orchestrator.processes.platforms.seam import Platform

MODULES = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
PORTABLE = "darwin"
"""What other systems that look like Unix get: it needs nothing but POSIX and psutil."""


def choose(system: str) -> Platform:
    """Return the platform for a value of `sys.platform`; only its own modules are imported."""
    module = importlib.import_module(f"{__package__}.{MODULES.get(system, PORTABLE)}")
    chosen: Platform = module.open_platform()
    return chosen


PLATFORM = choose(sys.platform)
