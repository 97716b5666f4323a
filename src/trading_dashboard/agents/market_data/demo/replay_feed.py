"""The replay as the stream sees it: pulled by its clock.

Owns how far updates have been handed over, and the renewal of the clock's record. An event is a
market second, counted from the first open, so whoever comes back gets what it missed computed
anew. The numbering changes when the clock is set.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Collection, Hashable, Sequence

from trading_dashboard.agents.market_data.demo import bars as barlib
from trading_dashboard.agents.market_data.demo.clock import RENEW_SECONDS, ReplayClock
from trading_dashboard.agents.market_data.demo.feed import Feed
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.timeline import iso
from trading_dashboard.agents.market_data.streaming.feed import UpdateReceiver, Wanted
from trading_dashboard.agents.market_data.streaming.outbox import MAX_CLOSED_BARS, Missed
from trading_dashboard.models.market import INTERVALS

MIN_STEP_SECONDS = 0.05
"""Ticks of a symbol come no closer together than this, on the wall clock."""
MAX_MISSED_SECONDS = 4 * 3600
"""Market seconds after which a return begins anew, also where only ticks are read."""


class ReplayFeed:
    """Updates between where the clock was when last asked and where it is now."""

    def __init__(self, market: DemoMarket, clock: ReplayClock) -> None:
        self.updates = Feed(market)
        self._market = market
        self._clock = clock
        self._run = secrets.token_hex(6)
        self._jumps = 0
        self._served = clock.position()
        self._renewed_at = -math.inf
        self._trouble: str | None = None

    @property
    def epoch(self) -> str:
        """Return the name of this numbering: of this process, until the clock is set."""
        return f"{self._run}-{self._jumps}"

    @property
    def event(self) -> int:
        """Return the market second up to which all has been handed over."""
        return int(self._served)

    @property
    def trouble(self) -> str | None:
        """Return why the position cannot be put on record now; None while all is well."""
        return self._trouble

    def bind(self, wake: Callable[[], None]) -> None:
        """Nothing is due here but by the clock."""

    # Symbols

    def symbols(self) -> Collection[str]:
        """Return all symbols of the data set."""
        return self._market.series.keys()

    def listed(self) -> Collection[str]:
        """Return the symbols listed at the clock."""
        return self._market.listed(self._market.timeline.at(self._served))

    def resolve(self, symbol: str) -> str:
        """Return a listed symbol's name. Raises `UnknownSymbol`."""
        return self._market.find(symbol, self._clock.instant()).listing.symbol

    def offers(self, interval: str) -> bool:
        """Return whether bars of this interval are made."""
        return interval in INTERVALS

    # Time

    def keep(self) -> None:
        """Renew the clock's record now and then, so that it may go on."""
        now = time.monotonic()
        if now - self._renewed_at < RENEW_SECONDS:
            return
        self._renewed_at = now
        try:
            self._clock.renew()
        except OSError as error:
            self._trouble = str(error)
        else:
            self._trouble = None

    def pause(self, wanted: Wanted) -> float | None:
        """Return the seconds until the next market second that somebody waits for."""
        if not self._clock.is_moving:
            return RENEW_SECONDS if self._trouble else None
        pause = self._renewed_at + RENEW_SECONDS - time.monotonic()
        if wanted:
            to_next_second = (math.floor(self._served) + 1 - self._served) / self._clock.speed
            pause = min(pause, to_next_second)
        return max(pause, MIN_STEP_SECONDS)

    @property
    def is_moving(self) -> bool:
        """Return whether the replay is neither paused nor at its end."""
        return self._clock.is_moving

    def phase(self) -> Hashable:
        """Return the session and whether it was the last one."""
        instant = self._market.timeline.at(self._served)
        return instant.session, instant.finished

    def clock_body(self) -> str:
        """Return the clock's state as JSON."""
        return self._clock.state().model_dump_json()

    # Content

    def read(self, symbol: str, intervals: Collection[str]) -> None:
        """Nothing is kept for readers: what they miss is computed."""

    def advance(self, wanted: Wanted, out: UpdateReceiver) -> None:
        """Hand over all that happened up to the clock."""
        start, self._served = self._served, self._clock.position()
        if wanted:
            numbered = _Numbered(out, event=self.event, first=int(start) + 1)
            self.updates.advance(start, self._served, wanted, numbered)

    def jump(self) -> None:
        """Go on from where the clock has been set to."""
        self._jumps += 1
        self._served = self._clock.position()

    def snapshot_body(self, symbol: str, intervals: Collection[str]) -> str:
        """Return a symbol's state."""
        instant = self._market.timeline.at(self._served)
        return self.updates.snapshot_body(symbol, intervals, instant)

    def missed(
        self, symbol: str, intervals: Collection[str], after: int
    ) -> Sequence[Missed] | None:
        """Return the newest tick, closed bars and forming bars since a market second."""
        seconds = self.event - after
        shortest = min((barlib.SECONDS.get(i, math.inf) for i in intervals), default=math.inf)
        if not 0 <= seconds <= min(MAX_MISSED_SECONDS, shortest * MAX_CLOSED_BARS):
            return None
        found = _Collected(event=self.event, first=after + 1)
        self.updates.advance(float(after), self._served, {symbol: intervals}, found)
        return None if found.is_new else found.messages

    def time_of(self, event: int) -> str | None:
        """Return the time of a market second."""
        return iso(self._market.timeline.at(float(event)).now)

    def now(self) -> str:
        """Return market time."""
        return iso(self._market.timeline.at(self._served).now)


class _Numbered:
    """Passes updates on with the market seconds they stand for."""

    def __init__(self, out: UpdateReceiver, *, event: int, first: int) -> None:
        self._out = out
        self._event = event
        self._first = first

    def tick(self, symbol: str, body: str, merged: int) -> None:
        self._out.tick(symbol, body, merged, self._event, self._first)

    def bar(self, symbol: str, interval: str, body: str, *, closed: bool) -> None:
        take = self._out.closed if closed else self._out.forming
        take(symbol, interval, body, self._event, self._first)

    def listed(self, symbol: str) -> None:
        self._out.listed(symbol)


class _Collected:
    """Keeps updates for one reader who came back."""

    def __init__(self, *, event: int, first: int) -> None:
        self.messages: list[Missed] = []
        self.is_new = False
        """The symbol was listed meanwhile: it begins with a snapshot."""
        self._event = event
        self._first = first

    def tick(self, symbol: str, body: str, merged: int) -> None:  # noqa: ARG002
        self._keep(f'{body},"conflated":{merged}' if merged else body)

    def bar(self, symbol: str, interval: str, body: str, *, closed: bool) -> None:  # noqa: ARG002
        self._keep(body)

    def listed(self, symbol: str) -> None:  # noqa: ARG002
        self.is_new = True

    def _keep(self, body: str) -> None:
        text = f'"event":{self._event},{body}'
        self.messages.append(Missed(self._event, self._first, text))
