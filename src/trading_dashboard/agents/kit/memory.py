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

ARENAS = 2
"""Heaps of the C library in an agent, at most. Its default is eight for each processor."""
_M_ARENA_MAX = -8


def bound_arenas() -> None:
    """Have threads share a few heaps: each has its own else, with free memory nobody else uses.

    Call before threads are started. One at a time runs Python, so they seldom wait for a heap.
    """
    set_option = _from_glibc("mallopt")
    if set_option is not None:
        set_option(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return unused memory to the system; takes milliseconds, blocks nobody else."""
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    trim = _from_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def freeze() -> None:
    """Have the garbage collector pass over all that is alive now.

    For what stays for long. It is still freed when nothing refers to it any more, unless it is
    part of a cycle: call `gc.unfreeze` when it is given up.
    """
    gc.collect()
    gc.freeze()


def _from_glibc(name: str) -> Callable[..., int] | None:
    """Return a function of glibc; None with another C library."""
    function: Callable[..., int] | None = None
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        function = getattr(ctypes.CDLL(None), name, None)
    return function
