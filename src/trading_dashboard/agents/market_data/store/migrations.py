"""Older versions of the file, brought up to date in one transaction; newer ones refused.

Owns the steps from each version to the next. Version 1 kept all bars in one table with their names
in every row, had no revisions, no parts and no totals of what was rejected.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreUnusable
from trading_dashboard.agents.market_data.store.parts import (
    Part,
    State,
    insert_part,
    next_part_id,
    put_meta,
)
from trading_dashboard.agents.market_data.store.schema import (
    BARS,
    META,
    SCHEMA_VERSION,
    TABLES,
)

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)


def bring_up_to_date(cursor: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables of a new file, or change those of an older one.

    Raises:
        StoreUnusable: A newer version of this program wrote the file.
        StoreDamaged: The file does not say which version it is.
    """
    tables = {
        name
        for (name,) in cursor.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        ).fetchall()
    }
    if not tables:
        cursor.execute(META + TABLES)
        put_meta(cursor, "schema_version", str(SCHEMA_VERSION))
        return
    found = _version(cursor, path, tables)
    while found < SCHEMA_VERSION:
        logger.info("Bringing %s from schema version %d to %d", path, found, found + 1)
        _STEPS[found](cursor)
        found += 1
        put_meta(cursor, "schema_version", str(found))


def _version(cursor: duckdb.DuckDBPyConnection, path: Path, tables: set[str]) -> int:
    rows = (
        cursor.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
        if "meta" in tables
        else []
    )
    if not rows or not str(rows[0][0]).isdigit():
        raise StoreDamaged(
            f"The market data store {path} does not say which version it has.",
            subject=str(path),
            observed=f"tables {', '.join(sorted(tables))}",
            next_step="Move the file away; a backup or the source can fill a new one.",
        )
    found = int(rows[0][0])
    if not 1 <= found <= SCHEMA_VERSION:
        raise StoreUnusable(
            f"The market data store {path} has schema version {found}, "
            f"this program reads up to version {SCHEMA_VERSION}.",
            subject=str(path),
            observed=found,
            next_step="Use the version that wrote it, or move the file away to start anew.",
        )
    return found


def _to_2(cursor: duckdb.DuckDBPyConnection) -> None:
    """Number the series, keep bars in parts, add revisions and totals of what was rejected."""
    cursor.execute("ALTER TABLE bars RENAME TO bars_before_2")
    cursor.execute(TABLES)
    cursor.execute(
        "INSERT INTO series SELECT row_number() OVER (ORDER BY source, symbol, interval), * "
        "FROM (SELECT DISTINCT source, symbol, interval FROM bars_before_2)"
    )
    part = Part(id=next_part_id(cursor), kind=BARS, state=State.SEALED)
    cursor.execute(BARS.create(part.table))
    cursor.execute(
        f"INSERT INTO {part.table} SELECT id, start, open, high, low, close, volume, closed, 0, "
        "row_number() OVER (ORDER BY b.rowid) FROM bars_before_2 b "
        "JOIN series s USING (source, symbol, interval) ORDER BY b.rowid"
    )
    insert_part(cursor, part)
    cursor.execute(
        "INSERT INTO rejected_totals SELECT source, symbol, count(*) FROM rejected GROUP BY ALL"
    )
    cursor.execute("DROP TABLE bars_before_2")


_STEPS: Mapping[int, Callable[[duckdb.DuckDBPyConnection], None]] = {1: _to_2}
"""What brings a version to the next one."""

VERSION_1 = """
CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
INSERT INTO meta VALUES ('schema_version', '1');
CREATE TABLE bars (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, interval VARCHAR NOT NULL,
    start BIGINT NOT NULL, open DOUBLE NOT NULL, high DOUBLE NOT NULL, low DOUBLE NOT NULL,
    close DOUBLE NOT NULL, volume DOUBLE NOT NULL, closed BOOLEAN NOT NULL);
CREATE TABLE actions (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ex_day INTEGER NOT NULL,
    ratio DOUBLE, amount DOUBLE);
CREATE TABLE rejected (
    seq BIGINT NOT NULL, source VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    interval VARCHAR NOT NULL, "at" BIGINT, received BIGINT NOT NULL, reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL, "row" VARCHAR NOT NULL);
CREATE TABLE gaps (
    source VARCHAR NOT NULL, symbol VARCHAR NOT NULL, interval VARCHAR NOT NULL,
    start BIGINT NOT NULL, "end" BIGINT NOT NULL, cause VARCHAR NOT NULL, detail VARCHAR NOT NULL,
    found_at BIGINT NOT NULL, filled_at BIGINT, attempts INTEGER NOT NULL);
CREATE TABLE notes (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
"""
"""The tables of version 1, as they were: what the step to 2 is tested with."""
