"""Newest prices of many symbols: cached, shared, in batches, source after source.

Owns what is asked together and how a batch fails over symbol by symbol. Every price is checked to
be of the source, symbol and currency asked for; whether it is any good is `quality`'s to judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from trading_dashboard.agents.market_data.choosing.answers import (
    OtherInstrument,
    PassedOver,
    SourceAnswer,
    no_answer,
)
from trading_dashboard.agents.market_data.choosing.asking import Asking, loop_time
from trading_dashboard.agents.market_data.choosing.caches import AgedCache
from trading_dashboard.agents.market_data.choosing.flights import Flight, Flights
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.choosing.routing import Chain
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    Quote,
    SourceFailure,
    SourceGarbled,
    UnknownToSource,
)

MAX_CACHED = 20_000

Quoted = SourceAnswer[Quote] | SourceFailure
Batch = dict[str, Quoted]


class Quoting:
    """Prices along chains of lines."""

    def __init__(
        self,
        asking: Asking,
        flights: Flights,
        known: Callable[[str], Instrument | None],
        now: Callable[[], int],
    ) -> None:
        self._asking = asking
        self._flights = flights
        self._known = known
        self._now = now
        self._kept: AgedCache[tuple[str, str], SourceAnswer[Quote]] = AgedCache(
            MAX_CACHED, asking.policy.quote_seconds
        )

    def cached(self, chain: Chain, symbol: str) -> SourceAnswer[Quote] | None:
        """Return a price heard a moment ago from whoever would be asked now."""
        now = loop_time()
        for line in chain:
            kept = self._kept.get((line.name, symbol), now)
            if kept is not None:
                age = max(0.0, (self._now() - kept.at) / MICROSECONDS)
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

    async def quotes(self, wanted: Mapping[str, Chain]) -> Batch:
        """Return a price or a failure for each symbol, along its chain."""
        batch: Batch = {}
        flights: dict[str, Flight] = {}
        groups: dict[Chain, list[str]] = {}
        for symbol, chain in wanted.items():
            kept = self.cached(chain, symbol)
            if kept is not None:
                batch[symbol] = kept
            elif (flight := self._flights.find(_key(chain, symbol))) is not None:
                flights[symbol] = flight
            else:
                groups.setdefault(chain, []).append(symbol)
        for chain, symbols in groups.items():
            for chunk in _chunks(symbols, _batch_size(chain)):
                keys = [_key(chain, symbol) for symbol in chunk]
                started = self._flights.start(keys, self._asked(chain, chunk))
                flights.update(dict.fromkeys(chunk, started))
        for brought in await self._landed(flights.values()):
            batch.update({symbol: brought[symbol] for symbol in flights if symbol in brought})
        return batch

    async def ask_line(
        self, line: SourceLine, symbols: Sequence[str], *, kind: str, until: float, patience: float
    ) -> tuple[dict[str, Quote], dict[str, SourceFailure]]:
        """Return what one line says of symbols it was asked for together, and what does not fit.

        Raises:
            SourceFailure: It says nothing of any.
        """

        async def question() -> Sequence[Quote]:
            return _of_source(await line.source.quotes(symbols), line.name)

        fitting: dict[str, Quote] = {}
        unfit: dict[str, SourceFailure] = {}
        wanted = set(symbols)
        for quote in await line.ask(kind, question, until=until, patience=patience):
            if quote.symbol not in wanted:
                continue
            known = self._known(quote.symbol)
            if known is not None and quote.currency and quote.currency != known.currency:
                unfit[quote.symbol] = OtherInstrument(
                    f"quotes {quote.symbol} in {quote.currency}, not in {known.currency}"
                )
            else:
                fitting[quote.symbol] = quote
        return fitting, unfit

    async def _landed(self, flights: Iterable[Flight]) -> list[Batch]:
        unique = list(dict.fromkeys(flights))
        if len(unique) == 1:
            return [await self._flights.result(unique[0])]
        return list(await asyncio.gather(*map(self._flights.result, unique)))

    async def _asked(self, chain: Chain, symbols: Sequence[str]) -> Batch:
        until = loop_time() + self._asking.policy.deadline_seconds
        failed: dict[str, list[PassedOver]] = {symbol: [] for symbol in symbols}
        batch: Batch = {}
        for index, line in enumerate(chain):
            pending = [symbol for symbol in symbols if symbol not in batch]
            if not pending:
                break
            left = len(chain) - index
            await self._asked_of(line, pending, until, left, failed, batch)
        for symbol in symbols:
            if symbol not in batch:
                batch[symbol] = no_answer(f"the price of {symbol}", failed[symbol])
        return batch

    async def _asked_of(
        self,
        line: SourceLine,
        symbols: Sequence[str],
        until: float,
        left: int,
        failed: Mapping[str, list[PassedOver]],
        batch: Batch,
    ) -> None:
        now = loop_time()
        share = until if left == 1 else now + (until - now) / left
        patience = until - now if left == 1 else self._asking.policy.patience_seconds
        known = [symbol for symbol in symbols if line.knows(symbol, now)]
        for symbol in set(symbols) - set(known):
            _pass_over(failed[symbol], line, UnknownToSource(f"does not know {symbol}"))

        async def ask(chunk: Sequence[str]) -> None:
            try:
                quotes, unfit = await self.ask_line(
                    line, chunk, kind="quotes", until=share, patience=patience
                )
            except SourceFailure as failure:
                if isinstance(failure, UnknownToSource) and len(chunk) == 1:
                    line.unknown.put(chunk[0], True, loop_time())
                for symbol in chunk:
                    _pass_over(failed[symbol], line, failure)
                return
            for symbol in chunk:
                if symbol not in quotes:
                    missing = unfit.get(symbol, UnknownToSource(f"left {symbol} out"))
                    _pass_over(failed[symbol], line, missing)
            self._take(line, quotes, failed, batch)

        await _each(ask(chunk) for chunk in _chunks(known, line.capabilities.max_quotes))

    def _take(
        self,
        line: SourceLine,
        quotes: Mapping[str, Quote],
        failed: Mapping[str, list[PassedOver]],
        batch: Batch,
    ) -> None:
        at = self._now()
        now = loop_time()
        for symbol, quote in quotes.items():
            answer = SourceAnswer(
                source=line.name, value=quote, at=at, failed=tuple(failed[symbol])
            )
            batch[symbol] = answer
            self._kept.put((line.name, symbol), answer, now)
        passed = {each.source: each for symbol in quotes for each in failed[symbol]}
        if quotes:
            self._asking.episodes.answered(line.name, list(passed.values()), list(quotes))


def _of_source(quotes: Sequence[Quote], name: str) -> Sequence[Quote]:
    """Return quotes that are of this source. Raises `SourceGarbled`."""
    for quote in quotes:
        if quote.source != name:
            raise SourceGarbled("a price came that is not of this source")
    return quotes


async def _each(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    pieces = list(work)
    if len(pieces) == 1:
        await pieces[0]
    else:
        await asyncio.gather(*pieces)


def _pass_over(failed: list[PassedOver], line: SourceLine, failure: SourceFailure) -> None:
    failed.append(PassedOver.of(line.name, failure))


def _batch_size(chain: Chain) -> int:
    now = loop_time()
    for line in chain:
        if line.is_well(now):
            return line.capabilities.max_quotes
    return max((line.capabilities.max_quotes for line in chain), default=1)


def _chunks(symbols: Sequence[str], size: int) -> list[Sequence[str]]:
    return [symbols[at : at + size] for at in range(0, len(symbols), max(1, size))]


def _key(chain: Chain, symbol: str) -> tuple[str, Chain, str]:
    return ("quote", chain, symbol)
