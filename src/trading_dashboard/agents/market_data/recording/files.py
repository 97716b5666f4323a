"""A recording on disk: a folder with a head, chunks, and an index of them.

Owns what is where, and that it survives: a chunk counts once its line is in the index, which is
written after the chunk is on disk. After `kill -9` all chunks but the one in the making are there;
what lies about beside them is not read. Chunks are Arrow IPC files, checked by their digest.

    NAME/head.json      what it is of, written once
    NAME/00000001.arrow chunks, never changed
    NAME/index.jsonl    one line for each chunk
    NAME/end.json       when and why it ended; missing while it is being made, or after a kill
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from trading_dashboard.agents.market_data.recording.heard import Heard, from_table, to_table
from trading_dashboard.models.errors import RecordingDamaged, UnknownRecording

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 2
"""2: with what was known before, and what each symbol is."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HEAD, _INDEX, _END = "head.json", "index.jsonl", "end.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a recording is of.

    Attributes:
        source: Who was recorded, such as ``ccxt:binance``.
        began: When, in microseconds since 1970 of the desk's market clock.
        made_at: When, by the wall clock, ISO 8601.
        calendar, time_zone: Of the clock that is shown.
        intraday: Whether prices within a day were real, simulated or none.
    """

    name: str
    source: str
    symbols: tuple[str, ...]
    began: int
    made_at: str
    calendar: str
    time_zone: str
    intraday: str = "real"
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLine:
    """One line of the index."""

    file: str
    sha256: str
    rows: int
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as far as it is on disk."""

    folder: Path
    head: Head
    chunks: Sequence[ChunkLine]
    end: dict[str, Any] | None

    @property
    def first(self) -> int:
        """Return when the first thing was heard; when it began, if nothing was."""
        return self.chunks[0].first if self.chunks else self.head.began

    @property
    def last(self) -> int:
        """Return when the last thing was heard."""
        return self.chunks[-1].last if self.chunks else self.head.began

    @property
    def size_bytes(self) -> int:
        """Return the size of all chunks."""
        return sum(chunk.size_bytes for chunk in self.chunks)

    @property
    def rows(self) -> int:
        """Return how many ticks, bars and outages it holds."""
        return sum(chunk.rows for chunk in self.chunks)

    def read(self, chunk: ChunkLine) -> Iterator[Heard]:
        """Yield what a chunk holds. Blocks. Raises `RecordingDamaged`."""
        return from_table(self.table(chunk), self.head.source)

    def table(self, chunk: ChunkLine) -> pa.Table:
        """Return a chunk as `heard.schema` has it. Blocks. Raises `RecordingDamaged`."""
        import pyarrow as pa

        path = self.folder / chunk.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        if hashlib.sha256(content).hexdigest() != chunk.sha256:
            raise _damaged(path, "another digest than when it was written")
        with pa.ipc.open_file(pa.py_buffer(content)) as reader:
            return reader.read_all()


class Writer:
    """Writes one recording, chunk by chunk. Every method blocks."""

    def __init__(self, folder: Path, head: Head) -> None:
        """Make the folder; raises FileExistsError, OSError."""
        folder.mkdir(parents=True)
        _write(folder / _HEAD, orjson.dumps(asdict(head)))
        self._folder = folder
        self._number = 0
        self.size_bytes = 0

    def add(self, heard: Sequence[Heard]) -> None:
        """Put a chunk on disk; when this returns it survives. Raises OSError."""
        import pyarrow as pa

        table = to_table(heard)
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        content = sink.getvalue().to_pybytes()
        name = f"{self._number + 1:08}.arrow"
        _write(self._folder / name, content)
        chunk = ChunkLine(
            file=name,
            sha256=hashlib.sha256(content).hexdigest(),
            rows=len(table),
            size_bytes=len(content),
            first=heard[0].at,
            last=heard[-1].at,
        )
        with (self._folder / _INDEX).open("ab") as index:
            index.write(orjson.dumps(asdict(chunk)) + b"\n")
            index.flush()
            os.fsync(index.fileno())
        self._number += 1
        self.size_bytes += len(content)

    def end(self, at: int, reason: str) -> None:
        """Say when and why it ended. Raises OSError."""
        _write(self._folder / _END, orjson.dumps({"at": at, "reason": reason}))


def load(folder: Path) -> Recording:
    """Return a recording as far as it is on disk.

    Raises:
        UnknownRecording, RecordingDamaged.
    """
    if not NAME.fullmatch(folder.name) or not (folder / _HEAD).is_file():
        raise UnknownRecording(
            f"There is no recording '{folder.name[:64]}'.",
            subject=folder.name[:64],
            next_step="GET /recordings lists all.",
        )
    try:
        raw = orjson.loads((folder / _HEAD).read_bytes())
        head = Head(**{**raw, "symbols": tuple(raw["symbols"])})
        if head.format > FORMAT:
            raise ValueError(f"it is of format {head.format}, made by a newer version")
        end = folder / _END
        ended = orjson.loads(end.read_bytes()) if end.is_file() else None
        return Recording(folder, head, tuple(_chunks(folder)), ended)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(folder, str(error)) from error


def remove(folder: Path) -> None:
    """Delete a recording: the head first, so that what is left of it is none. Raises OSError."""
    (folder / _HEAD).unlink(missing_ok=True)
    shutil.rmtree(folder)


def _chunks(folder: Path) -> Iterator[ChunkLine]:
    """Yield the index; a last line that a kill cut short ends it."""
    path = folder / _INDEX
    if not path.is_file():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        chunk = ChunkLine(**orjson.loads(line))
        if Path(chunk.file).name != chunk.file:
            raise ValueError(f"a chunk is named {chunk.file!r}")
        yield chunk


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    if sys.platform != "win32":  # there a folder cannot be opened, and needs no sync
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _damaged(path: Path, observed: str) -> RecordingDamaged:
    return RecordingDamaged(
        f"The recording cannot be read at {path.name}.",
        subject=str(path),
        observed=observed,
        next_step="What came before can be played; delete it when it is no longer needed.",
    )
