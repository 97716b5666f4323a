"""Bars out of the archive into a file: Parquet, CSV or Arrow.

Owns writing. A bounded number of rows is in memory at a time; a file is there whole or not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pyarrow import ipc

from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.bulk.errors import ExportFailed
from trading_dashboard.agents.market_data.store.contract import SeriesInfo
from trading_dashboard.agents.market_data.store.database import sync_folder

PAGE_ROWS = 250_000
FORMATS = ("parquet", "csv", "arrow")
_TEXTS = ("source", "symbol", "interval")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("start", pa.timestamp("us", tz="UTC")),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
        ("closed", pa.bool_()),
        ("revision", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which bars: of all that are stored, those that fit everything given."""

    source: str | None = None
    symbols: frozenset[str] = frozenset()
    interval: str | None = None
    start: int | None = None
    end: int | None = None

    def fits(self, info: SeriesInfo) -> bool:
        """Return whether bars of a series are wanted; ticks are not bars."""
        return (
            bool(info.interval)
            and self.source in {None, info.source}
            and self.interval in {None, info.interval}
            and (not self.symbols or info.symbol in self.symbols)
        )


Progress = Callable[[int, int], None]
"""Told how many series of how many are written."""


def export_bars(
    archive: DuckArchive,
    path: Path,
    selection: Selection,
    kind: str,
    on_progress: Progress | None = None,
) -> int:
    """Write bars to a file, by symbol, source and interval, oldest first; return how many.

    Raises:
        ExportFailed: The file cannot be written; one that was there is unchanged.
        StoreUnusable: The archive cannot be read.
    """
    wanted = [info for info in archive.series() if selection.fits(info)]
    partial = path.with_name(f"{path.name}.partial")
    rows = 0
    try:
        with partial.open("wb") as file:
            with _Writer(file, kind) as writer:
                for number, info in enumerate(wanted, start=1):
                    for page in _pages(archive, info, selection):
                        rows += page.num_rows
                        writer.add(_labelled(page, info))
                    if on_progress:
                        on_progress(number, len(wanted))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except (OSError, pa.ArrowException) as error:
        raise ExportFailed(
            f"{path} cannot be written.",
            subject=str(path),
            observed=str(error).splitlines()[0],
            next_step="Check the folder's permissions and free space.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return rows


class _Writer:
    """Gathers pages until they are worth a row group."""

    def __init__(self, file: Any, kind: str) -> None:
        self._stack = ExitStack()
        if kind == "parquet":
            made: Any = pq.ParquetWriter(file, _SCHEMA, compression="zstd")
        elif kind == "csv":
            made = pacsv.CSVWriter(file, _SCHEMA)
        else:
            made = ipc.new_file(file, _SCHEMA)
        self._writer = made
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self._writer)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._stack:
            if kind is None:
                self._flush()

    def add(self, page: pa.Table) -> None:
        self._waiting.append(page)
        self._rows += page.num_rows
        if self._rows >= PAGE_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(table)
        self._waiting, self._rows = [], 0


def _pages(archive: DuckArchive, info: SeriesInfo, selection: Selection) -> Iterator[pa.Table]:
    start = selection.start
    while True:
        page = archive.bars(
            info.source,
            info.symbol,
            info.interval,
            start=start,
            end=selection.end,
            limit=PAGE_ROWS,
        )
        if page.num_rows:
            yield page
        if page.num_rows < PAGE_ROWS:
            return
        start = int(page.column("start")[-1].as_py()) + 1


def _labelled(page: pa.Table, info: SeriesInfo) -> pa.Table:
    count = page.num_rows
    texts: Sequence[str] = (info.source, info.symbol, info.interval)
    columns = [pa.repeat(pa.scalar(text), count) for text in texts]
    columns.append(page.column("start").cast(pa.timestamp("us")).cast(_SCHEMA.field("start").type))
    columns += [page.column(field.name) for field in list(_SCHEMA)[4:]]
    return pa.table(columns, schema=_SCHEMA)
