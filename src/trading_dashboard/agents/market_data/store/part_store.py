"""The parts of one open archive: appending rows, and changing which parts there are.

Owns the order of writers (one at a time), the numbers of series and rows, and what readers see.
What is in the file is the truth; after a write that failed it is read again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.store.arrow import to_arrow
from trading_dashboard.agents.market_data.store.database import Database
from trading_dashboard.agents.market_data.store.lists import insert_lists
from trading_dashboard.agents.market_data.store.migrations import bring_up_to_date
from trading_dashboard.agents.market_data.store.parts import (
    Key,
    Part,
    Parts,
    State,
    insert_part,
    load_parts,
    next_part_id,
)
from trading_dashboard.agents.market_data.store.schema import KINDS, Kind

if TYPE_CHECKING:
    import duckdb

Columns = Mapping[str, NDArray[Any]]


@dataclass(slots=True)
class Unsorted:
    """What is known of a part whose rows are in the order they came."""

    series: set[int]
    rows: int


class PartStore:
    """The open file and its parts."""

    def __init__(self, path: Path, settings: Mapping[str, str]) -> None:
        """Open or create the file; older versions of it are brought up to date.

        Raises:
            StoreInUse, StoreDamaged, StoreUnusable: See `Database`.
        """
        self.database = Database(path, settings)
        self.lock = threading.RLock()
        """Held by whoever writes."""
        self._generation = -1
        try:
            with self.database.transaction() as cursor:
                bring_up_to_date(cursor, path)
                self._tidy(cursor)
            self._load()
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        """Give the file back, once a write under way has ended."""
        with self.lock:
            self.database.close()

    # Reading

    @property
    def parts(self) -> Parts:
        """Return the parts as they are now."""
        if self._generation != self.database.generation:
            with self.lock:
                self.database.cursor()
                self._load()
        return self._parts

    def unsorted(self, part: Part) -> Unsorted:
        """Return what is known of an open or sealed part."""
        return self._unsorted.get(part.id) or Unsorted(set(), 0)

    def series_id(self, key: Key) -> int | None:
        """Return the number of a series, None if nothing was ever stored of it."""
        parts = self.parts  # also reads the file again if need be
        return self._ids.get(key) if parts.every else None

    # Writing

    @contextlib.contextmanager
    def writing(self) -> Iterator[Addition]:
        """Append within one transaction; what readers see changes when it is on disk."""
        with self.lock:
            parts = self.parts
            addition = Addition(self._ids, self._seq, parts)
            try:
                with self.database.transaction() as cursor:
                    addition.cursor = cursor
                    yield addition
                    addition.save_series()
            except BaseException:
                self._generation = -1  # what became of it, the file says
                raise
            self._publish(addition, parts)

    @contextlib.contextmanager
    def rearranging(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Change which parts there are, within one transaction."""
        with self.lock:
            self.database.cursor()
            try:
                with self.database.transaction() as cursor:
                    yield cursor
            except BaseException:
                self._generation = -1
                raise
            self._load()

    def reserve(self, rows: int) -> int:
        """Return the first of so many row numbers nobody else will use."""
        with self.lock:
            first = self._seq
            self._seq += rows
        return first

    # Private

    def _tidy(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Drop what a crash left half made, and see that each kind has an open part."""
        for kind, number in cursor.execute(
            "SELECT kind, id FROM parts WHERE state = ?", [State.MAKING.value]
        ).fetchall():
            cursor.execute(f"DROP TABLE IF EXISTS {kind}_{number}")
        cursor.execute("DELETE FROM parts WHERE state = ?", [State.MAKING.value])
        has_open = {
            kind
            for (kind,) in cursor.execute(
                "SELECT kind FROM parts WHERE state = ?", [State.OPEN.value]
            ).fetchall()
        }
        for kind in KINDS.values():
            if kind.name not in has_open:
                make_part(cursor, kind, State.OPEN)

    def _load(self) -> None:
        with self.database.explained():
            cursor = self.database.cursor()
            generation = self.database.generation
            parts = load_parts(cursor)
            unsorted, highest = {}, 0
            for part in parts.every:
                highest = max(highest, part.max_seq)
                if part.state is State.SORTED:
                    continue
                known, seq = _look_into(cursor, part)
                unsorted[part.id] = known
                highest = max(highest, seq)
        self._unsorted = unsorted
        self._ids = {key: number for number, key in parts.names.items()}
        self._seq = max(highest + 1, getattr(self, "_seq", 0))
        self._parts = parts
        self._generation = generation

    def _publish(self, addition: Addition, parts: Parts) -> None:
        self._seq = addition.seq
        for part, series, rows in addition.appended:
            known = self._unsorted.setdefault(part.id, Unsorted(set(), 0))
            self._unsorted[part.id] = Unsorted(known.series | series, known.rows + rows)
        if addition.new_series:
            self._ids = {**self._ids, **addition.new_series}
            names = {number: key for key, number in addition.new_series.items()}
            self._parts = Parts(parts.every, {**parts.names, **names})


class Addition:
    """One transaction that appends: its connection, and the numbers it uses."""

    def __init__(self, ids: Mapping[Key, int], seq: int, parts: Parts) -> None:
        self.cursor: duckdb.DuckDBPyConnection
        self.seq = seq
        self.new_series: dict[Key, int] = {}
        self.appended: list[tuple[Part, set[int], int]] = []
        self._ids = ids
        self._parts = parts

    def series_id(self, key: Key) -> int:
        """Return the number of a series, a new one if need be."""
        found = self._ids.get(key) or self.new_series.get(key)
        if found is None:
            found = len(self._ids) + len(self.new_series) + 1
            self.new_series[key] = found
        return found

    def append(self, kind: Kind, columns: Columns, part: Part | None = None) -> None:
        """Append rows to the open part, or to a given one; they get their `seq` here."""
        rows = len(columns["series"])
        if rows == 0:
            return
        numbers = np.arange(self.seq, self.seq + rows, dtype=np.int64)
        self.seq += rows
        into = part or self._parts.open(kind)
        append_rows(self.cursor, kind, into.table, {**columns, "seq": numbers})
        self.appended.append((into, set(np.unique(columns["series"]).tolist()), rows))

    def save_series(self) -> None:
        """Write new series down."""
        if self.new_series:
            names = ("source", "symbol", "interval")
            texts = dict(zip(names, zip(*self.new_series, strict=True), strict=True))
            columns = {"id": [*self.new_series.values()], **{n: [*v] for n, v in texts.items()}}
            insert_lists(self.cursor, "series", columns, {"id": "INTEGER"})


def append_rows(
    cursor: duckdb.DuckDBPyConnection, kind: Kind, table: str, columns: Columns
) -> None:
    """Append columns to a table of that kind."""
    lengths = {name: len(columns[name]) for name in kind.columns}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"Columns have different lengths: {lengths}.")
    incoming = to_arrow({name: columns[name] for name in kind.columns})
    insert_table(cursor, table, tuple(kind.columns), incoming)


def insert_table(
    cursor: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], incoming: Any
) -> None:
    """Insert an Arrow table's columns."""
    cursor.register("incoming_rows", incoming)
    try:
        quoted = ", ".join(f'"{name}"' for name in names)
        cursor.execute(f"INSERT INTO {table} ({quoted}) SELECT {quoted} FROM incoming_rows")
    finally:
        cursor.unregister("incoming_rows")


def make_part(cursor: duckdb.DuckDBPyConnection, kind: Kind, state: State) -> Part:
    """Make an empty part."""
    part = Part(id=next_part_id(cursor), kind=kind, state=state)
    cursor.execute(kind.create(part.table))
    insert_part(cursor, part)
    return part


def drop_parts(cursor: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> None:
    """Drop parts with all that is known of them."""
    for part in parts:
        cursor.execute(f"DROP TABLE {part.table}")
        cursor.execute("DELETE FROM parts WHERE id = ?", [part.id])
        cursor.execute("DELETE FROM part_series WHERE part = ?", [part.id])


def _look_into(cursor: duckdb.DuckDBPyConnection, part: Part) -> tuple[Unsorted, int]:
    series = cursor.execute(f"SELECT DISTINCT series FROM {part.table}").fetchnumpy()["series"]
    found = cursor.execute(f"SELECT count(*), coalesce(max(seq), 0) FROM {part.table}").fetchone()
    rows, seq = found or (0, 0)
    return Unsorted(set(series.tolist()), rows), seq
