"""Rows of one series out of all parts, as columns.

Owns the statement that asks for them and putting together what parts say differently: of a bar, the
highest revision counts, then what was written last. Half of a small read is DuckDB looking at the
statement, so that of a small one says as little as possible: bounds are cut, and the series is
checked, in the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.errors import StoreDamaged
from trading_dashboard.agents.market_data.store.arrow import to_numpy
from trading_dashboard.agents.market_data.store.database import Database
from trading_dashboard.agents.market_data.store.part_store import PartStore
from trading_dashboard.agents.market_data.store.parts import Index, Part
from trading_dashboard.agents.market_data.store.schema import Kind

MANY_ROWS = 50_000
"""From so many rows on they are fetched through Arrow."""

SMALL_ROWS = 10_000
"""With a limit up to here a read is a small one."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is asked for: rows with a time in [start, end), all or so many from one side."""

    start: int | None = None
    end: int | None = None
    limit: int | None = None
    newest: bool = False

    @property
    def is_small(self) -> bool:
        """Return whether only few rows are wanted."""
        return self.limit is not None and self.limit <= SMALL_ROWS

    def conditions(self, time: str, first: int, last: int) -> list[str]:
        """Return what must be asked of rows that go from `first` to `last`."""
        found = []
        if self.start is not None and self.start > first:
            found.append(f"{time} >= {int(self.start)}")
        if self.end is not None and self.end <= last:
            found.append(f"{time} < {int(self.end)}")
        return found

    def cuts_into(self, first: int, last: int) -> bool:
        """Return whether rows that go from `first` to `last` do not begin or end with the wanted.

        The side that counts is the one so many are wanted from.
        """
        if self.newest:
            return self.end is not None and self.end <= last
        return self.start is not None and self.start > first

    def within(self, times: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which times are in it; None if all are."""
        inside = np.ones(len(times), dtype=np.bool_)
        if self.start is not None:
            inside &= times >= self.start
        if self.end is not None:
            inside &= times < self.end
        return None if inside.all() else inside

    def misses(self, first: int, last: int) -> bool:
        """Return whether none of such rows can be in it."""
        return (self.start is not None and last < self.start) or (
            self.end is not None and first >= self.end
        )


def read_series(store: PartStore, kind: Kind, series: int, stretch: Stretch) -> Arrays:
    """Return the rows of a series, oldest first; their columns are `kind.read`.

    Raises:
        StoreDamaged: Where this series should be are rows of another.
    """
    names = ", ".join(name for name in kind.columns if stretch.is_small or name != "series")
    selects: list[str] = []
    expected = 0
    for part in store.parts.readable(kind):
        found = _select(store, part, series, stretch, names)
        if found is not None:
            selects.append(found[0])
            expected += found[1]
    if not selects:
        return {name: np.empty(0, _DTYPES[kind.columns[name]]) for name in kind.read}
    query = selects[0] if len(selects) == 1 else " UNION ALL ".join(f"({each})" for each in selects)
    fetch = _fetch_many if expected >= MANY_ROWS else _fetch
    rows = fetch(store.database, query)
    if stretch.is_small:
        if (rows.pop("series") != series).any():
            raise _not_its_own(store, series, query)
        inside = stretch.within(rows[kind.time])
        if inside is not None:
            rows = {name: column[inside] for name, column in rows.items()}
    return (
        {name: rows[name] for name in kind.read}
        if not len(rows["seq"])
        else _settle(kind, rows, stretch)
    )


def _not_its_own(store: PartStore, series: int, query: str) -> StoreDamaged:
    return StoreDamaged(
        f"Rows of another series are where those of number {series} should be.",
        subject=str(store.database.path),
        observed=query,
        next_step="`trading-dashboard data check` says what is damaged; start the agent again.",
    )


def settled(kind: Kind, rows: Arrays) -> NDArray[np.int64] | None:
    """Return which rows count, in order; None if that is what they are already."""
    times = rows[kind.time]
    keys = [times] if "series" not in rows else [rows["series"], times]
    if _is_increasing(keys, strictly=kind.is_unique):
        return None
    names = [name for name in ("series", *kind.order) if name in rows]
    order: NDArray[np.int64] = np.lexsort([rows[name] for name in reversed(names)])
    if kind.is_unique:
        differs = np.zeros(len(order) - 1, dtype=np.bool_)
        for key in keys:
            differs |= key[order[1:]] != key[order[:-1]]
        order = order[np.append(differs, True)]
    return order


def _is_increasing(keys: Sequence[NDArray[Any]], *, strictly: bool) -> bool:
    """Return whether rows are in order of their keys, the first key first."""
    later = np.zeros(max(len(keys[0]) - 1, 0), dtype=np.bool_)
    equal = np.ones_like(later)
    for key in keys:
        later |= equal & (key[1:] > key[:-1])
        equal &= key[1:] == key[:-1]
    return bool(np.all(later if strictly else later | equal))


def _select(
    store: PartStore, part: Part, series: int, stretch: Stretch, names: str
) -> tuple[str, int] | None:
    """Return what is asked of a part, and how many rows it may give at most."""
    time = part.kind.time
    if part.index is not None:
        found = part.index.find(series)
        if found is None:
            return None
        return _select_sorted(part, part.index, found, stretch, names)
    unsorted = store.unsorted(part)
    if series not in unsorted.series:
        return None
    where = [f"series = {series}", *stretch.conditions(time, -(2**63), 2**63 - 1)]
    return f"SELECT {names} FROM {part.table} WHERE {' AND '.join(where)}", unsorted.rows


def _select_sorted(
    part: Part, index: Index, found: int, stretch: Stretch, names: str
) -> tuple[str, int] | None:
    first, last = int(index.first[found]), int(index.last[found])
    if stretch.misses(first, last):
        return None
    time = part.kind.time
    more = stretch.conditions(time, first, last)
    where = [f"series = {int(index.series[found])}", *more]
    tail = ""
    begin, count = int(index.position[found]), int(index.rows[found])
    if stretch.limit is not None and stretch.cuts_into(first, last):
        tail = f" ORDER BY {time} {'DESC' if stretch.newest else 'ASC'} LIMIT {int(stretch.limit)}"
    elif stretch.limit is not None:
        # Rows of a sorted part are in order: the newest are at its end, found by their number.
        # A bound at the other side leaves out some of them and asks for no others.
        rows, count = count, min(int(stretch.limit), count)
        begin += rows - count if stretch.newest else 0
        numbers = f"rowid >= {begin} AND rowid < {begin + count}"
        where = [numbers] if stretch.is_small else [*where, numbers]
    return f"SELECT {names} FROM {part.table} WHERE {' AND '.join(where)}{tail}", count


def _fetch(database: Database, query: str) -> Arrays:
    # Much quicker for few rows than through a relation, and it does not import pandas.
    fetched: Arrays = database.cursor().execute(query).fetchnumpy()
    return fetched


def _fetch_many(database: Database, query: str) -> Arrays:
    """Return the same through Arrow: for many rows in half the time, made in DuckDB's threads."""
    with database.lent() as cursor:
        table = cursor.sql(query).to_arrow_table()
    return {name: to_numpy(table.column(name).combine_chunks()) for name in table.column_names}


def _settle(kind: Kind, rows: Arrays, stretch: Stretch) -> Arrays:
    order = settled(kind, rows)
    part: slice | NDArray[np.int64] = slice(None) if order is None else order
    if stretch.limit is not None:
        count = len(rows["seq"]) if order is None else len(order)
        keep = min(stretch.limit, count)
        chosen = slice(count - keep, count) if stretch.newest else slice(0, keep)
        part = chosen if order is None else order[chosen]
    return {name: rows[name][part] for name in kind.read}


_DTYPES = {
    "INTEGER": np.int32,
    "BIGINT": np.int64,
    "DOUBLE": np.float64,
    "BOOLEAN": np.bool_,
}
