"""Where the replay is, kept on disk so that a killed process goes on there.

Owns one small file with two records written in turn, each with a number and a checksum: whatever
moment the process dies at, one of them is whole. A write is one system call without a sync, which
survives the death of the process; `sync` makes it survive a power cut too.
See docs/decisions for what is promised.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

_SLOT_BYTES = 512
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)  # which only Windows has

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRecord:
    """A replay's position and how it runs.

    Attributes:
        session: ISO date of the session in progress.
        offset: Market seconds since its open.
        speed: Market seconds per wall second.
        paused: A person paused it.
        configured: The settings this replay was begun with; others begin a new one.
    """

    session: str
    offset: float
    speed: float
    paused: bool
    configured: str


class PositionJournal:
    """The open file. Used from one thread; `sync` may be called from another."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises OSError if that fails."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(path, _FLAGS, 0o600)
        self._number = 0

    def read(self) -> ReplayRecord | None:
        """Return the newest whole record; None for a new file or one that holds none."""
        content = _read_at(self._descriptor, 2 * _SLOT_BYTES, 0)
        slots = [content[:_SLOT_BYTES], content[_SLOT_BYTES:]]
        found = [slot for slot in map(_decode, slots) if slot is not None]
        if content.strip(b"\0 \n") and not found:
            logger.warning("%s holds no whole record; the replay starts anew", self.path)
        if not found:
            return None
        self._number, record = max(found, key=lambda item: item[0])
        return record

    def write(self, record: ReplayRecord) -> None:
        """Write over the older record; raises OSError if that fails."""
        number = self._number + 1
        slot = _encode(number, record)
        written = _write_at(self._descriptor, slot, (number % 2) * _SLOT_BYTES)
        if written != len(slot):
            raise OSError(errno.ENOSPC, f"only {written} of {len(slot)} bytes were written")
        self._number = number

    def sync(self) -> None:
        """Return once the newest record is on the disk itself."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; nothing is written."""
        os.close(self._descriptor)


def _read_at(descriptor: int, size: int, offset: int) -> bytes:
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)
    else:  # noqa: RET505 - the type checker looks at one of the two
        return os.pread(descriptor, size, offset)


def _write_at(descriptor: int, data: bytes, offset: int) -> int:
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)
    else:  # noqa: RET505 - the type checker looks at one of the two
        return os.pwrite(descriptor, data, offset)


def _encode(number: int, record: ReplayRecord) -> bytes:
    body = json.dumps({"number": number, **asdict(record)}, separators=(",", ":")).encode()
    slot = b"%08x %s" % (zlib.crc32(body), body)
    if len(slot) >= _SLOT_BYTES:
        raise ValueError(f"a position record takes {len(slot)} bytes, {_SLOT_BYTES - 1} fit")
    return slot.ljust(_SLOT_BYTES - 1) + b"\n"


def _decode(slot: bytes) -> tuple[int, ReplayRecord] | None:
    checksum, _, body = slot.rstrip().partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        fields = json.loads(body)
        return int(fields.pop("number")), ReplayRecord(**fields)
    except (ValueError, TypeError, KeyError):
        return None
