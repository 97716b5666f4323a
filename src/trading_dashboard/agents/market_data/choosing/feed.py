"""Live prices of one source until they end: pushed, or asked for again and again.

Owns one attempt: it ends with the failure that ended it. Starting again, silence and fail-over are
`live`'s. What comes is handed on before the next is taken, so that a slow receiver slows the source
down instead of filling memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from trading_dashboard.agents.market_data.choosing.answers import RateLimited
from trading_dashboard.agents.market_data.choosing.asking import loop_time
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.choosing.policy import LivePolicy
from trading_dashboard.agents.market_data.choosing.quota import MINUTE_SECONDS
from trading_dashboard.agents.market_data.choosing.quoting import Quoting
from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    Quote,
    SourceFailure,
    SourceGarbled,
    SourceUnreachable,
    UnknownToSource,
)

Deliver = Callable[["PriceFeed", Ticks], Awaitable[None]]

KIND = "live"
UNKNOWN_SECONDS = 6 * 3600.0
"""How long a source is believed not to have a symbol live."""
_LEFT_OUT = 3
"""Times in a row a symbol may be left out of what a source tells."""
_PATIENCE_SECONDS = 10.0


class PriceFeed(Protocol):
    """One attempt at live prices of one source."""

    line: SourceLine
    symbols: frozenset[str]
    is_delivering: bool
    """The receiver has a batch in hand: silence meanwhile is not the source's."""

    async def run(self) -> SourceFailure:
        """Deliver until it ends; return why it ended. What the receiver raises passes through."""

    def change(self, symbols: frozenset[str]) -> bool:
        """Take other symbols; False if that needs a new attempt."""

    def round_seconds(self) -> float:
        """Return the longest time without a sign of life if all is well, 0 if it is not known."""


class StreamFeed:
    """What a source pushes. A batch without ticks is a sign of life."""

    def __init__(self, line: SourceLine, symbols: frozenset[str], deliver: Deliver) -> None:
        self.line = line
        self.symbols = symbols
        self.is_delivering = False
        self._deliver = deliver

    async def run(self) -> SourceFailure:
        """Deliver until the stream ends; return why it ended."""
        try:
            # To start a stream is a request like others to the provider.
            await self.line.admit(KIND, loop_time() + _PATIENCE_SECONDS, _PATIENCE_SECONDS)
            self.line.tally.sent()
            self.line.answered()
        except SourceFailure as failure:
            return failure
        stream = self.line.source.live(self.symbols)
        try:
            while True:
                ticks = await _next_of(anext, stream, self.line.name)
                if isinstance(ticks, SourceFailure):
                    return ticks
                await _hand_on(self, self._deliver, ticks)
        finally:
            closing = getattr(stream, "aclose", None)
            if closing is not None:
                await closing()

    def change(self, symbols: frozenset[str]) -> bool:
        """Return whether these are the symbols it has; a stream cannot change them."""
        return symbols == self.symbols

    def round_seconds(self) -> float:
        """Return 0: what is pushed comes when it comes."""
        return 0.0


class PollFeed:
    """Prices asked for again and again, at a pace that leaves limits for others."""

    def __init__(
        self,
        line: SourceLine,
        symbols: frozenset[str],
        deliver: Deliver,
        *,
        quoting: Quoting,
        policy: LivePolicy,
        now: Callable[[], int],
    ) -> None:
        self.line = line
        self.symbols = symbols
        self.is_delivering = False
        self._deliver = deliver
        self._quoting = quoting
        self._policy = policy
        self._now = now
        self._last: dict[str, Quote] = {}
        self._left_out: Counter[str] = Counter()
        self._next_at = 0.0
        self._added = asyncio.Event()

    async def run(self) -> SourceFailure:
        """Ask until that fails; return why."""
        asked: frozenset[str] = frozenset()
        while True:
            is_round = loop_time() >= self._next_at
            if is_round:
                self._next_at = loop_time() + self.round_seconds()
            self._added.clear()
            # What was added between two rounds need not wait for the next: it may be hours away.
            due = self.symbols if is_round else self.symbols - asked
            asked = self.symbols
            try:
                await self._ask(sorted(due))
            except RateLimited as limited:
                self._next_at = max(self._next_at, loop_time() + (limited.retry_after or 0.0))
            except SourceFailure as failure:
                return failure
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_at):
                    await self._added.wait()

    def change(self, symbols: frozenset[str]) -> bool:
        """Ask for what is new at once, for all of these in the next round."""
        if symbols - self.symbols:
            self._added.set()
        self.symbols = symbols
        self._last = {symbol: self._last[symbol] for symbol in self._last.keys() & symbols}
        return True

    def round_seconds(self) -> float:
        """Return the time between two rounds that the limits allow."""
        requests = math.ceil(len(self.symbols) / self.line.capabilities.max_quotes)
        pace = self._policy.poll_seconds
        share = self._policy.poll_share
        if (per_minute := self.line.limits.requests_per_minute) is not None:
            pace = max(pace, requests * MINUTE_SECONDS / (per_minute * share))
        if left := self.line.day.left:
            seconds = (self.line.day.resets_at - self._now()) / MICROSECONDS
            pace = max(pace, requests * seconds / (left * share))
        return pace

    async def _ask(self, symbols: Sequence[str]) -> None:
        size = self.line.capabilities.max_quotes
        for at in range(0, len(symbols), size):
            chunk = symbols[at : at + size]
            quotes, unfit = await self._quoting.ask_line(
                self.line,
                chunk,
                kind=KIND,
                until=loop_time() + 2 * _PATIENCE_SECONDS,
                patience=_PATIENCE_SECONDS,
            )
            for symbol in chunk:
                self._count_left_out(symbol, is_told=symbol in quotes, is_unfit=symbol in unfit)
            await _hand_on(self, self._deliver, self._news(quotes))

    def _count_left_out(self, symbol: str, *, is_told: bool, is_unfit: bool) -> None:
        """Leave to the next source what this one leaves out again and again."""
        if is_told:
            self._left_out.pop(symbol, None)
            return
        self._left_out[symbol] += 1
        if is_unfit or self._left_out[symbol] >= _LEFT_OUT:
            del self._left_out[symbol]
            self.line.unknown.put(symbol, True, loop_time(), seconds=UNKNOWN_SECONDS)

    def _news(self, quotes: Mapping[str, Quote]) -> Ticks:
        """Return ticks of prices that are newer than the last; nothing for what is unchanged.

        The size of a tick is what the day's volume grew by, 0 where that is not known.
        """
        rows: list[tuple[Quote, float]] = []
        for symbol, quote in quotes.items():
            last = self._last.get(symbol)
            if last is not None and not _is_news(last, quote):
                continue
            self._last[symbol] = quote
            rows.append((quote, _grown(last, quote)))
        return _ticks(self.line.name, rows)


async def _next_of(
    take: Callable[..., Awaitable[Ticks]], stream: object, name: str
) -> Ticks | SourceFailure:
    """Return the next batch, or the failure that ended the stream."""
    try:
        ticks = await take(stream)
        if ticks.source != name:
            return SourceGarbled("ticks came that are not of this source")
    except SourceFailure as failure:
        return failure
    except StopAsyncIteration:
        return SourceUnreachable("the stream ended")
    except Exception as error:  # noqa: BLE001 - told as the source's failure, whatever it raised
        # Its words are not repeated: only failures of the contract promise to hold no secret.
        return SourceGarbled(f"the stream of '{name}' failed with {type(error).__name__}")
    return ticks


async def _hand_on(feed: StreamFeed | PollFeed, deliver: Deliver, ticks: Ticks) -> None:
    feed.is_delivering = True
    try:
        await deliver(feed, ticks)
    finally:
        feed.is_delivering = False


class Weeded(UnknownToSource):
    """What the source does not know is known now: the others can be asked for."""


async def weed(line: SourceLine, symbols: frozenset[str], seconds: float) -> bool:
    """Ask a source which of the symbols it does not know, and remember; return if there are any."""
    found = False
    for symbol in sorted(symbols):
        try:
            await line.ask(
                "instrument",
                partial(line.source.instrument, symbol),
                until=loop_time() + _PATIENCE_SECONDS,
                patience=_PATIENCE_SECONDS,
            )
        except UnknownToSource:
            line.unknown.put(symbol, True, loop_time(), seconds=seconds)
            found = True
        except SourceFailure:
            # The source is not well: what it does not know is found another time.
            return found
    return found


def _is_news(last: Quote, quote: Quote) -> bool:
    if quote.at < last.at:
        return False
    return (quote.at, quote.price, quote.volume) != (last.at, last.price, last.volume)


def _grown(last: Quote | None, quote: Quote) -> float:
    if last is None or last.volume is None or quote.volume is None:
        return 0.0
    return max(0.0, quote.volume - last.volume)


def _ticks(source: str, rows: Sequence[tuple[Quote, float]]) -> Ticks:
    return Ticks(
        source=source,
        symbols=tuple(quote.symbol for quote, _ in rows),
        symbol=np.arange(len(rows), dtype=np.int32),
        at=np.array([quote.at for quote, _ in rows], dtype=np.int64),
        price=np.array([quote.price for quote, _ in rows], dtype=np.float64),
        size=np.array([size for _, size in rows], dtype=np.float64),
        received=np.array([quote.received for quote, _ in rows], dtype=np.int64),
    )
