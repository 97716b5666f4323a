"""Memory two processes see at once, without a name: nobody can leave it behind.

Owns one anonymous file and how bars lie in it. A named segment outlives whoever is killed before
unlinking it; this one is gone with the last process that has it open. The reader maps the columns
in place and copies nothing.

    0   int64   length of the head
    8   pickle  (note, [(symbol, rows), …])
    …   padding to 64 bytes, then for each symbol its six columns, 8 bytes a value
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.scan.mapping import Series

_LENGTH = struct.Struct("<q")
_COLUMNS = ("time", "open", "high", "low", "close", "volume")
_ALIGNMENT = 64


def anonymous_file() -> int:
    """Return the descriptor of a file in memory (Linux), or of one on disk that has no name."""
    if sys.platform == "linux":
        return os.memfd_create("trading-dashboard-scan", os.MFD_CLOEXEC)
    else:  # noqa: RET505 - types are checked by branches
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def write_series(descriptor: int, series: Sequence[Series], note: bytes = b"") -> int:
    """Write bars of several symbols over what the file held; return the bytes used."""
    head = pickle.dumps((note, [(symbol, len(bars)) for symbol, bars in series]))
    start = _columns_start(len(head))
    size = start + sum(8 * len(_COLUMNS) * len(bars) for _, bars in series)
    os.ftruncate(descriptor, size)
    with mmap.mmap(descriptor, size) as memory:
        memory[: _LENGTH.size] = _LENGTH.pack(len(head))
        memory[_LENGTH.size : _LENGTH.size + len(head)] = head
        offset = start
        for _, bars in series:
            for name in _COLUMNS:
                column = getattr(bars, name)
                kind = np.int64 if name == "time" else np.float64
                target = np.frombuffer(memory, kind, len(column), offset)
                target[:] = column
                offset += target.nbytes
                del target  # a mapping with a view on it cannot be closed
    return size


def read_series(memory: mmap.mmap) -> tuple[bytes, list[Series]]:
    """Return the note and the bars in a mapped file; the bars are views on it."""
    (length,) = _LENGTH.unpack_from(memory, 0)
    note, head = pickle.loads(memory[_LENGTH.size : _LENGTH.size + length])  # noqa: S301 - parent's
    offset = _columns_start(length)
    found = []
    for symbol, rows in head:
        time = np.frombuffer(memory, np.int64, rows, offset)
        prices = np.frombuffer(memory, np.float64, 5 * rows, offset + 8 * rows).reshape(5, rows)
        found.append((symbol, Bars(time, *prices)))
        offset += 8 * len(_COLUMNS) * rows
    return note, found


def write_all(descriptor: int, content: bytes) -> None:
    """Replace what a file holds; `content` is not empty."""
    os.ftruncate(descriptor, len(content))
    with mmap.mmap(descriptor, len(content)) as memory:
        memory[:] = content


def take_all(descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes of a file and give its memory back.

    Raises:
        EOFError: It holds less: its writer died.
    """
    held = os.fstat(descriptor).st_size
    if held < size:
        raise EOFError(f"{held} of {size} bytes")
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as memory:
        content = memory[:]
    os.ftruncate(descriptor, 0)
    return content


def _columns_start(head_bytes: int) -> int:
    used = _LENGTH.size + head_bytes
    return -(-used // _ALIGNMENT) * _ALIGNMENT
