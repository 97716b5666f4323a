"""The way of a tick: from a source through the gate into bars, to who watches, and to the store.

Owns the order of these steps and the counts of what passed. Judging is the gate's, making bars
`aggregation`'s, storing the write queue's; nothing here waits for the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trading_dashboard.agents.market_data.aggregation.activity_bars import ActivityBars
from trading_dashboard.agents.market_data.aggregation.changes import BarChange, Changes
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.live.pending import BarBatch
from trading_dashboard.agents.market_data.live.write_queue import WriteQueue, WriteStats
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.store.contract import Rejected


class Verdict(Protocol):
    """What a gate says of a batch."""

    @property
    def good(self) -> Ticks:
        """Return what is believed."""

    @property
    def bad(self) -> Sequence[Rejected]:
        """Return what is not, with reasons."""


class Gate(Protocol):
    """Judges ticks; the real one is `quality.tick_gate.TickGate`."""

    def check(self, ticks: Ticks) -> Verdict:
        """Return what is believed of a batch."""

    def give_up(self) -> Sequence[Rejected]:
        """Return the ticks that wait to be confirmed, at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStats:
    """What passed since the start, in rows, and how storing goes.

    Attributes:
        closed_bars: Bars that closed, of all intervals; amended ones are not counted again.
        amended_bars: Closed bars changed by late ticks.
        incomplete_bars: Closed bars that began before their symbol was watched: not stored.
        outside_sessions: Good ticks in no time bar, as no session was open.
        too_late: Good ticks older than any bar that can be amended.
    """

    received: int
    good: int
    rejected: int
    closed_bars: int
    amended_bars: int
    incomplete_bars: int
    outside_sessions: int
    too_late: int
    store: WriteStats


class Pipeline:
    """Live ticks of all sources. `push`, `take` and `advance` are called from one thread."""

    def __init__(
        self,
        gate: Gate,
        time_bars: TimeBars,
        writer: WriteQueue,
        on_ticks: Callable[[Ticks], None],
        on_bars: Callable[[BarBatch], None],
        activity_bars: ActivityBars | None = None,
        *,
        keeps_ticks: bool = True,
    ) -> None:
        """Connect the parts; without `keeps_ticks` only what is made of ticks is stored.

        `on_ticks` is given what is believed, `on_bars` every change of a bar: iterate over it, or
        ask `Changes.of` for the series that are watched, which costs far less.
        """
        self._gate = gate
        self._time_bars = time_bars
        self._activity_bars = activity_bars
        self._writer = writer
        self._on_ticks = on_ticks
        self._on_bars = on_bars
        self._keeps_ticks = keeps_ticks
        self._received = self._good = self._rejected = 0
        self._closed = self._amended = self._incomplete = 0

    def start(self) -> None:
        """Begin to store."""
        self._writer.start()

    def push(self, ticks: Ticks) -> None:
        """Take ticks as a source gave them."""
        for _ in self._steps(ticks):
            pass

    async def take(self, ticks: Ticks) -> None:
        """Do what `push` does in pieces, between which others have their turn.

        Batches of one source come one after the other: wait for the one before. What was begun is
        finished also if this is cancelled.
        """
        steps = self._steps(ticks)
        try:
            for _ in steps:
                await asyncio.sleep(0)
        finally:
            for _ in steps:
                pass

    def _steps(self, ticks: Ticks) -> Iterator[None]:
        """Yield where others may have their turn: no part is left half changed there."""
        verdict = self._gate.check(ticks)
        yield
        good = verdict.good
        self._received += len(ticks)
        self._good += len(good)
        self._rejected += len(verdict.bad)
        changes = self._time_bars.push(good)
        batches: list[BarBatch] = [changes] if len(changes) else []
        if self._activity_bars is not None and len(self._activity_bars):
            batches += _some(self._activity_bars.push(good))
        # First what must not be lost, should a listener fail.
        kept = self._kept(batches)
        stored = good if self._keeps_ticks else None
        self._writer.add(stored, kept, (*verdict.bad, *changes.rejected))
        yield
        if len(good):
            self._on_ticks(good)
            yield
        for batch in batches:
            self._on_bars(batch)

    def advance(self, now: int) -> None:
        """Close bars by the market's clock, in microseconds; call it about once a second."""
        batches: list[BarBatch] = list(self._time_bars.advance(now))
        if self._activity_bars is not None:
            batches += _some(self._activity_bars.advance(now))
        if batches:
            self._writer.add(bars=self._kept(batches))
        for batch in batches:
            self._on_bars(batch)

    async def flush(self, timeout: float = 30.0) -> bool:
        """Return once all pushed before is on disk; False if it took too long or was dropped."""
        return await asyncio.to_thread(self._writer.flush, timeout)

    async def close(self, timeout: float = 10.0) -> bool:
        """Store what waits and end; False if not all could be stored in time."""
        self._writer.add(rejected=self._gate.give_up())
        return await asyncio.to_thread(self._writer.close, timeout)

    def stats(self) -> PipelineStats:
        """Return what passed, for health and metrics."""
        return PipelineStats(
            received=self._received,
            good=self._good,
            rejected=self._rejected,
            closed_bars=self._closed,
            amended_bars=self._amended,
            incomplete_bars=self._incomplete,
            outside_sessions=self._time_bars.outside_sessions,
            too_late=self._time_bars.too_late,
            store=self._writer.stats(),
        )

    def _kept(self, batches: Sequence[BarBatch]) -> list[BarBatch]:
        """Return of each batch what is stored: closed bars that are whole."""
        kept: list[BarBatch] = []
        for batch in batches:
            if isinstance(batch, Changes):
                counts = batch.counts()
                self._closed += counts.closed - counts.amended
                self._amended += counts.amended
                self._incomplete += counts.incomplete
                if counts.closed > counts.incomplete:
                    kept.append(batch.closed())
            else:
                closed = _closed(batch)
                self._closed += sum(len(change.bars) for change in closed)
                kept += _some(closed)
        return kept


def _closed(changes: Sequence[BarChange]) -> list[BarChange]:
    parts = [(change, np.flatnonzero(change.bars.closed)) for change in changes]
    return [
        BarChange(change.bars.take(part), change.whole[part]) for change, part in parts if len(part)
    ]


def _some(changes: list[BarChange]) -> list[BarBatch]:
    return [changes] if changes else []
