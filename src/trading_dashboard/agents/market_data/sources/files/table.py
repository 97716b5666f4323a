"""One file read whole: its values turned into arrays, its mistakes told by line.

Owns what the columns mean. A value that cannot be read becomes NaN, a time `UNREADABLE`, and the
row stays, for `quality` to judge.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from trading_dashboard.agents.market_data.records import Floats, Indices, Integers
from trading_dashboard.agents.market_data.sources.contract import SourceGarbled
from trading_dashboard.agents.market_data.sources.files.arrow_columns import (
    codes,
    floats,
    joined,
)
from trading_dashboard.agents.market_data.sources.files.columns import (
    RawTable,
    read_parquet,
    read_text,
)
from trading_dashboard.agents.market_data.sources.files.folder import PARQUET_SUFFIXES
from trading_dashboard.agents.market_data.sources.files.headings import Kind
from trading_dashboard.agents.market_data.sources.files.moments import Moments, moments_of
from trading_dashboard.agents.market_data.sources.readings import (
    SECONDS,
    UNREADABLE,
    is_daily,
    number,
)

if TYPE_CHECKING:
    import pyarrow as pa

SETTLED_SECONDS = 2.0
"""A last line without an end that is younger than this may still be written."""
MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """How files are to be read, as the user configured it."""

    zone: ZoneInfo
    decimal: str = "."
    time_format: str = ""
    max_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTable:
    """A file's rows, in its order.

    Attributes:
        interval: Of bars; empty for trades.
        symbols: What `code` points into.
        at: int64[n], microseconds UTC.
        values: float64[n] each, by `records` name.
        problems: What could not be read, by file and line, the first few.
    """

    kind: Kind
    interval: str
    symbols: tuple[str, ...]
    code: Indices
    at: Integers
    values: dict[str, Floats]
    problems: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Return the memory it takes."""
        values = sum(column.nbytes for column in self.values.values())
        return self.code.nbytes + self.at.nbytes + values


def read_file(path: Path, label: str, symbol: str, interval: str, form: FileForm) -> FileTable:
    """Return a file's rows; `symbol` and `interval` are what its name says.

    Raises:
        SourceGarbled: It cannot be used as a whole; the text names `label`, and the line.
    """
    try:
        size = path.stat().st_size
        if size > form.max_bytes:
            raise SourceGarbled(
                f"{label} has {size / 2**20:.1f} MiB, {form.max_bytes / 2**20:.1f} are allowed: "
                "split it, raise max_file_megabytes, or import it into the store."
            )
        if path.suffix.lower() in PARQUET_SUFFIXES:
            raw = read_parquet(path, label)
        else:
            with path.open("rb") as file:
                content = file.read(form.max_bytes)
                age = time.time() - os.fstat(file.fileno()).st_mtime
            raw = read_text(settled(content, age), label)
    except OSError as error:
        raise SourceGarbled(f"{label} cannot be read: {error.strerror or error}.") from error
    return table_of(raw, label, symbol, interval, form)


def table_of(raw: RawTable, label: str, symbol: str, interval: str, form: FileForm) -> FileTable:
    """Return columns as arrays. Raises `SourceGarbled` if the interval cannot be told."""
    headings = raw.headings
    symbols, code = _symbols(raw, symbol)
    moments = moments_of(_time_column(raw), form.time_format)
    if headings.kind == "trades":
        interval = ""
    elif not interval:
        interval = _told_by_distance(moments, code, label)
    at = moments.midnights(form.zone) if is_daily(interval) else moments.utc(form.zone)
    values = {
        name: _numbers(raw.columns[index], form.decimal) for name, index in headings.values.items()
    }
    values.setdefault("size" if headings.kind == "trades" else "volume", np.zeros(len(at)))
    return FileTable(
        kind=headings.kind,
        interval=interval,
        symbols=symbols,
        code=code,
        at=at,
        values=values,
        problems=tuple(f"{label}, {text}" for text in _problems(raw, at, values)),
    )


def settled(content: bytes, age_seconds: float) -> bytes:
    """Return a file's content without a last line that may still be written."""
    if age_seconds > SETTLED_SECONDS or content.endswith((b"\n", b"\r")):
        return content
    return content[: content.rfind(b"\n") + 1]


def _symbols(raw: RawTable, symbol: str) -> tuple[tuple[str, ...], Indices]:
    import pyarrow as pa
    import pyarrow.compute as pc

    index = raw.headings.symbol
    count = len(next(iter(raw.columns.values())))
    if index is None:
        return (symbol,), np.zeros(count, dtype=np.int32)
    return codes(pc.utf8_trim_whitespace(pc.cast(raw.columns[index], pa.string())))


def _time_column(raw: RawTable) -> Any:
    columns = [raw.columns[index] for index in raw.headings.time]
    return columns[0] if len(columns) == 1 else joined(*columns)


def _numbers(column: pa.ChunkedArray, decimal: str) -> Floats:
    """Return float64[n]; what is no number is NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        if decimal != ".":
            column = pc.replace_substring(column, decimal, ".")
        column = pc.utf8_trim_whitespace(column)
    try:
        return floats(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.array([number(value) for value in column.to_pylist()], dtype=np.float64)


def _told_by_distance(moments: Moments, code: Indices, label: str) -> str:
    """Return the interval that most rows of a symbol are apart."""
    order = np.lexsort((moments.at, code))
    at, owner = moments.at[order], code[order]
    apart = np.diff(at)[(np.diff(owner) == 0) & (at[:-1] != UNREADABLE)]
    seconds = float(np.median(apart[apart > 0])) / 1e6 if (apart > 0).any() else 0.0
    for interval, length in SECONDS.items():
        if seconds == length:
            return interval
    for interval, low, high in (("1d", 1, 4), ("1w", 5, 10), ("1M", 27, 32)):
        if low * 86_400 <= seconds <= high * 86_400:
            return interval
    observed = f"rows are {seconds:g} s apart" if seconds else "there are too few rows"
    raise SourceGarbled(
        f"{label}: the interval of its bars cannot be told, {observed}. Say it in the file's name, "
        "such as AAPL_1d.csv."
    )


def _problems(raw: RawTable, at: Integers, values: dict[str, Floats]) -> list[str]:
    """Return what could not be read of the first bad rows, and how many more there are."""
    unread = {"time": at == UNREADABLE} | {name: np.isnan(told) for name, told in values.items()}
    rows = np.flatnonzero(np.logical_or.reduce(list(unread.values())))
    found = []
    for row in rows[:MAX_PROBLEMS].tolist():
        names = ", ".join(name for name, bad in unread.items() if bad[row])
        found.append(f"{raw.place(row)}: cannot be read: {names}")
    if len(rows) > MAX_PROBLEMS:
        found.append(f"{len(rows) - MAX_PROBLEMS} more rows have values that cannot be read")
    return found
