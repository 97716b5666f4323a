"""Gaps in what was received: found, written down, and filled from the source they belong to.

Owns when a stretch is a gap, how often filling it is tried, and what is said of it. A gap of one
source is filled by that source or stays: series of different sources are never mixed.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

import numpy as np

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.expected import (
    WIDTHS,
    TimeRange,
    expected_starts,
    open_stretches,
)
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import SourceFailure
from trading_dashboard.agents.market_data.store.contract import (
    Archive,
    Gap,
    SeriesInfo,
    Writing,
)

MAX_ATTEMPTS = 6
FIRST_RETRY_SECONDS = 15.0
MAX_RETRY_SECONDS = 3600.0
MAX_WAITING = 10_000
"""Gaps that wait to be filled; more are only written down, and taken up at the next start."""
BARS_AT_ONCE = 5_000

Cause = Literal["agent_down", "source_down", "source_silent", "not_delivered", "quarantined"]
Key = tuple[str, str, str, int]
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class AskHistory(Protocol):
    """Asks one source, and no other, for bars that can be believed. Raises `SourceFailure`."""

    def __call__(
        self, source: str, symbol: str, interval: str, start: int, end: int
    ) -> Awaitable[Bars]:
        """Return the bars that open in [start, end)."""


class _OffLoop(Protocol):
    """Does blocking work off the event loop."""

    def __call__(self, work: Callable[[], Result]) -> Awaitable[Result]:
        """Return what `work` returns."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A source that says nothing now."""

    source: str
    symbols: frozenset[str]
    began: int
    cause: Literal["source_down", "source_silent"]
    detail: str


class GapKeeper:
    """Finds gaps, keeps them in the archive and fills them. Used from one event loop."""

    def __init__(
        self,
        archive: Archive,
        history: AskHistory,
        sessions: Callable[[str], Sessions],
        *,
        now: Callable[[], int],
        in_thread: _OffLoop,
        intervals: Sequence[str] = ("1m",),
        on_change: Callable[[Gap], None] = lambda _: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Make a keeper that knows no gap yet.

        Args:
            archive: Where gaps and what fills them is written.
            history: Asks the source of a gap.
            sessions: Returns the sessions of a symbol's exchange.
            now: Market time in microseconds since 1970 UTC.
            in_thread: Does the archive's work.
            intervals: Bars that are built of a live stream and missing after its silence.
            on_change: Told each gap that was found, filled or given up.
            jitter: Returns 0 to 1, how much of a random pause is taken.
        """
        self._archive = archive
        self._history = history
        self._sessions = sessions
        self._now = now
        self._in_thread = in_thread
        self._intervals = tuple(intervals)
        self._on_change = on_change
        self._jitter = jitter
        self._outages: dict[str, Outage] = {}
        self._waiting: dict[Key, Gap] = {}
        self._due: list[tuple[int, Key]] = []
        self._changed = asyncio.Event()

    # Finding

    async def take_up(self, served: Mapping[str, str]) -> list[Gap]:
        """Find what was missed while the agent did not run; go on with gaps of before.

        Args:
            served: The source of each symbol that is to be live; gaps of others only stay listed.
        """
        known = await self._in_thread(self._archive.gaps)
        for gap in known:
            if gap.filled_at is None and gap.attempts < MAX_ATTEMPTS and gap.interval:
                self._wait_for(gap, self._now())
        series = await self._in_thread(self._archive.series)
        found = [
            gap
            for info in series
            if info.interval in self._intervals and served.get(info.symbol) == info.source
            for gap in self._since(info)
        ]
        return await self._add(found)

    def outage_began(
        self,
        source: str,
        symbols: Iterable[str],
        *,
        at: int,
        cause: Literal["source_down", "source_silent"],
        detail: str = "",
    ) -> None:
        """Take note that nothing comes of a source; the first word of it counts."""
        self._outages.setdefault(source, Outage(source, frozenset(symbols), at, cause, detail))

    async def outage_ended(self, source: str, *, at: int) -> list[Gap]:
        """Write down what an outage cost, of the hours the exchanges were open, and fill it."""
        outage = self._outages.pop(source, None)
        if outage is None:
            return []
        found = [
            gap
            for symbol in sorted(outage.symbols)
            for gap in self._lost(outage.source, symbol, (outage.began, at), outage)
        ]
        return await self._add(found)

    async def found(self, gaps: Sequence[Gap]) -> list[Gap]:
        """Write down gaps that somebody else found, and fill them; returns those that are new."""
        return await self._add(gaps)

    # Filling

    async def run(self) -> None:
        """Fill gaps as they come due, for ever."""
        while True:
            pause = await self.fill_due()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def fill_due(self) -> float | None:
        """Fill what is due now; return the seconds until the next try, None if none waits."""
        while self._due and self._due[0][0] <= self._now():
            _, key = heapq.heappop(self._due)
            if (gap := self._waiting.pop(key, None)) is not None:
                await self._fill(gap)
        if not self._due:
            return None
        return max((self._due[0][0] - self._now()) / MICROSECONDS, 0.05)

    # Queries

    @property
    def outages(self) -> Sequence[Outage]:
        """Return the sources that say nothing now."""
        return tuple(self._outages.values())

    @property
    def waiting(self) -> int:
        """Return how many gaps are to be filled."""
        return len(self._waiting)

    # Private

    def _since(self, info: SeriesInfo) -> list[Gap]:
        """Return what is missing of a series between its newest bar and now."""
        width = WIDTHS.get(info.interval, 0) * MICROSECONDS
        now = self._now()
        # The bar that forms now lacks its beginning and will never be kept: it is missing, too.
        end = -(-now // width) * width if width else now
        stretches = open_stretches(self._sessions(info.symbol), info.last + width, end)
        if not stretches:
            return []
        whole = (stretches[0][0], stretches[-1][1])
        detail = "The agent did not run."
        return [self._gap(info.source, info.symbol, info.interval, whole, "agent_down", detail)]

    def _lost(self, source: str, symbol: str, silent: TimeRange, outage: Outage) -> list[Gap]:
        stretches = open_stretches(self._sessions(symbol), *silent)
        if not stretches:
            return []
        whole = (stretches[0][0], stretches[-1][1])
        found = []
        for interval in self._intervals:
            width = WIDTHS[interval] * MICROSECONDS
            # Bars that the silence only touched are incomplete: they belong to the gap.
            touched = (whole[0] // width * width, -(-whole[1] // width) * width)
            found.append(self._gap(source, symbol, interval, touched, outage.cause, outage.detail))
        return found or [self._gap(source, symbol, "", whole, outage.cause, outage.detail)]

    def _gap(
        self, source: str, symbol: str, interval: str, stretch: TimeRange, cause: Cause, detail: str
    ) -> Gap:
        return Gap(
            source=source,
            symbol=symbol,
            interval=interval,
            start=stretch[0],
            end=stretch[1],
            cause=cause,
            detail=detail,
            found_at=self._now(),
        )

    async def _add(self, gaps: Sequence[Gap]) -> list[Gap]:
        found = [gap for gap in gaps if _key(gap) not in self._waiting]
        if found:
            await self._in_thread(lambda: self._archive.write(Writing(gaps=found)))
            for gap in found:
                self._on_change(gap)
                if gap.interval:
                    # The bars of the last moments are often not yet with the provider.
                    self._wait_for(gap, self._now())
        return found

    def _wait_for(self, gap: Gap, at: int) -> None:
        key = _key(gap)
        if key not in self._waiting and len(self._waiting) < MAX_WAITING:
            self._waiting[key] = gap
            heapq.heappush(self._due, (at, key))
            self._changed.set()

    async def _fill(self, gap: Gap) -> None:
        """Ask the source once; write down what came of it."""
        gap = replace(gap, attempts=gap.attempts + 1)
        retry_after: float | None = None
        bars: Sequence[Bars] = ()
        try:
            bars = await self._ask(gap)
            gap = self._judged(gap, bars)
        except SourceFailure as error:
            retry_after = error.retry_after
            gap = replace(gap, detail=str(error)[:300])
            if not error.is_transient:
                gap = replace(gap, attempts=MAX_ATTEMPTS)
        try:
            await self._in_thread(lambda: self._archive.write(Writing(bars=bars, gaps=[gap])))
        except StoreUnusable as error:
            # Nothing of it is on disk: the gap is as open as before.
            logger.warning("A gap of %s could not be filled: %s", gap.symbol, error)
            gap = replace(gap, filled_at=None, attempts=gap.attempts - 1)
        self._on_change(gap)
        if gap.filled_at is None and gap.attempts < MAX_ATTEMPTS:
            again_at = self._now() + self._pause(gap.attempts, retry_after)
            # Who answered and lacked only what is not over yet is asked when it is.
            self._wait_for(gap, max(again_at, gap.end) if bars else again_at)

    async def _ask(self, gap: Gap) -> list[Bars]:
        """Return the bars of a gap, asked for in pieces. Raises `SourceFailure`."""
        step = WIDTHS.get(gap.interval, 86_400) * BARS_AT_ONCE * MICROSECONDS
        found = []
        for start in range(gap.start, gap.end, step):
            end = min(start + step, gap.end)
            bars = await self._history(gap.source, gap.symbol, gap.interval, start, end)
            if (bars.source, bars.symbol, bars.interval) != (
                gap.source, gap.symbol, gap.interval,
            ):  # fmt: skip
                raise SourceFailure(
                    f"{bars.symbol} {bars.interval} of {bars.source} came for {gap.symbol} "
                    f"{gap.interval} of {gap.source}, and was not used."
                )
            bars = bars.take((bars.start >= start) & (bars.start < end) & bars.closed)
            if len(bars):
                found.append(bars)
        return found

    def _judged(self, gap: Gap, bars: Sequence[Bars]) -> Gap:
        """Return the gap filled, or with what is still missing."""
        present = np.concatenate([part.start for part in bars]) if bars else np.array([], np.int64)
        expected = expected_starts(self._sessions(gap.symbol), gap.interval, gap.start, gap.end)
        missing = int((~np.isin(expected, present)).sum())
        if not missing:
            return replace(gap, filled_at=self._now())
        delivered = f"{len(expected) - missing} of {len(expected)} bars"
        is_over = self._now() >= gap.end  # until then its last bar is not there for anybody
        if is_over and len(present) and gap.detail.startswith(delivered):
            # Asked again it has no more: nobody traded then.
            text = f"{delivered}; the source has no more."
            return replace(gap, filled_at=self._now(), detail=text)
        return replace(gap, detail=f"{delivered} could be had so far.")

    def _pause(self, attempts: int, retry_after: float | None) -> int:
        ceiling = min(FIRST_RETRY_SECONDS * 2.0 ** (attempts - 1), MAX_RETRY_SECONDS)
        seconds = max(ceiling * (0.5 + self._jitter() / 2), retry_after or 0.0)
        return int(seconds * MICROSECONDS)


def _key(gap: Gap) -> Key:
    return gap.source, gap.symbol, gap.interval, gap.start
