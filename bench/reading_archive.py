"""A minimal archive over DuckDB, and the data `bench.reading` reads from it.

Owns a table sorted by series and one of what came since, read together.
"""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from trading_dashboard.agents.market_data.records import BAR_COLUMNS
from trading_dashboard.agents.market_data.store.contract import Writing

SOURCE = "bench"
LARGE = "LARGE"
_COLUMNS = ", ".join(f'"{name}"' for name in BAR_COLUMNS)
_TABLE = """(series VARCHAR, start BIGINT, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE,
    volume DOUBLE, closed BOOLEAN, revision INTEGER)"""


def symbol_name(number: int) -> str:
    return f"S{number:04}"


def fill(path: Path, symbols: int, bars: int, large_bars: int) -> None:
    """Make the file: daily bars of many symbols and one long series of minutes, sorted."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE sorted {_TABLE}")
        connection.execute(f"CREATE TABLE fresh {_TABLE}")
        values = (
            "round(100 + random(), 2), round(102 + random(), 2), round(98 + random(), 2), "
            "round(100 + random(), 2), floor(random() * 1e7), true, 0"
        )
        connection.execute(
            f"INSERT INTO sorted SELECT 'bench|S' || lpad((i // {bars})::VARCHAR, 4, '0') || '|1d',"
            f" (i % {bars}) * 86400000000, {values} FROM range({symbols * bars}) t(i)"
        )
        connection.execute(
            f"INSERT INTO sorted SELECT 'bench|{LARGE}|1m', i * 60000000, {values} "
            f"FROM range({large_bars}) t(i)"
        )


def read_bare(connection: duckdb.DuckDBPyConnection, symbol: str, interval: str) -> pa.Table:
    """Return a whole series as a bare reader would ask for it."""
    return connection.sql(
        f"SELECT {_COLUMNS} FROM sorted WHERE series = ? ORDER BY start",
        params=[f"{SOURCE}|{symbol}|{interval}"],
    ).to_arrow_table()


class DirectArchive:
    """As much of `Archive` as the bench needs."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path), config={"threads": "1"})
        self._own = threading.local()
        self._fresh: set[str] = set()
        """Series that have rows that are not sorted yet."""

    def bars(
        self,
        source: str,
        symbol: str,
        interval: str,
        *,
        limit: int,
        newest: bool,
    ) -> pa.Table:
        """Return the first or the newest bars, oldest first."""
        series = f"{source}|{symbol}|{interval}"
        tables = ("sorted", "fresh") if series in self._fresh else ("sorted",)
        parts = [f"SELECT {_COLUMNS} FROM {table} WHERE series = $1" for table in tables]
        rows = " UNION ALL ".join(parts)
        if not newest:
            asked = f"{rows} ORDER BY start LIMIT {limit}"
            return self._cursor().sql(asked, params=[series]).to_arrow_table()
        # Of few rows, a relation costs more than the rows do.
        self._cursor().execute(f"{rows} ORDER BY start DESC LIMIT {limit}", [series])
        found = self._cursor().fetchnumpy()
        return pa.table({name: found[name][::-1].copy() for name in BAR_COLUMNS})

    def write(self, writing: Writing) -> None:
        """Keep the bars, durably."""
        cursor = self._cursor()
        bars = writing.bars
        names = [f"{b.source}|{b.symbol}|{b.interval}" for b in bars]
        series = [name for name, b in zip(names, bars, strict=True) for _ in range(len(b))]
        columns = [np.concatenate([getattr(b, name) for b in bars]) for name in BAR_COLUMNS]
        cursor.execute(
            "INSERT INTO fresh SELECT "
            + ", ".join(f"unnest(${n + 1})" for n in range(len(columns) + 1)),
            [series, *(column.tolist() for column in columns)],
        )
        self._fresh.update(names)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._own, "cursor", None)
        if cursor is None:
            cursor = self._own.cursor = self._connection.cursor()
        return cursor
