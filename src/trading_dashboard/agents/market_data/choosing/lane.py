"""One source's place among live prices: its feed, its breaker, when it may start again.

Owns what one source's feed came to; which symbols it gets is `live`'s. A source on trial (its
breaker half-open) must deliver for a while before it is trusted again, so that one which comes and
goes does not drag the symbols along.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from trading_dashboard.agents.market_data.choosing.answers import RateLimited, Resting
from trading_dashboard.agents.market_data.choosing.asking import loop_time
from trading_dashboard.agents.market_data.choosing.breaker import (
    Breaker,
    BreakerChange,
    BreakerState,
)
from trading_dashboard.agents.market_data.choosing.feed import PriceFeed, Weeded
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.choosing.policy import LivePolicy
from trading_dashboard.agents.market_data.sources.contract import (
    NotOffered,
    SourceFailure,
    SourceMissing,
    SourceRefusal,
    UnknownToSource,
)

_REFUSAL_SECONDS = 6 * 3600.0
_STOP_SECONDS = 5.0


class LiveLane:
    """One source's live prices. Monotonic times are the event loop's."""

    def __init__(
        self,
        line: SourceLine,
        policy: LivePolicy,
        rng: random.Random,
        on_change: Callable[[LiveLane, BreakerChange], None],
    ) -> None:
        self.line = line
        self.name = line.name
        self.breaker = Breaker(
            failures_to_open=policy.failures_to_open,
            open_seconds=policy.open_seconds,
            open_cap_seconds=policy.open_cap_seconds,
            on_change=lambda change: on_change(self, change),
        )
        self.feed: PriceFeed | None = None
        self.task: asyncio.Task[SourceFailure] | None = None
        self.must_weed = False
        """It said that it does not know a symbol, not which."""
        self.heard_at = 0
        """The last sign of life, or the start, by the wall clock."""
        self.retained: frozenset[str] = frozenset()
        """Symbols it had before a change of symbols made it start anew, until it is heard."""
        self._policy = policy
        self._rng = rng
        self._ticket = 0
        self._in_a_row = 0
        self._start_at = 0.0
        self._quiet_since = 0.0
        self._well_since: float | None = None

    @property
    def is_trusted(self) -> bool:
        """Return whether symbols may be given to it."""
        if self.line.missing is not None or self.breaker.state is not BreakerState.CLOSED:
            return False
        return self.feed is not None or self.line.day.left != 0

    @property
    def is_on_trial(self) -> bool:
        """Return whether it is being tried."""
        return self.breaker.state is BreakerState.HALF_OPEN

    def may_start(self, now: float) -> bool:
        """Return whether a feed may begin now."""
        if self.feed is not None or now < self._start_at or self.line.missing is not None:
            return False
        return self.breaker.allows(now)

    def started(
        self, feed: PriceFeed, task: asyncio.Task[SourceFailure], now: float, wall: int
    ) -> None:
        """Take a feed that begins."""
        if not self.retained:
            self.heard_at = wall
        self._ticket = self.breaker.begin(now)
        self.feed = feed
        self.task = task
        self._quiet_since = now
        self._well_since = None

    def heard(self, at: int, now: float) -> None:
        """Note a sign of life."""
        self.heard_at = at
        self._quiet_since = now
        if self._well_since is None:
            self._well_since = now

    def watch(self, now: float, *, is_open: bool) -> bool:
        """Judge silence and wellness; return whether it is silent though it should not be."""
        if self.feed is None:
            return False
        if not is_open:
            # A closed market is silent; being up is all that can be seen of it.
            self._well_since = self._well_since if self._well_since is not None else now
        if not is_open or self.feed.is_delivering:
            self._quiet_since = now
        patience = max(self._policy.silence_seconds, 3.0 * self.feed.round_seconds())
        if now - self._quiet_since >= patience:
            return True
        if self._well_since is not None and now - self._well_since >= self._policy.well_seconds:
            self._well(now)
        return False

    def lost(self, failure: SourceFailure, now: float) -> None:
        """Draw the consequences of a feed that ended: when it may start again."""
        self.feed = self.task = None
        self._in_a_row += 1
        delay = max(self._backoff(), failure.retry_after or 0.0)
        self._start_at = now + delay
        if isinstance(failure, UnknownToSource) and not self.must_weed:
            self.must_weed = not isinstance(failure, Weeded)
            self.breaker.abandoned(self._ticket, now)
        elif isinstance(failure, SourceRefusal | NotOffered | SourceMissing | Resting):
            if isinstance(failure, SourceMissing):
                self.line.missing = failure
            self.breaker.refused(self._ticket, now, _REFUSAL_SECONDS)
        elif delay > self._policy.open_seconds:
            # Nobody should wait that long while another source delivers.
            self.breaker.refused(self._ticket, now, delay)
        elif isinstance(failure, RateLimited):
            self.breaker.abandoned(self._ticket, now)
        else:
            self.breaker.failed(self._ticket, now)

    async def stop(self) -> None:
        """End the feed on purpose; no failure."""
        task, self.feed, self.task = self.task, None, None
        self.breaker.abandoned(self._ticket, loop_time())
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=_STOP_SECONDS)

    def _well(self, now: float) -> None:
        self._in_a_row = 0
        self.breaker.succeeded(self._ticket)
        # What fails after this is a failure of a source that was trusted again.
        self._ticket = self.breaker.begin(now)

    def _backoff(self) -> float:
        growth = 2.0 ** min(self._in_a_row - 1, 60)
        # Full jitter, as of requests.
        ceiling = min(self._policy.restart_seconds * growth, self._policy.restart_cap_seconds)
        return self._rng.uniform(0.0, ceiling)
