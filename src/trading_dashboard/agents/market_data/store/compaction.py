"""Sorting what was written, while others read and write.

Owns when parts are sealed and merged, and the rewriting itself: rows pass through memory in batches
from old parts, in order, into a new one, which takes their place in one transaction. A crash before
that leaves the old parts. Parts of about the same size are merged when there are four of them, so
each row is rewritten a few times however much there is.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.store.arrow import to_arrow, to_numpy
from trading_dashboard.agents.market_data.store.digest import PartDigest
from trading_dashboard.agents.market_data.store.part_store import (
    PartStore,
    append_rows,
    drop_parts,
    insert_table,
    make_part,
)
from trading_dashboard.agents.market_data.store.parts import Index, Part, State, insert_part
from trading_dashboard.agents.market_data.store.reading import Arrays, settled
from trading_dashboard.agents.market_data.store.schema import KINDS, Kind

if TYPE_CHECKING:
    import duckdb

COMPACT_ROWS = 250_000
BATCH_ROWS = 500_000
SORT_ROWS = 1_000_000
"""About so many are sorted at once; what must be in memory does not grow with the archive."""
FAN_IN = 4

Step = Callable[[int], None]
"""Told how many rows have passed."""

logger = logging.getLogger(__name__)


class Compaction:
    """Keeps the parts of one store few and sorted. Called by one thread at a time."""

    def __init__(self, store: PartStore, compact_rows: int) -> None:
        self._store = store
        self._compact_rows = compact_rows
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End what is under way at its next batch; nothing is begun any more."""
        self._stopping.set()

    def run(self, *, everything: bool = False, on_rows: Step | None = None) -> None:
        """Sort and merge what is due, or all there is."""
        with contextlib.suppress(_Stopped):
            self._drop_leftovers()
            for kind in KINDS.values():
                self._seal(kind, 1 if everything else self._compact_rows)
                sealed = self._store.parts.in_state(kind, State.SEALED)
                if sealed:
                    self.rewrite(sealed, on_rows=on_rows)
                while group := self._due(kind, everything):
                    self.rewrite(group, on_rows=on_rows)

    def sort(self, part: Part) -> int:
        """Sort one sealed part, which may be in order already; return how many rows count."""
        digest = PartDigest(part.kind)
        last: Arrays = {}
        with self._store.database.stream() as cursor:
            query = f"SELECT {', '.join(part.kind.columns)} FROM {part.table}"
            for batch in batches(cursor, query, part.kind):
                self._check()
                seam = {name: np.concatenate([last[name], batch[name][:1]]) for name in last}
                if settled(part.kind, batch) is not None or (
                    seam and settled(part.kind, seam) is not None
                ):
                    break
                last = {name: array[-1:] for name, array in batch.items()}
                digest.add(batch)
            else:
                self._settle(part, digest)
                return digest.rows
        return self.rewrite([part])

    def rewrite(
        self, parts: Sequence[Part], keep: str = "true", on_rows: Step | None = None
    ) -> int:
        """Replace parts by a sorted one with the rows that are to be kept; return how many."""
        kind = parts[0].kind
        digest = PartDigest(kind)
        with self._store.rearranging() as cursor:
            made = make_part(cursor, kind, State.MAKING)
        try:
            for rows in self._sorted(kind, parts, keep):
                digest.add(rows)
                with self._store.database.transaction() as cursor:
                    append_rows(cursor, kind, made.table, rows)
                if on_rows:
                    on_rows(digest.rows)
            self._exchange(parts, made, digest)
        except BaseException:
            # On a full disk even this may fail; what is left is dropped at the next run or start.
            with contextlib.suppress(StoreUnusable), self._store.rearranging() as cursor:
                drop_parts(cursor, [made])
            raise
        logger.info("Sorted %d rows of %d parts of %s", digest.rows, len(parts), kind.name)
        return digest.rows

    def _exchange(self, old: Sequence[Part], made: Part, digest: PartDigest) -> None:
        with self._store.rearranging() as cursor:
            drop_parts(cursor, [*old] if digest.rows else [*old, made])
            if digest.rows:
                _write_down(cursor, made, digest)

    def _settle(self, part: Part, digest: PartDigest) -> None:
        """Make a part that is in order a sorted one, as it is."""
        with self._store.rearranging() as cursor:
            if digest.rows:
                _write_down(cursor, part, digest)
            else:
                drop_parts(cursor, [part])

    def _seal(self, kind: Kind, least: int) -> None:
        """Let a new part take what is written from now on."""
        part = self._store.parts.open(kind)
        if self._store.unsorted(part).rows < least:
            return
        with self._store.rearranging() as cursor:
            cursor.execute("UPDATE parts SET state = ? WHERE id = ?", [State.SEALED.value, part.id])
            make_part(cursor, kind, State.OPEN)

    def _due(self, kind: Kind, everything: bool) -> list[Part]:
        """Return parts to merge now."""
        self._check()
        found = self._store.parts.in_state(kind, State.SORTED)
        if everything:
            return found if len(found) > 1 else []
        tiers: dict[int, list[Part]] = defaultdict(list)
        for part in found:
            size = max(part.rows / self._compact_rows, 1.0)
            tiers[int(math.log(size, FAN_IN))].append(part)
        return next((group for _, group in sorted(tiers.items()) if len(group) >= FAN_IN), [])

    def _drop_leftovers(self) -> None:
        self._check()
        left = [
            p for kind in KINDS.values() for p in self._store.parts.in_state(kind, State.MAKING)
        ]
        if left:
            with self._store.rearranging() as cursor:
                drop_parts(cursor, left)

    def _sorted(self, kind: Kind, parts: Sequence[Part], keep: str) -> Iterator[Arrays]:
        """Yield the rows that count, in order."""
        names = ", ".join(kind.columns)
        order = "" if is_in_order(parts) else f" ORDER BY series, {', '.join(kind.order)}"
        held: Arrays = {}
        with self._store.database.stream() as cursor:
            for batch in (
                batch
                for stretch in self._stretches(cursor, parts, keep)
                for batch in batches(cursor, f"{_union(parts, names, stretch)}{order}", kind)
            ):
                self._check()
                rows = {name: np.concatenate([held[name], batch[name]]) for name in held} or batch
                which = settled(kind, rows)
                if which is not None:
                    rows = {name: array[which] for name, array in rows.items()}
                # The last row waits: the next batch may say the same bar better.
                held = {name: array[-1:] for name, array in rows.items()}
                yield {name: array[:-1] for name, array in rows.items()}
        if held:
            yield held

    def _stretches(
        self, cursor: duckdb.DuckDBPyConnection, parts: Sequence[Part], keep: str
    ) -> list[str]:
        """Return conditions that divide the rows by series, in order, none with too many."""
        if is_in_order(parts):
            return [keep]
        every = _union(parts, "series", keep)
        counts = cursor.execute(
            f"SELECT series::BIGINT AS series, count(*) AS rows FROM ({every}) "
            "GROUP BY series ORDER BY series"
        ).fetchnumpy()
        series, group = counts["series"], np.cumsum(counts["rows"]) // SORT_ROWS
        begins = np.flatnonzero(np.diff(group, prepend=-1))
        lasts = np.append(begins[1:], len(series)) - 1
        return [
            f"{keep} AND series BETWEEN {first} AND {last}"
            for first, last in zip(series[begins].tolist(), series[lasts].tolist(), strict=True)
        ]

    def _check(self) -> None:
        if self._stopping.is_set():
            raise _Stopped


class _Stopped(Exception):
    """The archive is being closed."""


def batches(
    cursor: duckdb.DuckDBPyConnection, query: str, kind: Kind, rows: int = BATCH_ROWS
) -> Iterator[Arrays]:
    """Yield the result of a query piece by piece, never empty pieces."""
    reader = cursor.sql(query).to_arrow_reader(rows)
    try:
        for batch in reader:
            if batch.num_rows:
                yield {name: to_numpy(batch.column(name)) for name in kind.columns}
    finally:
        reader.close()


def _union(parts: Sequence[Part], names: str, keep: str) -> str:
    return " UNION ALL ".join(f"SELECT {names} FROM {part.table} WHERE {keep}" for part in parts)


def is_in_order(parts: Sequence[Part]) -> bool:
    """Return whether one sorted part is all there is."""
    return len(parts) == 1 and parts[0].state is State.SORTED


def _write_down(cursor: duckdb.DuckDBPyConnection, part: Part, digest: PartDigest) -> None:
    """Say of a part that it is sorted, and where its series are."""
    index = digest.index()
    cursor.execute("DELETE FROM parts WHERE id = ?", [part.id])
    insert_part(
        cursor,
        replace(
            part,
            state=State.SORTED,
            rows=digest.rows,
            max_seq=digest.max_seq,
            digest=digest.text(),
        ),
    )
    _insert_index(cursor, part.id, index)


def _insert_index(cursor: duckdb.DuckDBPyConnection, part: int, index: Index) -> None:
    columns: Arrays = {
        "part": np.full(len(index.series), part, np.int32),
        "series": index.series.astype(np.int32),
        "first": index.first,
        "last": index.last,
        "row_count": index.rows,
        "position": index.position,
    }
    insert_table(cursor, "part_series", tuple(columns), to_arrow(columns))
