"""What waits for the store, in lanes with bounds of their own, and what had to be given up.

Owns the shapes: how batches become one `Writing`, and losses gaps. No thread, no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from trading_dashboard.agents.market_data.aggregation.changes import BarChange, Changes, gathered
from trading_dashboard.agents.market_data.records import TICK_COLUMNS, Bars, Ticks
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected, Writing

ENTRY_COST = 16
"""Rows that a batch costs in memory beside its own."""

Value = TypeVar("Value")
BarBatch = Changes | Sequence[BarChange]
"""Bars as `TimeBars` and `ActivityBars` give them."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """One batch that waits. `number` says when it came, `since` by the clock."""

    number: int
    since: float
    rows: int
    value: Value


class Lane(Generic[Value]):
    """Batches of one kind, oldest first, with at most so many rows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rows = 0
        """Of those that wait; what was taken counts until it is `done`."""
        self.dropped = 0
        self.written = 0
        self._entries: deque[Entry[Value]] = deque()
        self._taken: Sequence[Entry[Value]] = ()

    def __bool__(self) -> bool:
        return bool(self._entries)

    @property
    def oldest(self) -> Entry[Value] | None:
        """Return the oldest batch that is not done."""
        if self._taken:
            return self._taken[0]
        return self._entries[0] if self._entries else None

    def add(self, entry: Entry[Value]) -> None:
        """Append a batch."""
        self._entries.append(entry)
        self.rows += entry.rows

    def take(self) -> Sequence[Value]:
        """Take all, until they are `done` or put back."""
        self._taken = tuple(self._entries)
        self._entries.clear()
        return [entry.value for entry in self._taken]

    def put_back(self) -> None:
        """Let what was taken wait again."""
        self._entries.extendleft(reversed(self._taken))
        self._taken = ()

    def done(self) -> None:
        """Forget what was taken: it is stored."""
        rows = sum(entry.rows for entry in self._taken)
        self.rows -= rows
        self.written += rows
        self._taken = ()

    def give_up_taken(self) -> list[Value]:
        """Return what was taken as lost."""
        lost, self._taken = self._taken, ()
        return [self._lost(entry) for entry in lost]

    def give_up_excess(self) -> list[Value]:
        """Return the oldest batches beyond the limit as lost."""
        lost = []
        while self._entries and self.rows + ENTRY_COST * len(self._entries) > self.limit:
            lost.append(self._lost(self._entries.popleft()))
        return lost

    def _lost(self, entry: Entry[Value]) -> Value:
        self.rows -= entry.rows
        self.dropped += entry.rows
        return entry.value


@dataclass(slots=True)
class Losses:
    """Stretches given up, merged by series until they are recorded."""

    _stretches: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._stretches)

    def add_ticks(self, batches: Iterable[Ticks]) -> None:
        """Take note of ticks that are lost."""
        for ticks in batches:
            for number in np.unique(ticks.symbol).tolist():
                at = ticks.at[ticks.symbol == number]
                key = (ticks.source, ticks.symbols[number], "")
                self._widen(key, int(at.min()), int(at.max()) + 1)

    def add_bars(self, batches: Iterable[BarBatch]) -> None:
        """Take note of bars that are lost."""
        for change in (change for batch in batches for change in batch):
            bars = change.bars
            key = (bars.source, bars.symbol, bars.interval)
            self._widen(key, int(bars.start.min()), int(bars.start.max()) + 1)

    def add_all(self, other: Losses) -> None:
        """Take over what another has."""
        for key, (start, end) in other._stretches.items():
            self._widen(key, start, end)

    def gaps(self, found_at: int) -> list[Gap]:
        """Return the losses as gaps."""
        return [
            Gap(
                source=source,
                symbol=symbol,
                interval=interval,
                start=start,
                end=end,
                cause="not_stored",
                detail="The store could not be written to, and no more could be kept waiting.",
                found_at=found_at,
            )
            for (source, symbol, interval), (start, end) in self._stretches.items()
        ]

    def _widen(self, key: tuple[str, str, str], start: int, end: int) -> None:
        known = self._stretches.get(key, (start, end))
        self._stretches[key] = (min(start, known[0]), max(end, known[1]))


def joined(batches: Sequence[Ticks]) -> list[Ticks]:
    """Return the ticks in fewer batches: one for each source and its list of symbols."""
    groups: dict[tuple[str, tuple[str, ...]], list[Ticks]] = {}
    for ticks in batches:
        groups.setdefault((ticks.source, ticks.symbols), []).append(ticks)
    return [
        group[0]
        if len(group) == 1
        else Ticks(
            source=source,
            symbols=symbols,
            **{
                name: np.concatenate([getattr(ticks, name) for ticks in group])
                for name in TICK_COLUMNS
            },
        )
        for (source, symbols), group in groups.items()
    ]


def bars_of(batches: Sequence[BarBatch]) -> list[Bars]:
    """Return the bars to store, of each the newest state."""
    by_source: dict[str, list[Changes]] = {}
    bars: list[Bars] = []
    for batch in batches:
        if isinstance(batch, Changes):
            by_source.setdefault(batch.source, []).append(batch)
        else:
            bars += [change.bars for change in batch]
    for changes in by_source.values():
        bars += gathered(changes)
    return bars


def writing_of(
    ticks: Sequence[Ticks],
    bars: Sequence[BarBatch],
    rejected: Sequence[Sequence[Rejected]],
    gaps: Sequence[Gap],
) -> Writing:
    """Return all of it as one step."""
    return Writing(
        ticks=joined(ticks),
        bars=bars_of(bars),
        rejected=[row for rows in rejected for row in rows],
        gaps=gaps,
    )
