"""Giving memory back to the system after something large.

Owns the two calls that do it. Without them what a large answer needed stays with the process: the
C library and Arrow keep it for the next one, which may never come.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable


def give_back() -> None:
    """Return unused memory to the system; takes milliseconds, blocks nobody else."""
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def _malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; None with another C library."""
    trim: Callable[[int], int] | None = None
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
