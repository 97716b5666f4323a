"""What a file's rows mean, and which of them are believed: both said in SQL.

Owns names of columns, units of time and the reasons rows are refused for. All rows of a chunk are
judged in one pass by DuckDB; no row goes through Python unless it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from trading_dashboard.agents.market_data.store.bulk.errors import FileUnreadable

NAMES: Mapping[str, tuple[str, ...]] = {
    "start": ("start", "timestamp", "time", "datetime", "date"),
    "symbol": ("symbol", "ticker"),
    "interval": ("interval",),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume",),
    "closed": ("closed",),
    "revision": ("revision",),
}
"""What a column may be called, upper and lower case alike."""
UNITS: Mapping[str, int] = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Microseconds in a unit of times that are whole numbers."""

_EARLIEST = -5_364_662_400_000_000  # 1800
_LATEST = 7_258_118_400_000_000  # 2200
_PRICES = ("open", "high", "low", "close")

REASONS: Mapping[str, str] = {
    "no_time": "start IS NULL",
    "too_old": f"start < {_EARLIEST}",
    "in_future": f"start >= {_LATEST}",
    "no_symbol": "symbol IS NULL OR symbol = '' OR length(symbol) > 64",
    "no_interval": "interval IS NULL OR interval = '' OR length(interval) > 16",
    "unreadable": " OR ".join(f"{name} IS NULL" for name in (*_PRICES, "volume", "closed",
                                                             "revision")),
    "not_finite": " OR ".join(f"NOT isfinite({name})" for name in (*_PRICES, "volume")),
    "not_positive": " OR ".join(f"{name} <= 0" for name in _PRICES),
    "high_below_low": "high < low",
    "outside_high_low": "open < low OR open > high OR close < low OR close > high",
    "negative_volume": "volume < 0",
    "negative_revision": "revision < 0",
}  # fmt: skip
"""Why a row is refused, the first that holds: codes as in `quality`, and their conditions."""


GOOD = (
    f"start >= {_EARLIEST} AND start < {_LATEST} AND series > 0 AND low > 0 AND low <= open "
    "AND low <= close AND open <= high AND close <= high AND high < 'Infinity'::DOUBLE "
    "AND volume >= 0 AND volume < 'Infinity'::DOUBLE AND closed IS NOT NULL AND revision >= 0"
)
"""No reason holds, in fewer comparisons: NaN is above all numbers, nothing is true of NULL.

`series` is 0 where symbol or interval are no names: see `is_name`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a file is read.

    Attributes:
        source: What the rows are labelled with; series of different sources are kept apart.
        symbol: Of all rows, where the file has no such column.
        interval: Of all rows, where the file has no such column.
        time_unit: Of times that are whole numbers, since 1970 UTC: ``s``, ``ms`` or ``us``.
    """

    source: str
    symbol: str | None = None
    interval: str = "1d"
    time_unit: str = "us"


def judged(select: str) -> str:
    """Return the SELECT with a `reason`, NULL for rows that are believed."""
    cases = " ".join(f"WHEN {condition} THEN '{code}'" for code, condition in REASONS.items())
    return f"SELECT *, CASE {cases} END AS reason FROM ({select})"


def interpreted(schema: pa.Schema, options: ImportOptions, path: Path) -> str:
    """Return the SELECT that gives rows of `chunk` our columns.

    Raises:
        FileUnreadable: Columns are missing.
    """
    found = _columns(schema)
    missing = [name for name in ("start", *_PRICES, "volume") if name not in found]
    if "symbol" not in found and options.symbol is None:
        missing.append("symbol")
    if missing:
        raise FileUnreadable(
            f"{path} has no column {', '.join(missing)}.",
            subject=str(path),
            observed=f"columns {', '.join(schema.names) or 'none'}",
            next_step="Rename the columns, or give --symbol for a file of one symbol.",
        )
    columns = {
        "start": _time(found["start"], schema, options.time_unit),
        "symbol": _text(found.get("symbol"), options.symbol or ""),
        "interval": _text(found.get("interval"), options.interval),
        **{name: _cast(found[name], "DOUBLE") for name in (*_PRICES, "volume")},
        "closed": _cast(found["closed"], "BOOLEAN") if "closed" in found else "true",
        "revision": _cast(found["revision"], "INTEGER") if "revision" in found else "0::INTEGER",
    }
    listed = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"SELECT row_number, series, {listed} FROM chunk"


def is_name(symbol: str, interval: str) -> bool:
    """Return whether it names a series: what `no_symbol` and `no_interval` do not refuse."""
    return 1 <= len(symbol) <= 64 and 1 <= len(interval) <= 16


def name_columns(schema: pa.Schema) -> tuple[str | None, str | None]:
    """Return what the file calls symbol and interval, if it has them."""
    found = _columns(schema)
    return found.get("symbol"), found.get("interval")


def _columns(schema: pa.Schema) -> dict[str, str]:
    """Return what the file calls our columns."""
    lower = {name.strip().lower(): name for name in reversed(schema.names)}
    found = {}
    for ours, names in NAMES.items():
        theirs = next((lower[name] for name in names if name in lower), None)
        if theirs is not None:
            found[ours] = theirs
    return found


def _time(column: str, schema: pa.Schema, unit: str) -> str:
    kind = schema.field(column).type
    name = _quoted(column)
    if pa.types.is_integer(kind):
        return f"try_cast({name} AS BIGINT) * {UNITS[unit]}"
    if pa.types.is_temporal(kind):
        return f"epoch_us({name}::TIMESTAMP)" if kind.equals(pa.date32()) else f"epoch_us({name})"
    # Times as text: with an offset they are that instant, without one they are UTC.
    number = f"try_cast({name} AS BIGINT) * {UNITS[unit]}"
    return (
        f"CASE WHEN regexp_full_match({name}, '-?[0-9]{{9,}}') THEN {number} "
        # A cast to TIMESTAMP passes over an offset without a word (DuckDB 2.0).
        f"WHEN regexp_matches({name}, ':[0-9.]+ *([+-][0-9:]+|[zZ])$') "
        f"THEN epoch_us(try_cast({name} AS TIMESTAMPTZ)) "
        f"ELSE epoch_us(try_cast({name} AS TIMESTAMP)) END"
    )


def _text(column: str | None, otherwise: str) -> str:
    if column is None:
        return "'" + otherwise.replace("'", "''") + "'"
    return f"trim({_quoted(column)}::VARCHAR)"


def _cast(column: str, kind: str) -> str:
    return f"try_cast({_quoted(column)} AS {kind})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
