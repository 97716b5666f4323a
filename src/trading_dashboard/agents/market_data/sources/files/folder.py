"""The folder that a user drops files in: what is there, and what a file's name says.

Owns looking, without reading any file. A change is seen by size, modification time and inode.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from trading_dashboard.agents.market_data.sources.contract import SourceUnreachable
from trading_dashboard.models.market import INTERVALS

MAX_FILES = 10_000
MAX_DEPTH = 3
TEXT_SUFFIXES = frozenset({".csv", ".tsv"})
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})

_WORDS = {
    "daily": "1d", "day": "1d", "weekly": "1w", "week": "1w", "monthly": "1M", "month": "1M",
    "hourly": "1h", "hour": "1h", "minute": "1m", "1min": "1m", "5min": "5m", "15min": "15m",
    "30min": "30m", "60min": "1h", "1day": "1d",
}  # fmt: skip
_LAST_PART = re.compile(r"(.*?)[._ -]?([^._ -]+)")


class Stamp(NamedTuple):
    """What changes when a file does."""

    size: int
    modified_ns: int
    inode: int


def look(folder: Path) -> Mapping[Path, Stamp]:
    """Return the data files of a folder and its subfolders, in order of their names.

    Hidden files and those that are still written under another suffix are passed over.

    Raises:
        SourceUnreachable: The folder cannot be looked at, or holds too many files.
    """
    found: dict[Path, Stamp] = {}
    try:
        for path, status in _walk(folder, MAX_DEPTH):
            if len(found) == MAX_FILES:
                raise SourceUnreachable(
                    f"{folder} holds more than {MAX_FILES} files: put many symbols in one file, "
                    "with a column for the symbol."
                )
            found[path] = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    except OSError as error:
        raise SourceUnreachable(
            f"The folder {folder} cannot be looked at: {error.strerror or error}."
        ) from error
    return dict(sorted(found.items()))


def said_by_name(path: Path, root: Path) -> tuple[str, str]:
    """Return the symbol and the interval a file's name says, the interval empty if it says none.

    ``AAPL_1d.csv``, ``AAPL.1d.csv`` and ``1d/AAPL.csv`` all mean the same.
    """
    stem = path.stem
    match = _LAST_PART.fullmatch(stem)
    if match and match[1] and (interval := _interval(match[2])):
        return match[1], interval
    for parent in path.relative_to(root).parts[:-1][::-1]:
        if interval := _interval(parent):
            return stem, interval
    return stem, ""


def _interval(word: str) -> str:
    return word if word in INTERVALS else _WORDS.get(word.lower(), "")


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth > 1:
                    yield from _walk(Path(entry.path), depth - 1)
            elif Path(entry.name).suffix.lower() in TEXT_SUFFIXES | PARQUET_SUFFIXES:
                try:
                    status = entry.stat()
                except FileNotFoundError:  # gone since
                    continue
                if entry.is_file():
                    yield Path(entry.path), status
