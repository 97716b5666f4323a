"""The parts rows are kept in: one that is written to, some that are sorted and never change.

Owns what is known of them in memory, which is replaced as a whole when it changes: a reader that
holds the old list reads what was true when it took it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from trading_dashboard.agents.market_data.records import Integers
from trading_dashboard.agents.market_data.store.schema import KINDS, Kind

if TYPE_CHECKING:
    import duckdb

Key = tuple[str, str, str]
"""Source, symbol and interval; the interval of ticks is empty."""


class State(StrEnum):
    """The life of a part."""

    OPEN = "open"
    """Written to; there is one of each kind."""
    SEALED = "sealed"
    """Not written to any more, waits to be sorted."""
    SORTED = "sorted"
    """Sorted by series and time; of bars, unique."""
    MAKING = "making"
    """Being sorted; nobody reads it. Left over after a crash, it is dropped."""
    LOADING = "loading"
    """Being filled by an import; nobody reads it. It outlives a crash, to go on."""


READABLE = frozenset({State.OPEN, State.SEALED, State.SORTED})


@dataclass(frozen=True, slots=True)
class Index:
    """Where each series is in a sorted part: five int64[n], by `series`."""

    series: Integers
    first: Integers
    last: Integers
    rows: Integers
    position: Integers
    """Row number of the series' first row."""

    def find(self, series: int) -> int | None:
        """Return where a series is in the arrays."""
        at = int(np.searchsorted(self.series, series))
        return at if at < len(self.series) and self.series[at] == series else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part.

    Attributes:
        rows: Of a sorted part; others count when asked.
        max_seq: The highest `seq` in a part that is not written to.
        digest: Of a sorted part; see `digest`.
        index: None where series are not in order.
    """

    id: int
    kind: Kind
    state: State
    rows: int = 0
    max_seq: int = 0
    digest: str = ""
    index: Index | None = None

    @property
    def table(self) -> str:
        """Return the name of its table."""
        return f"{self.kind.name}_{self.id}"


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts at one moment."""

    every: tuple[Part, ...] = ()
    names: Mapping[int, Key] = field(default_factory=dict)
    """Series by id."""

    def readable(self, kind: Kind) -> list[Part]:
        """Return the parts readers look into, the open one last."""
        found = [part for part in self.every if part.kind is kind and part.state in READABLE]
        return sorted(found, key=lambda part: (part.state is State.OPEN, part.id))

    def open(self, kind: Kind) -> Part:
        """Return the part that is written to."""
        return next(part for part in self.every if part.kind is kind and part.state is State.OPEN)

    def in_state(self, kind: Kind, state: State) -> list[Part]:
        """Return the parts in a state, oldest first."""
        return [part for part in self.every if part.kind is kind and part.state is state]


def load_parts(cursor: duckdb.DuckDBPyConnection) -> Parts:
    """Return what the file says."""
    series = cursor.execute("SELECT id, source, symbol, interval FROM series").fetchall()
    every = [
        Part(
            id=number,
            kind=KINDS[kind],
            state=State(state),
            rows=rows,
            max_seq=max_seq,
            digest=digest,
            index=load_index(cursor, number) if state == State.SORTED else None,
        )
        for number, kind, state, rows, max_seq, digest in cursor.execute(
            "SELECT id, kind, state, row_count, max_seq, digest FROM parts ORDER BY id"
        ).fetchall()
    ]
    return Parts(tuple(every), {number: (a, b, c) for number, a, b, c in series})


def load_index(cursor: duckdb.DuckDBPyConnection, part: int) -> Index:
    """Return where the series of a sorted part are."""
    found = cursor.execute(
        "SELECT series::BIGINT AS series, first, last, row_count, position FROM part_series "
        "WHERE part = ? ORDER BY series",
        [part],
    ).fetchnumpy()
    return Index(*(found[name] for name in ("series", "first", "last", "row_count", "position")))


def insert_part(cursor: duckdb.DuckDBPyConnection, part: Part) -> None:
    """Write a part down."""
    cursor.execute(
        "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)",
        [part.id, part.kind.name, part.state.value, part.rows, part.max_seq, part.digest],
    )


def next_part_id(cursor: duckdb.DuckDBPyConnection) -> int:
    """Return a number no part has had; it is taken by the transaction that asks."""
    rows = cursor.execute("SELECT value FROM meta WHERE key = 'next_part'").fetchall()
    number = int(rows[0][0]) if rows else 1
    put_meta(cursor, "next_part", str(number + 1))
    return number


def put_meta(cursor: duckdb.DuckDBPyConnection, key: str, value: str) -> None:
    """Replace a value of the file's own."""
    cursor.execute("DELETE FROM meta WHERE key = ?", [key])
    cursor.execute("INSERT INTO meta VALUES (?, ?)", [key, value])
