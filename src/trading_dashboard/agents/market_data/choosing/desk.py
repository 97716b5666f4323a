"""The desk of sources: one question in, one answer out, with its source and age.

Owns which questions there are, what is kept of past bars, and the life of the sources. Limits and
retries are `line`'s, the order is `routing`'s, prices are `quoting`'s, symbols `lookup`'s; live
prices are `live`'s. An answer is of exactly one source: series are never mixed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from trading_dashboard.agents.market_data.choosing.answers import (
    OtherInstrument,
    SearchFound,
    SourceAnswer,
    no_answer,
)
from trading_dashboard.agents.market_data.choosing.asking import (
    Asking,
    SourceQuestion,
    first_well,
    loop_time,
)
from trading_dashboard.agents.market_data.choosing.breaker import BreakerChange, BreakerState
from trading_dashboard.agents.market_data.choosing.caches import AgedCache
from trading_dashboard.agents.market_data.choosing.episodes import Episodes
from trading_dashboard.agents.market_data.choosing.events import EventKind, EventLog, SourceEvent
from trading_dashboard.agents.market_data.choosing.flights import Flights
from trading_dashboard.agents.market_data.choosing.line import (
    LineEvents,
    SourceLine,
    Surroundings,
)
from trading_dashboard.agents.market_data.choosing.lookup import Lookup
from trading_dashboard.agents.market_data.choosing.policy import Limits, Policy
from trading_dashboard.agents.market_data.choosing.quota import Notes
from trading_dashboard.agents.market_data.choosing.quoting import Quoted, Quoting
from trading_dashboard.agents.market_data.choosing.routing import Chain, Routing
from trading_dashboard.agents.market_data.choosing.states import LiveState, SourceState, state_of
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Instrument,
    NotOffered,
    PastBars,
    Quote,
    Source,
    SourceFailure,
    SourceGarbled,
)

MAX_QUOTES = 10_000
"""Symbols one question for prices may name."""
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "M": 31 * 86_400}

HistoryKey = tuple[str, str, str, int, int]


class LiveView(Protocol):
    """What the desk must know of live prices to tell who serves what."""

    def serving(self, symbol: str) -> str | None:
        """Return the source that a symbol's live prices come from now."""

    def state(self, source: str) -> LiveState:
        """Return how a source's live prices are."""


class SourceDesk:
    """All enabled sources behind one face. Every question raises `SourceFailure` and only that."""

    def __init__(
        self,
        sources: Sequence[Source],
        priorities: Mapping[AssetClass, Sequence[str]],
        notes: Notes,
        limits: Mapping[str, Limits] | None = None,
        *,
        policy: Policy | None = None,
        on_event: Callable[[SourceEvent], None] | None = None,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        rng: random.Random | None = None,
    ) -> None:
        """Make the desk; nothing is asked yet.

        Args:
            sources: The enabled sources, the preferred ones first.
            priorities: Names in order for each asset class; a class left out has all, in order.
            notes: Where the quotas of the day are kept.
            limits: By name of the source, instead of what its capabilities say.
            policy: Numbers of patience.
            on_event: Told of every event at once; must not block.
            now: The wall clock, in microseconds since 1970 UTC.
            rng: Draws the jitter of waits.
        """
        self.policy = policy or Policy()
        self.events = EventLog(on_event)
        self.now = now
        self.rng = rng or random.Random()
        around = Surroundings(
            policy=self.policy,
            notes=notes,
            now=now,
            rng=self.rng,
            events=LineEvents(
                breaker_moved=self._breaker_moved, quota_exhausted=self._quota_exhausted
            ),
        )
        limits = limits or {}
        lines = [SourceLine(each, limits.get(each.name, Limits()), around) for each in sources]
        self.routing = Routing(lines, priorities)
        self._flights = Flights()
        asking = Asking(self.policy, Episodes(self.events, now), now, self._is_live)
        self._asking = asking
        self._lookup = Lookup(self.routing, asking, self._flights)
        self.quoting = Quoting(asking, self._flights, self._lookup.known, now)
        self._past: AgedCache[HistoryKey, SourceAnswer[PastBars]] = AgedCache(
            self.policy.cached_bars, None
        )
        self._live: LiveView | None = None

    async def open(self) -> None:
        """Open all sources at once; one that fails is tried again when it is asked."""
        await asyncio.gather(*(line.open() for line in self.routing.lines.values()))

    async def close(self) -> None:
        """End what is under way, put the quotas on disk, close the sources."""
        await self._flights.close()
        closing = (line.close() for line in self.routing.lines.values())
        ended = await asyncio.gather(*closing, return_exceptions=True)
        if failures := [each for each in ended if isinstance(each, Exception)]:
            raise ExceptionGroup("sources did not close", failures)

    def attach(self, live: LiveView) -> None:
        """Let the desk know where live prices come from."""
        self._live = live

    def settings_changed(self, source: str) -> None:
        """Try a source again that refused us or lacked something. Raises `UnknownSource`."""
        self.routing.pinned(source)[0].forgive()

    def know(self, instruments: Iterable[Instrument]) -> None:
        """Take over instruments known from before."""
        self._lookup.know(instruments)

    def known(self, symbol: str) -> Instrument | None:
        """Return what a symbol is if no source need be asked."""
        return self._lookup.known(symbol)

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is. Raises `UnknownToSource` if all sources say they do not know."""
        return await self._lookup.instrument(symbol)

    async def find(self, text: str, limit: int) -> SearchFound:
        """Return instruments of all sources that can search, without duplicates."""
        return await self._lookup.find(text, limit)

    async def history(
        self, symbol: str, interval: str, start: int, end: int, *, source: str | None = None
    ) -> SourceAnswer[PastBars]:
        """Return the bars that open in [start, end), all of one source: the one named, if any."""
        symbol, chain = await self._chain(symbol, f"history {interval}", source)
        kept = self._kept(chain, symbol, interval, start, end)
        if kept is not None:
            return kept
        key = ("history", chain, symbol, interval, start, end)
        flight = self._flights.find(key)
        if flight is None:
            work = self._history(chain, symbol, interval, start, end)
            flight = self._flights.start([key], work)
        answer: SourceAnswer[PastBars] = await self._flights.result(flight)
        return answer

    async def quotes(
        self, symbols: Sequence[str], *, source: str | None = None
    ) -> Mapping[str, SourceAnswer[Quote] | SourceFailure]:
        """Return the newest price, or why there is none, for each symbol; raises nothing."""
        if len(symbols) > MAX_QUOTES:
            raise NotOffered(f"{len(symbols)} prices were asked for at once; {MAX_QUOTES} may be")
        asked = dict.fromkeys(symbols)
        answers: dict[str, Quoted] = {}
        if source is None:
            unknown = [each for each in asked if self.known(each) is None]
            answers.update(await self._unresolved(unknown))
        written: dict[str, str] = {}
        wanted: dict[str, Chain] = {}
        for symbol in [each for each in asked if each not in answers]:
            try:
                written[symbol], chain = await self._chain(symbol, "quotes", source)
                wanted[written[symbol]] = chain
            except SourceFailure as failure:
                answers[symbol] = failure
        brought = await self.quoting.quotes(wanted) if wanted else {}
        answers.update({symbol: brought[name] for symbol, name in written.items()})
        return answers

    def serving(self, symbol: str) -> str | None:
        """Return the source that a question about a symbol goes to now, None if there is none."""
        live = self._live.serving(symbol) if self._live is not None else None
        if live is not None:
            return live
        known = self.known(symbol)
        asset_class = known.asset_class if known else None
        chain = self.routing.chain(asset_class, "any")
        knowing = [line for line in chain if line.knows(symbol, loop_time())]
        line = first_well(knowing, symbol) or next(iter(knowing), None)
        return line.name if line is not None else None

    def states(self) -> list[SourceState]:
        """Return how each source is, in the order given."""
        live = self._live
        return [
            state_of(line, live.state(line.name) if live is not None else LiveState(), loop_time())
            for line in self.routing.lines.values()
        ]

    async def _unresolved(self, symbols: Sequence[str]) -> dict[str, SourceFailure]:
        """Learn what symbols are; return those for which that failed."""

        async def learn(symbol: str) -> SourceFailure | None:
            try:
                await self.instrument(symbol)
            except SourceFailure as failure:
                return failure
            return None

        if not symbols:
            return {}
        failures = await asyncio.gather(*map(learn, symbols))
        return {symbol: each for symbol, each in zip(symbols, failures, strict=True) if each}

    async def _chain(self, symbol: str, need: str, source: str | None) -> tuple[str, Chain]:
        """Return the symbol as it is really written, and who may be asked."""
        if source is not None:
            known = self.known(symbol)
            return (known.symbol if known else symbol), self.routing.pinned(source)
        instrument = self.known(symbol) or await self.instrument(symbol)
        chain = self.routing.chain(instrument.asset_class, need)
        if not chain:
            raise no_answer(f"{need} of {instrument.symbol} ({instrument.asset_class})", ())
        return instrument.symbol, chain

    def _kept(
        self, chain: Chain, symbol: str, interval: str, start: int, end: int
    ) -> SourceAnswer[PastBars] | None:
        now = loop_time()
        for line in chain:
            kept = self._past.get((line.name, symbol, interval, start, end), now)
            if kept is not None:
                age = max(0.0, (self.now() - kept.at) / MICROSECONDS)
                return SourceAnswer(
                    source=kept.source,
                    value=kept.value,
                    at=kept.at,
                    is_cached=True,
                    age_seconds=age,
                )
            if line.is_well(now) and line.knows(symbol, now):
                return None
        return None

    async def _history(
        self, chain: Chain, symbol: str, interval: str, start: int, end: int
    ) -> SourceAnswer[PastBars]:
        def can_answer(source: Source) -> None:
            self._must_reach(source, interval, end)

        async def ask(source: Source) -> PastBars:
            past = await source.history(symbol, interval, start, end)
            return _of_question(past, source.name, symbol, interval)

        question = SourceQuestion(
            kind=f"history {interval}", symbol=symbol, what=f"{interval} bars of {symbol}"
        )
        answer = await self._asking.first_answer(chain, question, ask, can_answer)
        length = int(interval[:-1]) * _UNIT_SECONDS[interval[-1]]
        settled = self.now() - int((length + self.policy.settle_seconds) * MICROSECONDS)
        # An empty answer may be a provider's hiccup, and what is forming changes.
        if end <= settled and len(answer.value.bars):
            key = (answer.source, symbol, interval, start, end)
            self._past.put(key, answer, loop_time(), weight=len(answer.value.bars))
        return answer

    def _is_live(self, source: str, symbol: str) -> bool:
        return self._live is not None and self._live.serving(symbol) == source

    def _must_reach(self, source: Source, interval: str, end: int) -> None:
        can = source.capabilities
        if interval not in can.intervals:
            raise NotOffered(f"has no {interval} bars")
        days = can.history_days.get(interval)
        if days is not None and end < self.now() - days * 86_400 * MICROSECONDS:
            raise NotOffered(f"has {interval} bars of the last {days} days only")

    def _breaker_moved(self, line: SourceLine, change: BreakerChange) -> None:
        if change.after is BreakerState.HALF_OPEN:
            return
        is_closed = change.after is BreakerState.CLOSED
        if not is_closed and change.before is not BreakerState.CLOSED:
            return
        self.events.add(
            SourceEvent(
                kind=EventKind.BREAKER_CLOSED if is_closed else EventKind.BREAKER_OPENED,
                source=line.name,
                at=self.now(),
                cause=change.trigger,
                detail="" if is_closed else line.tally.last_error or "",
            )
        )

    def _quota_exhausted(self, line: SourceLine) -> None:
        self.events.add(
            SourceEvent(
                kind=EventKind.QUOTA_EXHAUSTED,
                source=line.name,
                at=self.now(),
                end=line.day.resets_at,
                cause="quota_exhausted",
                detail=f"{line.day.used} of {line.day.limit} requests of the day are used",
            )
        )


def _of_question(past: PastBars, source: str, symbol: str, interval: str) -> PastBars:
    """Return bars that are what was asked for; anything else would mix series."""
    if past.bars.source != source:
        raise SourceGarbled("bars came that are not of this source")
    if past.bars.interval != interval:
        raise SourceGarbled(f"bars of {past.bars.interval} came where {interval} was asked for")
    if past.bars.symbol != symbol:
        raise OtherInstrument(f"sent bars of {past.bars.symbol[:64]} for {symbol}")
    return past
