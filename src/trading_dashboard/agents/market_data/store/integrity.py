"""Whether the file is what was written into it.

Owns the quick check at each start, which reads only what DuckDB knows of its tables, and the deep
one, which reads every row: DuckDB verifies the checksum of each block, we the digest, order and
index of each part, and that no bar contradicts itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreUnusable
from trading_dashboard.agents.market_data.store.compaction import batches
from trading_dashboard.agents.market_data.store.digest import PartDigest
from trading_dashboard.agents.market_data.store.part_store import PartStore
from trading_dashboard.agents.market_data.store.parts import Part, State
from trading_dashboard.agents.market_data.store.reading import Arrays
from trading_dashboard.agents.market_data.store.schema import BARS, EXPECTED_TABLES

Progress = Callable[[int, int], None]
"""Told how many rows of how many were looked at."""


@dataclass(slots=True)
class CheckReport:
    """What a deep check found; `findings` are sentences, none if all is well."""

    rows: int = 0
    parts: int = 0
    findings: list[str] = field(default_factory=list)


def check_quickly(store: PartStore) -> None:
    """Compare what the file says of its parts with the tables there are.

    Raises:
        StoreDamaged: They differ.
    """
    with store.database.explained():
        cursor = store.database.cursor()
        counts: dict[str, int] = dict(
            cursor.execute(
                "SELECT table_name, estimated_size FROM duckdb_tables() "
                "WHERE database_name = current_database()"
            ).fetchall()
        )
        expected = [*EXPECTED_TABLES, *(part.table for part in store.parts.every)]
        trouble = [f"the table {name} is missing" for name in expected if name not in counts]
        for part in store.parts.every:
            if part.table not in counts or part.state is not State.SORTED:
                continue
            row = cursor.execute(f"SELECT count(*) FROM {part.table}").fetchone()
            indexed = int(part.index.rows.sum()) if part.index else 0
            if row is None or not row[0] == part.rows == indexed:
                trouble.append(
                    f"{part.table} has {row[0] if row else 0} rows, {part.rows} were written"
                )
    if trouble:
        raise StoreDamaged(
            f"The market data store {store.database.path} is damaged.",
            subject=str(store.database.path),
            observed="; ".join(trouble),
            next_step="Move the file away; a backup or the source can fill a new one.",
        )


def check_deeply(store: PartStore, on_progress: Progress | None = None) -> CheckReport:
    """Read every row and tell what is wrong; readers and writers go on meanwhile."""
    report = CheckReport()
    parts = store.parts.every
    total = sum(part.rows or store.unsorted(part).rows for part in parts)

    def passed(rows: int) -> None:
        report.rows += rows
        if on_progress:
            on_progress(min(report.rows, total), total)

    for part in parts:
        report.parts += 1
        try:
            report.findings += _check_part(store, part, passed)
        except StoreUnusable as error:
            report.findings.append(f"{part.table} cannot be read: {error.observed}")
    return report


def _check_part(store: PartStore, part: Part, passed: Callable[[int], None]) -> list[str]:
    digest = PartDigest(part.kind)
    bad = 0
    with store.database.stream() as cursor:
        query = f"SELECT {', '.join(part.kind.columns)} FROM {part.table}"
        for rows in batches(cursor, query, part.kind):
            digest.add(rows)
            bad += _contradictions(rows) if part.kind is BARS else 0
            passed(len(rows["series"]))
    found = [f"{part.table} has {bad} bars that contradict themselves"] if bad else []
    if part.state is not State.SORTED or part.index is None:
        return found
    if digest.text() != part.digest:
        found.append(f"{part.table} is not what was written: its digest differs")
    index = digest.index()
    same = all(
        np.array_equal(getattr(index, name), getattr(part.index, name))
        for name in ("series", "first", "last", "rows", "position")
    )
    if not same:
        found.append(f"{part.table} is not in the order its index says")
    return found


def _contradictions(rows: Arrays) -> int:
    low, high, open_, close = (rows[name] for name in ("low", "high", "open", "close"))
    # Written so that a value that is no number counts as one, too.
    good = (low <= open_) & (low <= close) & (open_ <= high) & (close <= high) & (low <= high)
    good &= np.isfinite(low) & np.isfinite(high) & (rows["volume"] >= 0)
    return int(np.count_nonzero(~good))
