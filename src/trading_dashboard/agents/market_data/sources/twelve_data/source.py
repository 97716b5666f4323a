"""Twelve Data as a source: which question is asked where, and prices by asking again.

Owns the requests. Its WebSocket is not used: it takes the key in its address only. Weeks and months
are not taken from it: they are made of days, aligned to the exchange's sessions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    NotOffered,
    PastBars,
    Quote,
    SourceSettings,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.http import (
    Credential,
    ProviderConnection,
    key_needed,
)
from trading_dashboard.agents.market_data.sources.listings import pair_instrument
from trading_dashboard.agents.market_data.sources.options import SourceOptions
from trading_dashboard.agents.market_data.sources.readings import (
    DAY,
    UNREADABLE,
    bars_of,
    is_daily,
)
from trading_dashboard.agents.market_data.sources.twelve_data.answers import (
    dividends_in,
    has_no_data,
    matches_in,
    quotes_in,
    refusal_in,
    series_in,
    splits_in,
)

ADDRESS = "https://api.twelvedata.com"
MAX_ROWS = 5000
"""So many rows one request may bring."""
MAX_QUOTES = 8
"""So many symbols one request may name: the credits a free key has in a minute."""
INTERVALS = {
    "1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "1h", "2h": "2h",
    "4h": "4h", "1d": "1day",
}  # fmt: skip

Parsed = TypeVar("Parsed")


class TwelveData:
    """The source. Options: ``actions``, ``poll_seconds``, ``base_url``, ``timeout_seconds``."""

    def __init__(self, settings: SourceSettings) -> None:
        """Take the settings. Raises `SourceMisconfigured`."""
        self.name = settings.name
        options = SourceOptions(settings)
        self._has_actions = options.flag("actions", False)
        self._poll_seconds = options.number("poll_seconds", 120.0, 0.05, 3600)
        key = key_needed(settings.name, settings.key)
        self._provider = ProviderConnection(
            options, ADDRESS, Credential(key=key, header="Authorization", scheme="apikey")
        )
        options.finish()
        self.capabilities = Capabilities(
            asset_classes=frozenset(
                {
                    AssetClass.EQUITY,
                    AssetClass.FUND,
                    AssetClass.INDEX,
                    AssetClass.FX,
                    AssetClass.CRYPTO,
                }
            ),
            intervals=tuple(INTERVALS),
            live="poll",
            has_actions=self._has_actions,
            has_search=True,
            needs_key=True,
            max_quotes=MAX_QUOTES,
            licence="Twelve Data terms of use; personal use unless agreed otherwise",
            description="Twelve Data, stocks, funds, currencies and crypto over HTTP",
            requests_per_minute=8,
            requests_per_day=800,
        )

    async def open(self) -> None:
        """Get ready; asks nothing."""
        await self._provider.open()

    async def close(self) -> None:
        """End what is under way."""
        await self._provider.close()

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return what a search for a part of a symbol or name brings."""
        question = {"symbol": text[:100], "outputsize": str(min(max(limit, 1), 120))}
        return (
            await self._ask("/symbol_search", question, lambda body: matches_in(body, self.name))
        )[:limit]

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is; of a pair that costs no request."""
        if (pair := pair_instrument(symbol)) is not None:
            return pair
        for found in await self.find(symbol.partition(":")[0], 30):
            if found.symbol == symbol:
                return found
        raise UnknownToSource(
            f"{self.name} does not know {symbol!r}, or not the calendar of its exchange."
        )

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return bars by one request, the newest 5,000; actions of days by two more if wanted."""
        if interval not in INTERVALS:
            raise NotOffered(f"{self.name} has no bars of {interval}.")
        question = {
            **_named(symbol),
            "interval": INTERVALS[interval],
            "outputsize": str(MAX_ROWS),
            "start_date": _written(start),
            "end_date": _written(end),
            "timezone": "UTC",
            "adjust": "none",
        }
        past = await self._ask(
            "/time_series",
            question,
            lambda body: self._past(body, symbol, interval, start, end),
            or_nothing=PastBars(bars=_no_bars(self.name, symbol, interval)),
        )
        if not (self._has_actions and is_daily(interval)):
            return past
        actions = await self._actions(symbol, start, end)
        return PastBars(bars=past.bars, actions=actions, is_complete=past.is_complete)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the newest prices; symbols of other countries are asked for one by one."""
        found: list[Quote] = []
        plain = [symbol for symbol in symbols if ":" not in symbol]
        batches = [plain[at : at + MAX_QUOTES] for at in range(0, len(plain), MAX_QUOTES)]
        for batch in [*batches, *([symbol] for symbol in symbols if ":" in symbol)]:
            found.extend(await self._quotes(batch))
        return found

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield what is new of the quotes, asked for every `poll_seconds`; 0 is their size."""
        last: dict[str, tuple[int, str]] = {}
        wanted = sorted(symbols)
        while True:
            quotes = await self.quotes(wanted)
            news = [quote for quote in quotes if last.get(quote.symbol) != _told(quote)]
            last.update((quote.symbol, _told(quote)) for quote in news)
            if news:
                yield _ticks(self.name, news)
            await asyncio.sleep(self._poll_seconds)

    async def _quotes(self, batch: Sequence[str]) -> Sequence[Quote]:
        received = time.time_ns() // 1000
        theirs = {symbol.partition(":")[0]: symbol for symbol in batch}
        question = {**_named(batch[0]), "symbol": ",".join(theirs)}
        try:
            return await self._ask(
                "/quote",
                question,
                lambda body: list(quotes_in(body, self.name, theirs, received)),
            )
        except UnknownToSource:
            return ()

    async def _actions(self, symbol: str, start: int, end: int) -> Sequence[CorporateEvent]:
        dates = {"start_date": _written(start)[:10], "end_date": _written(end)[:10]}
        question = {**_named(symbol), **dates}
        splits = await self._ask(
            "/splits", question, lambda body: list(splits_in(body, self.name, symbol))
        )
        dividends = await self._ask(
            "/dividends",
            {**question, "adjust": "false"},
            lambda body: list(dividends_in(body, self.name, symbol)),
        )
        within = range(start // DAY, -(-end // DAY))
        events = [*splits, *dividends]
        return [event for event in events if event.ex_day in within or event.ex_day == UNREADABLE]

    def _past(
        self, body: Mapping[str, Any], symbol: str, interval: str, start: int, end: int
    ) -> PastBars:
        """Return an answer's bars."""
        rows, zone = series_in(body, interval, self.name)
        now = time.time_ns() // 1000
        oldest = min((row.start for row in rows if row.start != UNREADABLE), default=start)
        return PastBars(
            bars=bars_of(
                self.name, symbol, interval, rows, start=start, end=end, now=now, zone=zone
            ),
            is_complete=len(rows) < MAX_ROWS or oldest <= start,
        )

    async def _ask(
        self,
        path: str,
        question: Mapping[str, str],
        translate: Callable[[Mapping[str, Any]], Parsed],
        or_nothing: Parsed | None = None,
    ) -> Parsed:
        """Return an answer translated, in a thread, since some are large."""
        answer = await self._provider.get(path, question)

        def read() -> Parsed:
            if not answer.is_success and not answer.body.lstrip().startswith(b"{"):
                raise self._provider.refused(answer)
            body = self._provider.parsed(answer)
            if or_nothing is not None and has_no_data(body):
                return or_nothing
            failure = refusal_in(body, self._provider)
            if failure is None and not answer.is_success:
                failure = self._provider.refused(answer)
            if failure is not None:
                raise failure
            return translate(body)

        return await asyncio.to_thread(read)


def make(settings: SourceSettings) -> TwelveData:
    """Return the source, not yet open. Raises `SourceMisconfigured`."""
    return TwelveData(settings)


def _named(symbol: str) -> dict[str, str]:
    """Return the parameters that name a symbol: ``TSCO:XLON`` is one of London."""
    ticker, _, exchange = symbol.partition(":")
    return {"symbol": ticker, **({"mic_code": exchange} if exchange else {})}


def _written(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _told(quote: Quote) -> tuple[int, str]:
    return quote.at, repr(quote.price)  # NaN is not equal to itself


def _no_bars(source: str, symbol: str, interval: str) -> Bars:
    return Bars.of(source, symbol, interval, ())


def _ticks(source: str, quotes: Sequence[Quote]) -> Ticks:
    count = len(quotes)
    return Ticks(
        source=source,
        symbols=tuple(quote.symbol for quote in quotes),
        symbol=np.arange(count, dtype=np.int32),
        at=np.array([quote.at for quote in quotes], dtype=np.int64),
        price=np.array([quote.price for quote in quotes], dtype=np.float64),
        size=np.zeros(count, dtype=np.float64),
        received=np.array([quote.received for quote in quotes], dtype=np.int64),
    )
