"""One set-up at a time per checkout.

Owns the lock file. The lock belongs to the open file, so it ends with its holder however that ends;
an installer that outlives a killed start inherits the file and keeps the lock until it is done.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def exclusive(path: Path, on_wait: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock at `path` and yield its file descriptor.

    Args:
        path: Created if need be, never removed.
        on_wait: Called once, with the holder's process number, if somebody else holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, on_wait)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, on_wait: Callable[[str], None]) -> None:
    is_told = False
    while not _try(descriptor):
        if not is_told:
            os.lseek(descriptor, 0, os.SEEK_SET)
            on_wait(os.read(descriptor, 32).decode("ascii", "replace") or "unknown")
            is_told = True
        time.sleep(0.1)


def _try(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            # A byte far behind the content: a locked byte could not be read by those who wait.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
