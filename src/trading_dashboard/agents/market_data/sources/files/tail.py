"""What is new in files of trades since the last look: lines that were appended, files that came.

Owns how far each file was read. Blocking; used from one thread at a time. Only CSV is followed, and
only whole lines: Parquet cannot be appended to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trading_dashboard.agents.market_data.sources.contract import SourceFailure, SourceGarbled
from trading_dashboard.agents.market_data.sources.files.columns import read_text
from trading_dashboard.agents.market_data.sources.files.folder import (
    TEXT_SUFFIXES,
    Stamp,
    look,
    said_by_name,
)
from trading_dashboard.agents.market_data.sources.files.table import (
    FileForm,
    FileTable,
    table_of,
)

MAX_BYTES_PER_LOOK = 8 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024


@dataclass(slots=True)
class _Place:
    """How far a file was read.

    Attributes:
        heading: Its first line, so that what follows can be understood.
        offset: Byte after the last line that was read.
        is_given_up: What is wrong with it was told; it is looked at again when it changes.
    """

    stamp: Stamp
    heading: bytes = b""
    offset: int = 0
    is_given_up: bool = False


class FolderTail:
    """Follows one folder."""

    def __init__(self, folder: Path, form: FileForm) -> None:
        self._folder = folder
        self._form = form
        self._places: dict[Path, _Place] | None = None

    def news(self) -> Iterator[FileTable | SourceFailure]:
        """Yield trades that came since the last look; the first look only takes note.

        What is wrong with a file is yielded too, once for each time it changes.

        Raises:
            SourceUnreachable: The folder cannot be looked at.
        """
        stamps = {
            path: stamp
            for path, stamp in look(self._folder).items()
            if path.suffix.lower() in TEXT_SUFFIXES
        }
        is_first, places = self._places is None, self._places or {}
        self._places = {path: _continued(places.get(path), stamp) for path, stamp in stamps.items()}
        for path, place in self._places.items():
            if place.is_given_up or place.offset >= place.stamp.size:
                continue
            try:
                table = self._read(path, place, is_news=not is_first)
            except SourceFailure as failure:
                place.is_given_up = True
                yield failure
            else:
                if table is not None:
                    yield table

    def _read(self, path: Path, place: _Place, *, is_news: bool) -> FileTable | None:
        """Return the trades of the lines that follow, None if there are none."""
        label = str(path.relative_to(self._folder))
        try:
            with path.open("rb") as file:
                if not place.heading and not _take_heading(file, place, label):
                    return None
                lines = _take_lines(file, place, label, to_end=not is_news)
        except OSError as error:
            raise SourceGarbled(f"{label} cannot be read: {error.strerror or error}.") from error
        if not lines or not is_news:
            return None
        label = f"{label} after byte {place.offset - len(lines)}"
        raw = read_text(place.heading + lines, label)
        if raw.headings.kind != "trades":
            place.offset = place.stamp.size  # bars are history, not news
            return None
        symbol, interval = said_by_name(path, self._folder)
        return table_of(raw, label, symbol, interval, self._form)


def _continued(place: _Place | None, stamp: Stamp) -> _Place:
    """Return where reading goes on: at the beginning for another file of the same name."""
    if place is None or place.stamp.inode != stamp.inode or stamp.size < place.offset:
        return _Place(stamp)
    if stamp != place.stamp:
        place.stamp, place.is_given_up = stamp, False
    return place


def _take_heading(file: BinaryIO, place: _Place, label: str) -> bool:
    """Read the first line, if it is whole."""
    line = file.readline(MAX_LINE_BYTES)
    if len(line) == MAX_LINE_BYTES:
        raise SourceGarbled(f"{label}, line 1: longer than {MAX_LINE_BYTES} bytes.")
    if not line.endswith(b"\n"):
        return False
    place.heading, place.offset = line, len(line)
    return True


def _take_lines(file: BinaryIO, place: _Place, label: str, *, to_end: bool) -> bytes:
    """Return the whole lines that follow, as many as fit into one look; or pass over all."""
    begin = max(place.offset, place.stamp.size - MAX_LINE_BYTES) if to_end else place.offset
    file.seek(begin)
    content = file.read(MAX_LINE_BYTES if to_end else MAX_BYTES_PER_LOOK)
    lines = content[: content.rfind(b"\n") + 1]
    if len(content) == MAX_BYTES_PER_LOOK and not lines:
        raise SourceGarbled(f"{label} after byte {begin}: a line of {MAX_BYTES_PER_LOOK} bytes.")
    place.offset = begin + len(lines)
    return lines
