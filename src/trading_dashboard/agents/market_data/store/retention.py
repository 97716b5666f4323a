"""How long what is kept, and what remains of it.

Owns the ages and the coarser bars that must exist before finer data goes: where they are missing
they are made of it first. Buckets are of UTC, to a quarter of an hour at most, which sessions of
all exchanges begin on; longer bars depend on sessions, are small, and are kept for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.store.compaction import Compaction
from trading_dashboard.agents.market_data.store.part_store import Columns, PartStore
from trading_dashboard.agents.market_data.store.parts import Part, State
from trading_dashboard.agents.market_data.store.reading import Arrays, Stretch, read_series
from trading_dashboard.agents.market_data.store.schema import BARS, TICKS, Kind

DAY = 86_400 * MICROSECONDS
COARSER: Mapping[str, str] = {
    "": "1m",
    **dict.fromkeys(("1s", "5s", "15s", "30s"), "1m"),
    **dict.fromkeys(("1m", "2m", "5m"), "15m"),
}
"""What remains of an interval; the empty one is ticks."""
_BUCKET = {"1m": 60 * MICROSECONDS, "15m": 900 * MICROSECONDS}
_SERIES_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Ages in days, counted back from midnight UTC; what is not named is kept for ever.

    Attributes:
        bars_days: By interval, one of `COARSER`.
        rejected_rows: So many rejected rows are kept; they are counted for ever.
        filled_gaps_days: Gaps that were filled, from when they were found.

    Raises:
        ValueError: An age below one day, or an interval that cannot be made coarser.
    """

    ticks_days: int | None = None
    bars_days: Mapping[str, int] = field(default_factory=dict)
    rejected_rows: int | None = None
    filled_gaps_days: int | None = None

    def __post_init__(self) -> None:
        for interval, days in self.ages().items():
            if interval not in COARSER:
                allowed = ", ".join(filter(None, COARSER))
                raise ValueError(f"bars_days names {interval!r}; it may name {allowed}.")
            if days < 1:
                raise ValueError(f"{interval or 'ticks'} would be kept {days} days, at least 1.")

    @property
    def is_empty(self) -> bool:
        """Return whether everything is kept for ever."""
        return not self.ages() and self.rejected_rows is None and self.filled_gaps_days is None

    def ages(self) -> Mapping[str, int]:
        """Return the ages by interval, the shortest intervals first; of ticks it is empty."""
        ticks = {} if self.ticks_days is None else {"": self.ticks_days}
        return {**ticks, **self.bars_days}


def apply_retention(
    store: PartStore, compaction: Compaction, retention: Retention, now: int
) -> None:
    """Drop what is too old, its coarser bars made first. `now` in microseconds."""
    for interval, days in retention.ages().items():
        kind = BARS if interval else TICKS
        cutoff = (now // DAY - days) * DAY
        numbers = {n for n, key in store.parts.names.items() if key[2] == interval}
        parts = _old(store, kind, numbers, cutoff)
        if not parts:
            continue
        _downsample(store, kind, sorted(_expired(parts, numbers, cutoff)), cutoff)
        ids = f"SELECT id FROM series WHERE interval = '{interval}'"
        for part in parts:
            compaction.rewrite([part], keep=f"NOT ({kind.time} < {cutoff} AND series IN ({ids}))")
    _trim(store, retention, now)


def buckets(kind: Kind, rows: Arrays, width: int) -> Arrays:
    """Return bars of so many microseconds made of finer bars or of ticks, oldest first."""
    times = rows[kind.time] // width * width
    begins = np.flatnonzero(np.append(True, times[1:] != times[:-1]))
    ends = np.append(begins[1:], len(times)) - 1
    is_bars = kind is BARS
    return {
        "start": times[begins],
        "open": rows["open" if is_bars else "price"][begins],
        "high": np.maximum.reduceat(rows["high" if is_bars else "price"], begins),
        "low": np.minimum.reduceat(rows["low" if is_bars else "price"], begins),
        "close": rows["close" if is_bars else "price"][ends],
        "volume": np.add.reduceat(rows["volume" if is_bars else "size"], begins),
        "closed": np.ones(len(begins), np.bool_),
        "revision": np.zeros(len(begins), np.int32),
    }


def _old(store: PartStore, kind: Kind, numbers: set[int], cutoff: int) -> list[Part]:
    """Return the sorted parts that hold rows to drop; others are sorted first."""
    return [
        part
        for part in store.parts.in_state(kind, State.SORTED)
        if _expired([part], numbers, cutoff)
    ]


def _expired(parts: Sequence[Part], numbers: set[int], cutoff: int) -> set[int]:
    found: set[int] = set()
    for part in parts:
        if part.index is not None:
            found.update(part.index.series[part.index.first < cutoff].tolist())
    return found & numbers


def _downsample(store: PartStore, kind: Kind, numbers: Sequence[int], cutoff: int) -> None:
    for at in range(0, len(numbers), _SERIES_AT_ONCE):
        with store.writing() as addition:
            for number in numbers[at : at + _SERIES_AT_ONCE]:
                source, symbol, interval = store.parts.names[number]
                coarse = addition.series_id((source, symbol, COARSER[interval]))
                columns = _missing(store, kind, number, coarse, cutoff)
                addition.append(BARS, columns)


def _missing(store: PartStore, kind: Kind, number: int, coarse: int, cutoff: int) -> Columns:
    """Return the coarser bars that are not there yet."""
    rows = read_series(store, kind, number, Stretch(end=cutoff))
    if not len(rows[kind.time]):
        return {"series": np.empty(0, np.int32)}
    interval = COARSER[store.parts.names[number][2]]
    made = buckets(kind, rows, _BUCKET[interval])
    first = int(made["start"][0])
    there = read_series(store, BARS, coarse, Stretch(start=first, end=cutoff))["start"]
    new = ~np.isin(made["start"], there)
    chosen = {name: array[new] for name, array in made.items()}
    return {"series": np.full(int(new.sum()), coarse, np.int32), **chosen}


def _trim(store: PartStore, retention: Retention, now: int) -> None:
    with store.rearranging() as cursor:
        if retention.rejected_rows is not None:
            cursor.execute(
                "DELETE FROM rejected WHERE seq <= coalesce((SELECT seq FROM rejected "
                "ORDER BY seq DESC LIMIT 1 OFFSET ?), -1)",
                [retention.rejected_rows],
            )
        if retention.filled_gaps_days is not None:
            cutoff = (now // DAY - retention.filled_gaps_days) * DAY
            cursor.execute(
                "DELETE FROM gaps WHERE filled_at IS NOT NULL AND found_at < ?", [cutoff]
            )
