"""What is kept beside rows: corporate events, rejected rows, gaps and notes.

Owns their tables, which are small: what has a key is deleted and inserted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from trading_dashboard.agents.market_data.records import CorporateEvent
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected
from trading_dashboard.agents.market_data.store.part_store import insert_table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Record = TypeVar("Record")

MAX_ROW_CHARACTERS = 2_000
_GAP = (
    "source", "symbol", "interval", "start", "end", "cause", "detail", "found_at", "filled_at",
    "attempts",
)  # fmt: skip
_REJECTED = ("source", "symbol", "interval", "at", "received", "reason", "detail", "row")
_EVENT = ("source", "symbol", "ex_day", "ratio", "amount")


def put_actions(cursor: duckdb.DuckDBPyConnection, events: Sequence[CorporateEvent]) -> None:
    """Write events; one replaces another of the same symbol, day and kind."""
    kept = _last(events, lambda e: (e.source, e.symbol, e.ex_day, e.ratio is None))
    _replace(
        cursor,
        "actions",
        _arrow(kept, _EVENT, {"ex_day": "int32", "ratio": "double", "amount": "double"}),
        "t.source = i.source AND t.symbol = i.symbol AND t.ex_day = i.ex_day "
        "AND (t.ratio IS NULL) = (i.ratio IS NULL)",
    )


def put_gaps(cursor: duckdb.DuckDBPyConnection, gaps: Sequence[Gap]) -> None:
    """Write gaps; one replaces another of the same series and start."""
    kept = _last(gaps, lambda g: (g.source, g.symbol, g.interval, g.start))
    types = dict.fromkeys(("start", "end", "found_at", "filled_at"), "int64")
    _replace(
        cursor,
        "gaps",
        _arrow(kept, _GAP, {**types, "attempts": "int32"}),
        "t.source = i.source AND t.symbol = i.symbol AND t.interval = i.interval "
        "AND t.start = i.start",
    )


def put_notes(cursor: duckdb.DuckDBPyConnection, notes: Mapping[str, str]) -> None:
    """Write notes; one replaces another of the same key."""
    for key, value in notes.items():
        cursor.execute("DELETE FROM notes WHERE key = ?", [key])
        cursor.execute("INSERT INTO notes VALUES (?, ?)", [key, value])


def put_rejected(
    cursor: duckdb.DuckDBPyConnection, rejected: Sequence[Rejected], first_seq: int
) -> None:
    """Write rejected rows, and count them where the count outlives them."""
    if not rejected:
        return
    import pyarrow as pa

    incoming = _arrow(rejected, _REJECTED, {"at": "int64", "received": "int64"})
    texts = [record.row[:MAX_ROW_CHARACTERS] for record in rejected]
    incoming = incoming.set_column(len(_REJECTED) - 1, "row", pa.array(texts, pa.string()))
    numbers = pa.array(range(first_seq, first_seq + len(rejected)), pa.int64())
    names = ("seq", *_REJECTED)
    insert_table(cursor, "rejected", names, incoming.add_column(0, "seq", numbers))
    count_rejected(cursor, Counter((record.source, record.symbol) for record in rejected))


def count_rejected(
    cursor: duckdb.DuckDBPyConnection, counts: Mapping[tuple[str, str], int]
) -> None:
    """Add to the totals of rejected rows."""
    for (source, symbol), count in counts.items():
        rows = cursor.execute(
            "SELECT total FROM rejected_totals WHERE source = ? AND symbol = ?", [source, symbol]
        ).fetchall()
        if rows:
            cursor.execute(
                "UPDATE rejected_totals SET total = ? WHERE source = ? AND symbol = ?",
                [rows[0][0] + count, source, symbol],
            )
        else:
            cursor.execute("INSERT INTO rejected_totals VALUES (?, ?, ?)", [source, symbol, count])


def get_actions(
    cursor: duckdb.DuckDBPyConnection, source: str, symbol: str
) -> Sequence[CorporateEvent]:
    """Return a symbol's events, oldest first."""
    rows = cursor.execute(
        f"SELECT {_names(_EVENT)} FROM actions WHERE source = ? AND symbol = ? "
        "ORDER BY ex_day, ratio",
        [source, symbol],
    ).fetchall()
    return [CorporateEvent(**dict(zip(_EVENT, row, strict=True))) for row in rows]


def get_gaps(cursor: duckdb.DuckDBPyConnection, symbol: str | None, limit: int) -> Sequence[Gap]:
    """Return gaps, newest first."""
    where, values = _where(symbol=symbol)
    rows = cursor.execute(
        f"SELECT {_names(_GAP)} FROM gaps{where} ORDER BY start DESC, symbol LIMIT ?",
        [*values, limit],
    ).fetchall()
    return [Gap(**dict(zip(_GAP, row, strict=True))) for row in rows]


def get_rejected(
    cursor: duckdb.DuckDBPyConnection, symbol: str | None, source: str | None, limit: int
) -> Sequence[Rejected]:
    """Return rejected rows, newest first."""
    where, values = _where(symbol=symbol, source=source)
    rows = cursor.execute(
        f"SELECT {_names(_REJECTED)} FROM rejected{where} ORDER BY seq DESC LIMIT ?",
        [*values, limit],
    ).fetchall()
    return [Rejected(**dict(zip(_REJECTED, row, strict=True))) for row in rows]


def get_rejected_counts(cursor: duckdb.DuckDBPyConnection) -> Mapping[tuple[str, str], int]:
    """Return how many rows were ever rejected, by source and symbol."""
    rows = cursor.execute("SELECT source, symbol, total FROM rejected_totals").fetchall()
    return {(source, symbol): total for source, symbol, total in rows}


def get_note(cursor: duckdb.DuckDBPyConnection, key: str) -> str | None:
    """Return a note."""
    rows = cursor.execute("SELECT value FROM notes WHERE key = ?", [key]).fetchall()
    return str(rows[0][0]) if rows else None


def _last(records: Sequence[Record], key: Any) -> list[Record]:
    """Return the last record of each key."""
    kept: dict[Hashable, Record] = {key(record): record for record in records}
    return list(kept.values())


def _arrow(records: Sequence[object], names: Iterable[str], types: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array(
                [getattr(record, name) for record in records],
                pa.type_for_alias(types.get(name, "string")),
            )
            for name in names
        }
    )


def _replace(cursor: duckdb.DuckDBPyConnection, table: str, incoming: pa.Table, same: str) -> None:
    if not incoming.num_rows:
        return
    cursor.register("incoming_keys", incoming)
    try:
        cursor.execute(f"DELETE FROM {table} t USING incoming_keys i WHERE {same}")
    finally:
        cursor.unregister("incoming_keys")
    insert_table(cursor, table, tuple(incoming.column_names), incoming)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _where(**equal: str | None) -> tuple[str, list[str]]:
    given = {name: value for name, value in equal.items() if value is not None}
    if not given:
        return "", []
    return f" WHERE {' AND '.join(f'{name} = ?' for name in given)}", list(given.values())
