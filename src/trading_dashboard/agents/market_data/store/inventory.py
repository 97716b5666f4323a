"""What is stored: series with their ranges, parts, and how much room they take.

Owns counting. Rows that say the same bar twice, in parts not yet merged, count once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from trading_dashboard.agents.market_data.store.contract import SeriesInfo
from trading_dashboard.agents.market_data.store.part_store import PartStore
from trading_dashboard.agents.market_data.store.parts import Part, State
from trading_dashboard.agents.market_data.store.schema import KINDS, Kind

if TYPE_CHECKING:
    import duckdb

Range = tuple[int, int, int]
"""First, last, rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFigures:
    """How much is stored and what room it takes.

    Attributes:
        file_bytes: Of the file; `free_bytes` of it are used again before it grows.
        log_bytes: Of the log of what was written since the last checkpoint.
        unsorted_rows: Written since the last sort; they make reads slower.
    """

    path: str
    file_bytes: int
    free_bytes: int
    log_bytes: int
    schema_version: int
    series: int
    bars: int
    ticks: int
    unsorted_rows: int
    parts: int
    rejected: int
    gaps: int

    def as_body(self) -> dict[str, Any]:
        """Return it as plain types."""
        return {name: getattr(self, name) for name in self.__slots__}


def list_series(store: PartStore, symbol: str | None) -> Sequence[SeriesInfo]:
    """Return what is stored of one symbol or of all, by symbol, source and interval."""
    parts = store.parts
    wanted = {number for number, key in parts.names.items() if symbol is None or key[1] == symbol}
    found: list[SeriesInfo] = []
    for kind in KINDS.values():
        ranges = _ranges(store, kind, wanted)
        shared = {number for number, each in ranges.items() if kind.is_unique and _overlap(each)}
        exact = _count_exactly(store, kind, shared) if shared else {}
        for number, each in ranges.items():
            source, name, interval = store.parts.names[number]
            rows = exact.get(number) or sum(rows for _, _, rows in each)
            first, last = min(part[0] for part in each), max(part[1] for part in each)
            found.append(
                SeriesInfo(
                    source=source, symbol=name, interval=interval, first=first, last=last, rows=rows
                )
            )
    return sorted(found, key=lambda info: (info.symbol, info.source, info.interval))


def figures(store: PartStore, schema_version: int) -> StorageFigures:
    """Return how much is stored; of rows not merged yet it is the upper bound."""
    parts = store.parts
    cursor = store.database.cursor()
    size = cursor.execute(
        "SELECT block_size * free_blocks FROM pragma_database_size() "
        "WHERE database_name = current_database()"
    ).fetchone()
    path = store.database.path
    log = path.with_name(path.name + ".wal")
    counts = {kind.name: sum(_rows(store, part) for part in parts.readable(kind))
              for kind in KINDS.values()}  # fmt: skip
    return StorageFigures(
        path=str(path),
        file_bytes=path.stat().st_size,
        free_bytes=size[0] if size else 0,
        log_bytes=log.stat().st_size if log.exists() else 0,
        schema_version=schema_version,
        series=len(parts.names),
        bars=counts["bars"],
        ticks=counts["ticks"],
        unsorted_rows=sum(
            _rows(store, part)
            for kind in KINDS.values()
            for part in parts.readable(kind)
            if part.state is not State.SORTED
        ),
        parts=len(parts.every),
        rejected=_count(cursor, "SELECT coalesce(sum(total), 0)::BIGINT FROM rejected_totals"),
        gaps=_count(cursor, "SELECT count(*) FROM gaps"),
    )


def _rows(store: PartStore, part: Part) -> int:
    return part.rows if part.state is State.SORTED else store.unsorted(part).rows


def _count(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    row = cursor.execute(query).fetchone()
    return int(row[0]) if row else 0


def _ranges(store: PartStore, kind: Kind, wanted: set[int]) -> Mapping[int, list[Range]]:
    ranges: dict[int, list[Range]] = defaultdict(list)
    for part in store.parts.readable(kind):
        for number, *span in _spans(store, part, wanted):
            if number in wanted:
                ranges[number].append((span[0], span[1], span[2]))
    return ranges


def _spans(store: PartStore, part: Part, wanted: set[int]) -> Iterable[tuple[int, ...]]:
    if part.index is not None:
        index = part.index
        arrays = (index.series, index.first, index.last, index.rows)
        return zip(*(array.tolist() for array in arrays), strict=True)
    if not store.unsorted(part).series & wanted:
        return []
    time = part.kind.time
    counted = f"count(DISTINCT {time})" if part.kind.is_unique else "count(*)"
    return (
        store.database.cursor()
        .execute(f"SELECT series, min({time}), max({time}), {counted} FROM {part.table} GROUP BY 1")
        .fetchall()
    )


def _overlap(ranges: Sequence[Range]) -> bool:
    return any(later[0] <= earlier[1] for earlier, later in pairwise(sorted(ranges)))


def _count_exactly(store: PartStore, kind: Kind, series: set[int]) -> Mapping[int, int]:
    listed = ", ".join(map(str, sorted(series)))
    selects = " UNION ALL ".join(
        f"SELECT series, {kind.time} FROM {part.table} WHERE series IN ({listed})"
        for part in store.parts.readable(kind)
    )
    rows = store.database.cursor().execute(
        f"SELECT series, count(DISTINCT {kind.time}) FROM ({selects}) GROUP BY 1"
    )
    return dict(rows.fetchall())
