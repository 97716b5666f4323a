"""Memory after something large: giving it back to the system, or not looking through it again.

Without `give_back` what a large answer needed stays with the process: the C library and Arrow keep
it for the next one, which may never come. Without `freeze` the garbage collector looks through all
that was loaded again and again, and everything else waits for that.
"""

from __future__ import annotations

import ctypes
import gc
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


def freeze() -> None:
    """Have the garbage collector pass over all that is alive now.

    For what stays for long. It is still freed when nothing refers to it any more, unless it is
    part of a cycle: call `gc.unfreeze` when it is given up.
    """
    gc.collect()
    gc.freeze()


def _malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; None with another C library."""
    trim: Callable[[int], int] | None = None
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
