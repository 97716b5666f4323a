"""What a symbol is, and which symbols fit a text, asked of all sources.

Owns the instruments known and the merging of searches. One source that fails hides no other's
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from trading_dashboard.agents.market_data.choosing.answers import (
    PassedOver,
    SearchFound,
    no_answer,
)
from trading_dashboard.agents.market_data.choosing.asking import Asking, SourceQuestion, loop_time
from trading_dashboard.agents.market_data.choosing.caches import AgedCache
from trading_dashboard.agents.market_data.choosing.flights import Flights
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.choosing.routing import Chain, Routing
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    NotOffered,
    Source,
    SourceFailure,
    SourceGarbled,
    SourceUnreachable,
    UnknownToSource,
)

MAX_INSTRUMENTS = 50_000
MAX_SEARCHES = 500
MAX_SYMBOL = 64
MAX_FOUND = 500
FIND_SECONDS = 6.0
"""A search waits this long for the slowest source."""

Offers = tuple[Sequence[Instrument], PassedOver | None]


class Lookup:
    """Instruments by symbol and by text."""

    def __init__(self, routing: Routing, asking: Asking, flights: Flights) -> None:
        self._routing = routing
        self._asking = asking
        self._flights = flights
        policy = asking.policy
        self._instruments: AgedCache[str, Instrument] = AgedCache(
            MAX_INSTRUMENTS, policy.instrument_seconds
        )
        self._searches: AgedCache[tuple[str, int], SearchFound] = AgedCache(
            MAX_SEARCHES, policy.find_seconds
        )

    def known(self, symbol: str) -> Instrument | None:
        """Return what a symbol is if no source need be asked."""
        return self._instruments.get(symbol, loop_time())

    def know(self, instruments: Iterable[Instrument]) -> None:
        """Take over what was known before a restart, say."""
        now = loop_time()
        for instrument in instruments:
            self._instruments.put(instrument.symbol, instrument, now)

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is. Raises `UnknownToSource` if all sources say they do not know."""
        known = self.known(symbol)
        if known is not None:
            return known
        if not symbol or len(symbol) > MAX_SYMBOL or not symbol.isprintable():
            raise UnknownToSource(f"'{symbol[:MAX_SYMBOL]}' is no symbol")
        key = ("instrument", symbol)
        flight = self._flights.find(key)
        if flight is None:
            flight = self._flights.start([key], self._resolved(symbol))
        instrument: Instrument = await self._flights.result(flight)
        return instrument

    async def find(self, text: str, limit: int) -> SearchFound:
        """Return instruments that fit, the best of each source first.

        Raises:
            SourceFailure: No source can search, or all that can failed.
        """
        text, limit = text.strip()[:MAX_SYMBOL], max(1, min(limit, MAX_FOUND))
        key = (text.casefold(), limit)
        kept = self._searches.get(key, loop_time())
        if kept is not None:
            return kept
        flight = self._flights.find(("find", *key))
        if flight is None:
            flight = self._flights.start([("find", *key)], self._searched(text, limit))
        found: SearchFound = await self._flights.result(flight)
        return found

    async def _resolved(self, symbol: str) -> Instrument:
        chain = self._routing.chain(None, "any")
        question = SourceQuestion(kind="instrument", symbol=symbol, what=f"the symbol {symbol}")
        answer = await self._asking.first_answer(
            chain, question, lambda source: _told(source, symbol)
        )
        # In place of a better source that was away, it is believed for a little while only.
        seconds = self._asking.policy.find_seconds if answer.failed else None
        self._instruments.put(symbol, answer.value, loop_time(), seconds=seconds)
        return answer.value

    async def _searched(self, text: str, limit: int) -> SearchFound:
        chain = self._routing.chain(None, "search")
        if not chain:
            raise NotOffered("No enabled source can search")
        offers = await asyncio.gather(*(self._offers(line, text, limit) for line in chain))
        failed = tuple(passed for _, passed in offers if passed is not None)
        if len(failed) == len(chain):
            raise no_answer(f"a search for '{text}'", failed)
        found = _merged(chain, [instruments for instruments, _ in offers], text, limit, failed)
        if not failed:
            self._searches.put((text.casefold(), limit), found, loop_time())
        return found

    async def _offers(self, line: SourceLine, text: str, limit: int) -> Offers:
        until = loop_time() + FIND_SECONDS
        try:
            async with asyncio.timeout_at(until):
                instruments = await self._asking.of_line(
                    line, "find", lambda source: _searched(source, text, limit), until=until, left=1
                )
        except SourceFailure as failure:
            return (), PassedOver.of(line.name, failure)
        except TimeoutError:
            late = SourceUnreachable(f"did not answer within {FIND_SECONDS:.0f} s")
            return (), PassedOver.of(line.name, late)
        return instruments, None


async def _searched(source: Source, text: str, limit: int) -> Sequence[Instrument]:
    return _instruments(await source.find(text, limit))


async def _told(source: Source, symbol: str) -> Instrument:
    return _instruments([await source.instrument(symbol)])[0]


def _instruments(told: Sequence[object]) -> list[Instrument]:
    instruments = [each for each in told if isinstance(each, Instrument)]
    if len(instruments) < len(told):
        raise SourceGarbled("something else than instruments came")
    return instruments


def _merged(
    chain: Chain,
    offers: Sequence[Sequence[Instrument]],
    text: str,
    limit: int,
    failed: tuple[PassedOver, ...],
) -> SearchFound:
    sources: dict[str, list[str]] = {}
    for line, instruments in zip(chain, offers, strict=True):
        for instrument in instruments:
            sources.setdefault(instrument.symbol, []).append(line.name)
    first: dict[str, Instrument] = {}
    for instruments in offers:
        for instrument in instruments:
            first.setdefault(instrument.symbol, instrument)
    ranked = dict.fromkeys(
        each.symbol for row in zip_longest(*offers) for each in row if each is not None
    )
    wanted = text.casefold()
    # The sort is stable: within equals, each source's own order stands.
    symbols = sorted(ranked, key=lambda symbol: symbol.casefold() != wanted)[:limit]
    return SearchFound(
        instruments=tuple(first[symbol] for symbol in symbols),
        sources={symbol: tuple(dict.fromkeys(sources[symbol])) for symbol in symbols},
        failed=failed,
    )
