"""The archive of market data in a DuckDB file: the contract of `contract.Archive`, fulfilled.

Owns the face: what is written in one step, what is asked, and the order of maintenance. How rows
are kept is `part_store`'s, how they are sorted `compaction`'s. Nothing here is imported in a demo.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import duckdb
import numpy as np

from trading_dashboard.agents.market_data.records import (
    BAR_COLUMNS,
    Bars,
    CorporateEvent,
    Ticks,
)
from trading_dashboard.agents.market_data.store import records_kept as kept
from trading_dashboard.agents.market_data.store.actions_known import KnownActions
from trading_dashboard.agents.market_data.store.arrow import to_arrow
from trading_dashboard.agents.market_data.store.backup import copy_to
from trading_dashboard.agents.market_data.store.compaction import COMPACT_ROWS, Compaction
from trading_dashboard.agents.market_data.store.contract import (
    Gap,
    Rejected,
    SeriesInfo,
    Writing,
)
from trading_dashboard.agents.market_data.store.integrity import check_quickly
from trading_dashboard.agents.market_data.store.inventory import (
    StorageFigures,
    figures,
    list_series,
)
from trading_dashboard.agents.market_data.store.part_store import Addition, Columns, PartStore
from trading_dashboard.agents.market_data.store.parts import Part, State
from trading_dashboard.agents.market_data.store.reading import Arrays, Stretch, read_series
from trading_dashboard.agents.market_data.store.retention import Retention, apply_retention
from trading_dashboard.agents.market_data.store.schema import BARS, SCHEMA_VERSION, TICKS, Kind

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")

TICK_COLUMNS = {"at": "made", "price": "price", "size": "size", "received": "received"}
"""Of a tick, and what the column is called in the file."""
_ATTEMPTS = 5


class DuckArchive:
    """The open archive. One process owns the file; any thread may call. A context manager."""

    def __init__(
        self,
        path: Path,
        *,
        retention: Retention | None = None,
        compact_rows: int = COMPACT_ROWS,
        threads: int = 1,
        memory_mebibytes: int = 256,
    ) -> None:
        """Open or create the file, and check quickly that it is whole.

        Args:
            path: The file; its folder is made.
            retention: How long what is kept; by default everything for ever.
            compact_rows: So many rows are written before they are sorted.
            threads: Threads of one query. Readers run beside each other whatever it is.
            memory_mebibytes: What DuckDB may use; sorting more than that goes through the disk.

        Raises:
            StoreInUse: Another process has it open.
            StoreDamaged: Its content cannot be read, or is not what was written.
            StoreUnusable: It cannot be opened or created, or comes from a newer version.
        """
        settings = {"threads": str(threads), "memory_limit": f"{memory_mebibytes}MiB"}
        self.store = PartStore(path, settings)
        self._retention = retention or Retention()
        self._actions = KnownActions()
        self._maintenance = threading.Lock()
        self._compaction = Compaction(self.store, compact_rows)
        try:
            check_quickly(self.store)
        except BaseException:
            self.store.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending and give the file back; a compaction under way ends first."""
        self._compaction.stop()
        with self._maintenance:
            self.store.close()

    # Writing

    def write(self, writing: Writing) -> None:
        """Put it on disk, or nothing of it. Raises `StoreUnusable`, on a full disk, say."""
        try:
            with self.store.writing() as addition:
                addition.append(BARS, _bar_columns(addition, writing.bars))
                addition.append(TICKS, _tick_columns(addition, writing.ticks))
                kept.put_actions(addition.cursor, writing.actions)
                kept.put_gaps(addition.cursor, writing.gaps)
                kept.put_rejected(addition.cursor, writing.rejected, addition.seq)
                addition.seq += len(writing.rejected)
                kept.put_notes(addition.cursor, writing.notes or {})
        finally:  # also after a failure: what became of it, the file says
            self._actions.forget(writing.actions)

    def maintain(self, now: int | None = None) -> None:
        """Sort what is due and drop what is too old; others read and write meanwhile.

        Cheap when nothing is due: call it every minute or so. `now` is the market's time in
        microseconds; without it nothing is dropped for its age.

        Raises:
            StoreUnusable: No room, say; everything is as it was.
        """
        with self._maintenance:
            if now is not None and not self._retention.is_empty:
                apply_retention(self.store, self._compaction, self._retention, now)
            self._compaction.run()

    def compact(self) -> None:
        """Sort everything, also what is not due; the fewest parts, the quickest reads."""
        with self._maintenance:
            self._compaction.run(everything=True)

    def adopt(self, part: Part, note: str) -> int:
        """Make a part that was loaded readable and sorted; return how many rows count.

        The note of how far loading was goes with it. A crash in the middle leaves it readable.
        """
        with self._maintenance:
            with self.store.rearranging() as cursor:
                cursor.execute("UPDATE parts SET state = ? WHERE id = ?", [State.SEALED, part.id])
                cursor.execute("DELETE FROM notes WHERE key = ?", [note])
            return self._compaction.sort(replace(part, state=State.SEALED))

    def backup(self, path: Path) -> None:
        """Write a whole copy while others read and write; it is there whole or not at all."""
        with self._maintenance:
            copy_to(self.store, path)

    # Reading

    def bars(
        self,
        source: str,
        symbol: str,
        interval: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> pa.Table:
        """Return bars that open in [start, end), oldest first, columns as in `Bars`.

        With a limit the first ones, or the newest ones.
        """
        stretch = Stretch(start, end, limit, newest)
        rows = self._rows(BARS, (source, symbol, interval), stretch)
        return to_arrow({name: rows[name] for name in BAR_COLUMNS})

    def ticks(self, source: str, symbol: str, start: int, end: int) -> pa.Table:
        """Return ticks made in [start, end), oldest first: at, price, size, received."""
        rows = self._rows(TICKS, (source, symbol, ""), Stretch(start, end))
        return to_arrow({name: rows[column] for name, column in TICK_COLUMNS.items()})

    def series(self, symbol: str | None = None) -> Sequence[SeriesInfo]:
        """Return what is stored, of one symbol or of all; ticks have an empty interval."""
        return self._steadily(lambda: list_series(self.store, symbol))

    def actions(self, source: str, symbol: str) -> Sequence[CorporateEvent]:
        """Return splits and dividends, oldest first."""

        def read() -> Sequence[CorporateEvent]:
            with self.store.database.explained():
                return kept.get_actions(self.store.database.cursor(), source, symbol)

        def read_symbols() -> set[tuple[str, str]]:
            with self.store.database.explained():
                return kept.get_symbols_with_actions(self.store.database.cursor())

        return self._actions.get((source, symbol), read, read_symbols)

    def rejected(
        self, symbol: str | None = None, source: str | None = None, *, limit: int = 100
    ) -> Sequence[Rejected]:
        """Return the rows rejected last, newest first."""
        with self.store.database.explained():
            return kept.get_rejected(self.store.database.cursor(), symbol, source, limit)

    def rejected_counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many rows were rejected, by source and symbol."""
        with self.store.database.explained():
            return kept.get_rejected_counts(self.store.database.cursor())

    def gaps(self, symbol: str | None = None, *, limit: int = 1000) -> Sequence[Gap]:
        """Return gaps, newest first."""
        with self.store.database.explained():
            return kept.get_gaps(self.store.database.cursor(), symbol, limit)

    def note(self, key: str) -> str | None:
        """Return what was noted under a key."""
        with self.store.database.explained():
            return kept.get_note(self.store.database.cursor(), key)

    def noted(self, begins_with: str, *, limit: int) -> Mapping[str, str]:
        """Return up to so many notes whose key begins with a text."""
        with self.store.database.explained():
            return kept.get_notes(self.store.database.cursor(), begins_with, limit)

    def figures(self) -> StorageFigures:
        """Return how much is stored and what room it takes."""
        return self._steadily(lambda: figures(self.store, SCHEMA_VERSION))

    # Private

    def _rows(self, kind: Kind, key: tuple[str, str, str], stretch: Stretch) -> Arrays:
        number = self.store.series_id(key)
        # A series nobody wrote has no rows, and so has the number no series is given.
        return self._steadily(lambda: read_series(self.store, kind, number or 0, stretch))

    def _steadily(self, work: Callable[[], Result]) -> Result:
        """Read again if the parts were exchanged between looking them up and reading them."""
        with self.store.database.explained():
            for _ in range(_ATTEMPTS - 1):
                try:
                    return work()
                except duckdb.CatalogException:
                    with self.store.lock:  # until the list of parts is the new one
                        continue
            return work()


def _bar_columns(addition: Addition, batches: Sequence[Bars]) -> Columns:
    batches = [batch for batch in batches if len(batch)]
    if not batches:
        return {"series": np.empty(0, np.int32)}
    series = [addition.series_id((b.source, b.symbol, b.interval)) for b in batches]
    columns = {name: np.concatenate([getattr(b, name) for b in batches]) for name in BAR_COLUMNS}
    lengths = [len(batch) for batch in batches]
    return {"series": np.repeat(np.array(series, np.int32), lengths), **columns}


def _tick_columns(addition: Addition, batches: Sequence[Ticks]) -> Columns:
    batches = [batch for batch in batches if len(batch)]
    if not batches:
        return {"series": np.empty(0, np.int32)}
    series = []
    for batch in batches:
        numbers = np.zeros(len(batch.symbols), np.int32)
        for at in np.unique(batch.symbol).tolist():
            numbers[at] = addition.series_id((batch.source, batch.symbols[at], ""))
        series.append(numbers[batch.symbol])
    columns = {
        column: np.concatenate([getattr(batch, name) for batch in batches])
        for name, column in TICK_COLUMNS.items()
    }
    return {"series": np.concatenate(series), **columns}
