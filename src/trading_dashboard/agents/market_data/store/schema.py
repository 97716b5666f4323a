"""The tables of the archive, as they are written down in the file.

Owns names, columns and the version of the schema. Older versions are `migrations`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rows that are kept in parts.

    Attributes:
        name: Also what its tables begin with.
        columns: SQL type by column. `series` stands for source, symbol and interval; `seq` counts
            the rows in the order they were written.
        time: The column rows of one series are ordered by.
        order: What parts are sorted by, after `series`.
        is_unique: There is one row of a series and time: the one that comes last in `order`.
    """

    name: str
    columns: Mapping[str, str]
    time: str
    order: tuple[str, ...]
    is_unique: bool

    @property
    def read(self) -> tuple[str, ...]:
        """Return the columns readers are given."""
        return tuple(name for name in self.columns if name not in {"series", "seq"})

    def create(self, table: str) -> str:
        """Return the statement that makes an empty table of it."""
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in self.columns.items())
        return f"CREATE TABLE {table} ({columns})"


BARS: Final = Kind(
    name="bars",
    columns={
        "series": "INTEGER",
        "start": "BIGINT",
        "open": "DOUBLE",
        "high": "DOUBLE",
        "low": "DOUBLE",
        "close": "DOUBLE",
        "volume": "DOUBLE",
        "closed": "BOOLEAN",
        "revision": "INTEGER",
        "seq": "BIGINT",
    },
    time="start",
    order=("start", "revision", "seq"),
    is_unique=True,
)
# `at` is a word of DuckDB: ticks keep it as `made`.
TICKS: Final = Kind(
    name="ticks",
    columns={
        "series": "INTEGER",
        "made": "BIGINT",
        "price": "DOUBLE",
        "size": "DOUBLE",
        "received": "BIGINT",
        "seq": "BIGINT",
    },
    time="made",
    order=("made", "seq"),
    is_unique=False,
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (BARS, TICKS)}

META = """
CREATE TABLE IF NOT EXISTS meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
"""
TABLES = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER NOT NULL, source VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    interval VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    id INTEGER NOT NULL, kind VARCHAR NOT NULL, state VARCHAR NOT NULL, row_count BIGINT NOT NULL,
    max_seq BIGINT NOT NULL, digest VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS part_series (
    part INTEGER NOT NULL, series INTEGER NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
    row_count BIGINT NOT NULL, position BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS actions (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ex_day INTEGER NOT NULL,
    ratio DOUBLE, amount DOUBLE);
CREATE TABLE IF NOT EXISTS rejected (
    seq BIGINT NOT NULL, source VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    interval VARCHAR NOT NULL, "at" BIGINT, received BIGINT NOT NULL, reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL, "row" VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS rejected_totals (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, total BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS gaps (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, interval VARCHAR NOT NULL,
    start BIGINT NOT NULL, "end" BIGINT NOT NULL, cause VARCHAR NOT NULL, detail VARCHAR NOT NULL,
    found_at BIGINT NOT NULL, filled_at BIGINT, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS notes (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
"""
"""No table has an index: a writing is one append, and what is small is replaced by its key."""

EXPECTED_TABLES = (
    "meta", "series", "parts", "part_series", "actions", "rejected", "rejected_totals", "gaps",
    "notes",
)  # fmt: skip
