"""What waits to be stored, and the one thread that stores it.

Owns batching, retries and the bounds. Whatever the store does, memory stays bounded: each kind of
data has a bound of its own, the oldest of what is beyond is dropped, counted, and recorded as a gap
as soon as the store takes anything. While the store refuses, bars are tried before ticks: they are
small, and what most is made of.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.pending import (
    BarBatch,
    Entry,
    Lane,
    Losses,
    writing_of,
)
from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.store.contract import Archive, Rejected

logger = logging.getLogger(__name__)

_Taken = tuple[Sequence[Ticks], Sequence[BarBatch], Sequence[Sequence[Rejected]], Losses]

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLimits:
    """When to write, and how much may wait, in rows; a tick takes 40 bytes, a bar 120."""

    commit_seconds: float = 0.5
    commit_rows: int = 50_000
    ticks: int = 500_000
    bars: int = 200_000
    rejected: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStats:
    """How storing goes; counts are rows since the start.

    Attributes:
        waiting_seconds: Age of the oldest row that is not acknowledged.
        failures: Writes in a row that failed; 0 while all is well.
    """

    waiting_ticks: int
    waiting_bars: int
    waiting_seconds: float
    written_ticks: int
    written_bars: int
    dropped_ticks: int
    dropped_bars: int
    dropped_rejected: int
    writes: int
    last_write_seconds: float
    failures: int
    error: str | None


class WriteQueue:
    """Accepts from any thread; writes from its own, between `start` and `close`."""

    def __init__(
        self,
        archive: Archive,
        limits: WriteLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._archive = archive
        self._limits = limits or WriteLimits()
        self._clock = clock
        self._wall_clock = wall_clock
        self._changed = threading.Condition()
        self._ticks: Lane[Ticks] = Lane(self._limits.ticks)
        self._bars: Lane[BarBatch] = Lane(self._limits.bars)
        self._rejected: Lane[Sequence[Rejected]] = Lane(self._limits.rejected)
        self._losses, self._recording = Losses(), Losses()
        self._number = 0
        self._writes, self._last_write_seconds = 0, 0.0
        self._failures, self._retry_at = 0, 0.0
        self._error: str | None = None
        self._is_urgent = False
        self._end_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="market-data-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(
        self,
        ticks: Ticks | None = None,
        bars: Sequence[BarBatch] = (),
        rejected: Sequence[Rejected] = (),
    ) -> None:
        """Take what is to be stored; never waits for the store."""
        with self._changed:
            was_empty = not self._has_any()
            self._number += 1
            number, now = self._number, self._clock()
            if ticks is not None and len(ticks):
                self._ticks.add(Entry(number, now, len(ticks), ticks))
            for batch in bars:
                rows = len(batch)
                if rows:
                    self._bars.add(Entry(number, now, rows, batch))
            if rejected:
                self._rejected.add(Entry(number, now, len(rejected), rejected))
            self._keep_bounds()
            if was_empty or self._is_due():
                self._changed.notify_all()

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until half of the room for ticks is free; for those who can wait, as a replay."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._ticks.rows <= self._limits.ticks // 2, timeout
            )

    def flush(self, timeout: float) -> bool:
        """Wait until all added before is acknowledged by the store.

        Returns False if that took too long, or some of it had to be dropped meanwhile.
        """
        with self._changed:
            target, dropped = self._number, self._dropped()
            self._is_urgent = True
            self._changed.notify_all()
            is_done = self._changed.wait_for(lambda: self._is_acknowledged(target), timeout)
            return is_done and self._dropped() == dropped

    def close(self, timeout: float = 10.0) -> bool:
        """Store what waits and end the thread; False if not all was stored in time."""
        with self._changed:
            dropped = self._dropped()
            self._end_at = self._clock() + timeout
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout + 1.0)
        with self._changed:
            left = self._ticks.rows + self._bars.rows + self._rejected.rows
            if left:
                logger.error("%d rows were not stored before the end", left)
            return not left and self._dropped() == dropped

    def stats(self) -> WriteStats:
        """Return how storing goes; never waits for the store."""
        with self._changed:
            oldest = self._oldest()
            return WriteStats(
                waiting_ticks=self._ticks.rows,
                waiting_bars=self._bars.rows,
                waiting_seconds=self._clock() - oldest.since if oldest else 0.0,
                written_ticks=self._ticks.written,
                written_bars=self._bars.written,
                dropped_ticks=self._ticks.dropped,
                dropped_bars=self._bars.dropped,
                dropped_rejected=self._rejected.dropped,
                writes=self._writes,
                last_write_seconds=self._last_write_seconds,
                failures=self._failures,
                error=self._error,
            )

    # The thread; all below is called with the lock held, but for `_write`

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._wait_until_due():
                    return
                taken = self._take()
            began = self._clock()
            error = self._write(*taken)
            with self._changed:
                self._last_write_seconds = self._clock() - began
                self._settle(error)

    def _wait_until_due(self) -> bool:
        """Wait for the next write; False when it is time to end."""
        while not self._is_due():
            if self._end_at is not None and not (self._has_any() and self._clock() < self._end_at):
                return False
            self._changed.wait(self._seconds_until_due())
        return self._end_at is None or self._clock() < self._end_at

    def _is_due(self) -> bool:
        if not self._has_any():
            return False
        if self._failures:
            return self._clock() >= self._retry_at
        rows = self._ticks.rows + self._bars.rows + self._rejected.rows
        is_asked = self._is_urgent or self._end_at is not None
        return is_asked or rows >= self._limits.commit_rows or self._seconds_until_due() == 0.0

    def _seconds_until_due(self) -> float | None:
        """Return how long nothing is to be done; None is until something is added."""
        if not self._has_any():
            return None
        oldest = self._oldest()
        due_at = oldest.since + self._limits.commit_seconds if oldest else 0.0
        if self._failures:
            due_at = self._retry_at
        if self._end_at is not None:
            due_at = min(due_at, self._end_at)
        return max(due_at - self._clock(), 0.0)

    def _take(self) -> _Taken:
        """Take what waits; after a failure all but ticks, if there is anything else."""
        is_small = bool(self._failures and (self._bars or self._rejected or self._losses))
        self._recording, self._losses = self._losses, Losses()
        ticks = [] if is_small else self._ticks.take()
        return ticks, self._bars.take(), self._rejected.take(), self._recording

    def _write(
        self,
        ticks: Sequence[Ticks],
        bars: Sequence[BarBatch],
        rejected: Sequence[Sequence[Rejected]],
        losses: Losses,
    ) -> Exception | None:
        """Write without the lock; return why it failed, if it did."""
        try:
            gaps = losses.gaps(int(self._wall_clock() * MICROSECONDS))
            self._archive.write(writing_of(ticks, bars, rejected, gaps))
        except StoreUnusable as failure:
            return failure
        except Exception as failure:
            # A fault in the rows themselves: it would come again for ever, and block all else.
            logger.exception("The store did not take some market data; it is left out")
            return failure
        return None

    def _settle(self, error: Exception | None) -> None:
        """Say what became of a write."""
        self._writes += 1
        self._error = None if error is None else str(error)
        lanes: tuple[Lane[Ticks], Lane[BarBatch], Lane[Sequence[Rejected]]]
        lanes = (self._ticks, self._bars, self._rejected)
        if isinstance(error, StoreUnusable):
            if not self._failures:
                logger.error("Market data cannot be stored for now: %s (%s)", error, error.observed)
            pause = min(FIRST_RETRY_SECONDS * 2**self._failures, LAST_RETRY_SECONDS)
            self._failures = min(self._failures + 1, 16)
            self._retry_at = self._clock() + pause
            for lane in lanes:
                lane.put_back()
            self._losses.add_all(self._recording)
            self._keep_bounds()
        else:
            if self._failures:
                logger.info("Market data can be stored again")
            self._failures = 0
            if error is not None:
                self._losses.add_ticks(self._ticks.give_up_taken())
                self._losses.add_bars(self._bars.give_up_taken())
                self._rejected.give_up_taken()
            for lane in lanes:
                lane.done()
        if not self._has_any():
            self._is_urgent = False
        self._changed.notify_all()

    # What waits

    def _keep_bounds(self) -> None:
        """Drop the oldest of what is beyond the bounds."""
        before = self._dropped()
        self._losses.add_ticks(self._ticks.give_up_excess())
        self._losses.add_bars(self._bars.give_up_excess())
        self._rejected.give_up_excess()
        if not before and self._dropped():
            logger.error("Market data is dropped: the store does not keep up")

    def _has_any(self) -> bool:
        return bool(self._ticks or self._bars or self._rejected or self._losses)

    def _dropped(self) -> int:
        return self._ticks.dropped + self._bars.dropped + self._rejected.dropped

    def _oldest(self) -> Entry[Ticks] | Entry[BarBatch] | Entry[Sequence[Rejected]] | None:
        found = (self._ticks.oldest, self._bars.oldest, self._rejected.oldest)
        return min((one for one in found if one), key=lambda one: one.number, default=None)

    def _is_acknowledged(self, number: int) -> bool:
        oldest = self._oldest()
        return oldest is None or oldest.number > number
