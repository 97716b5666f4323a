"""What is kept beside rows: corporate events, rejected rows, gaps and notes.

Owns their tables, which are small: what has a key is deleted and inserted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from trading_dashboard.agents.market_data.records import CorporateEvent
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected
from trading_dashboard.agents.market_data.store.lists import Lists, insert_lists, unnested

if TYPE_CHECKING:
    import duckdb

Record = TypeVar("Record")

MAX_ROW_CHARACTERS = 2_000
_GAP = (
    "source", "symbol", "interval", "start", "end", "cause", "detail", "found_at", "filled_at",
    "attempts",
)  # fmt: skip
_REJECTED = ("source", "symbol", "interval", "at", "received", "reason", "detail", "row")
_TYPES = {
    **dict.fromkeys(("seq", "at", "received", "start", "end", "found_at", "filled_at"), "BIGINT"),
    **dict.fromkeys(("ex_day", "attempts"), "INTEGER"),
    **dict.fromkeys(("ratio", "amount"), "DOUBLE"),
}
"""SQL types by column; the others are text."""
_EVENT = ("source", "symbol", "ex_day", "ratio", "amount")


def put_actions(cursor: duckdb.DuckDBPyConnection, events: Sequence[CorporateEvent]) -> None:
    """Write events; one replaces another of the same symbol, day and kind."""
    kept = _last(events, lambda e: (e.source, e.symbol, e.ex_day, e.ratio is None))
    _replace(
        cursor,
        "actions",
        _columns(kept, _EVENT),
        "t.source = i.source AND t.symbol = i.symbol AND t.ex_day = i.ex_day "
        "AND (t.ratio IS NULL) = (i.ratio IS NULL)",
    )


def put_gaps(cursor: duckdb.DuckDBPyConnection, gaps: Sequence[Gap]) -> None:
    """Write gaps; one replaces another of the same series and start."""
    kept = _last(gaps, lambda g: (g.source, g.symbol, g.interval, g.start))
    _replace(
        cursor,
        "gaps",
        _columns(kept, _GAP),
        "t.source = i.source AND t.symbol = i.symbol AND t.interval = i.interval "
        "AND t.start = i.start",
    )


def put_notes(cursor: duckdb.DuckDBPyConnection, notes: Mapping[str, str]) -> None:
    """Write notes; one replaces another of the same key."""
    # Together: the scores of 5,000 series, one by one, would keep writers waiting for seconds.
    columns = {"key": list(notes), "value": list(notes.values())}
    _replace(cursor, "notes", columns, "t.key = i.key")


def put_rejected(
    cursor: duckdb.DuckDBPyConnection, rejected: Sequence[Rejected], first_seq: int
) -> None:
    """Write rejected rows, and count them where the count outlives them."""
    if not rejected:
        return
    columns = {
        "seq": list(range(first_seq, first_seq + len(rejected))),
        **_columns(rejected, _REJECTED),
        "row": [record.row[:MAX_ROW_CHARACTERS] for record in rejected],
    }
    insert_lists(cursor, "rejected", columns, _TYPES)
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


def get_notes(cursor: duckdb.DuckDBPyConnection, begins_with: str, limit: int) -> Mapping[str, str]:
    """Return up to so many notes whose key begins with a text."""
    rows = cursor.execute(
        "SELECT key, value FROM notes WHERE starts_with(key, ?) LIMIT ?", [begins_with, limit]
    ).fetchall()
    return dict(rows)


def get_symbols_with_actions(cursor: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Return the sources and symbols that have events."""
    return set(cursor.execute("SELECT DISTINCT source, symbol FROM actions").fetchall())


def _last(records: Sequence[Record], key: Any) -> list[Record]:
    """Return the last record of each key."""
    kept: dict[Hashable, Record] = {key(record): record for record in records}
    return list(kept.values())


def _columns(records: Sequence[object], names: Iterable[str]) -> Lists:
    return {name: [getattr(record, name) for record in records] for name in names}


def _replace(cursor: duckdb.DuckDBPyConnection, table: str, columns: Lists, same: str) -> None:
    """Insert rows in place of those with the same key."""
    if not any(columns.values()):
        return
    select, values = unnested(columns, _TYPES)
    cursor.execute(f"DELETE FROM {table} t USING ({select}) i WHERE {same}", values)
    insert_lists(cursor, table, columns, _TYPES)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _where(**equal: str | None) -> tuple[str, list[str]]:
    given = {name: value for name, value in equal.items() if value is not None}
    if not given:
        return "", []
    return f" WHERE {' AND '.join(f'{name} = ?' for name in given)}", list(given.values())
