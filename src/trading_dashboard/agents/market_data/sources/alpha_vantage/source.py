"""Alpha Vantage as a source: which of its functions answers which question.

Owns the requests; one question is one request, since a free key has 25 a day. Weeks, months and
hours are not taken from it: they are made of days and minutes, aligned to the exchange's sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sources.alpha_vantage.answers import (
    Pairs,
    actions_in,
    matches_in,
    quote_in,
    rate_in,
    refusal_in,
    series_in,
)
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
from trading_dashboard.agents.market_data.sources.listings import FIAT, pair_instrument, pair_of
from trading_dashboard.agents.market_data.sources.options import SourceOptions
from trading_dashboard.agents.market_data.sources.readings import (
    DAY,
    UNREADABLE,
    Row,
    bars_of,
    is_daily,
)

ADDRESS = "https://www.alphavantage.co"
COMPACT_ROWS = 100
"""So many rows a free key is told of a series."""
MINUTES = {"1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min"}
RECENT_DAYS = 30
"""So far back intraday bars go without naming a month."""

Parsed = TypeVar("Parsed")


class AlphaVantage:
    """The source. Options: ``premium``, ``base_url``, ``timeout_seconds``."""

    def __init__(self, settings: SourceSettings) -> None:
        """Take the settings. Raises `SourceMisconfigured`."""
        self.name = settings.name
        options = SourceOptions(settings)
        self._is_premium = options.flag("premium", False)
        key = key_needed(settings.name, settings.key)
        self._provider = ProviderConnection(
            options, ADDRESS, Credential(key=key, parameter="apikey")
        )
        options.finish()
        self.capabilities = Capabilities(
            asset_classes=frozenset(
                {AssetClass.EQUITY, AssetClass.FUND, AssetClass.FX, AssetClass.CRYPTO}
            ),
            intervals=(*MINUTES, "1d"),
            live="none",
            has_actions=self._is_premium,
            has_search=True,
            needs_key=True,
            history_days={} if self._is_premium else {"1d": 140},
            licence="Alpha Vantage terms of service; personal use unless agreed otherwise",
            description="Alpha Vantage, stocks, funds, currencies and crypto over HTTP",
            requests_per_minute=75 if self._is_premium else 5,
            requests_per_day=None if self._is_premium else 25,
        )

    async def open(self) -> None:
        """Get ready; asks nothing."""
        await self._provider.open()

    async def close(self) -> None:
        """End what is under way."""
        await self._provider.close()

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return what a search for a part of a symbol or name brings."""
        question = {"function": "SYMBOL_SEARCH", "keywords": text[:100]}
        found = await self._ask(question, lambda body: matches_in(body, self.name))
        return found[:limit]

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is; of a pair that costs no request."""
        if (pair := pair_instrument(symbol)) is not None:
            return pair
        for found in await self.find(symbol, 10):
            if found.symbol == symbol:
                return found
        raise UnknownToSource(
            f"{self.name} does not know {symbol!r}, or not the calendar of its exchange."
        )

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return bars by one request: of a long intraday range, the newest month of it."""
        if interval not in self.capabilities.intervals:
            raise NotOffered(f"{self.name} has no bars of {interval}.")
        now = time.time_ns() // 1000
        question = self._series(symbol, interval, start, min(end, now), now)

        return await self._ask(
            question, lambda body: self._past(body, symbol, interval, start, end, now)
        )

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the newest prices; of a stock, with the day as its only time."""
        found = []
        for symbol in symbols:
            with contextlib.suppress(UnknownToSource):  # left out, as the contract says
                found.append(await self._quote(symbol))
        return found

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Raise `NotOffered`: 25 requests a day are no live prices."""
        never: Sequence[Ticks] = ()
        for ticks in never:  # makes this the iterator that the contract asks for
            yield ticks
        raise NotOffered(f"{self.name} has no live prices; {len(symbols)} symbols were asked for.")

    async def _quote(self, symbol: str) -> Quote:
        received = time.time_ns() // 1000
        if (pair := pair_of(symbol)) is None:
            return await self._ask(
                {"function": "GLOBAL_QUOTE", "symbol": symbol},
                lambda body: quote_in(body, self.name, symbol, received),
            )
        return await self._ask(
            {
                "function": "CURRENCY_EXCHANGE_RATE",
                "from_currency": pair[0],
                "to_currency": pair[1],
            },
            lambda body: rate_in(body, self.name, symbol, received),
        )

    def _series(self, symbol: str, interval: str, start: int, end: int, now: int) -> dict[str, str]:
        """Return the parameters that ask for a series."""
        pair = pair_of(symbol)
        names = {"symbol": symbol}
        if pair is None:
            kind = "TIME_SERIES"
        elif pair[0] in FIAT:
            kind, names = "FX", {"from_symbol": pair[0], "to_symbol": pair[1]}
        else:
            kind, names = "CRYPTO", {"symbol": pair[0], "market": pair[1]}
        size = {"outputsize": "full" if self._is_premium else "compact"}
        if is_daily(interval):
            if kind == "CRYPTO":
                return {"function": "DIGITAL_CURRENCY_DAILY", **names}
            adjusted = "_ADJUSTED" if kind == "TIME_SERIES" and self._is_premium else ""
            return {"function": f"{kind}_DAILY{adjusted}", **names, **size}
        names = {**names, **size, "interval": MINUTES[interval]}
        if kind == "TIME_SERIES":
            names |= {"adjusted": "false", "extended_hours": "false"}
            if self._is_premium and now - start > RECENT_DAYS * DAY:
                names["month"] = _month_before(end)
        return {"function": f"{kind}_INTRADAY", **names}

    def _past(
        self, body: Mapping[str, Any], symbol: str, interval: str, start: int, end: int, now: int
    ) -> PastBars:
        """Return an answer's bars and actions."""
        has_volume = (pair := pair_of(symbol)) is None or pair[0] not in FIAT
        rows, zone = series_in(body, interval, has_volume=has_volume, source=self.name)
        actions = actions_in(body, self.name, symbol, start // DAY, -(-end // DAY))
        return PastBars(
            bars=bars_of(
                self.name, symbol, interval, rows, start=start, end=end, now=now, zone=zone
            ),
            actions=tuple(actions),
            is_complete=self._reaches(rows, interval, start, zone),
        )

    def _reaches(self, rows: Sequence[Row], interval: str, start: int, zone: ZoneInfo) -> bool:
        """Return whether the answer was not cut before the start of what was asked for."""
        oldest = min((row.start for row in rows if row.start != UNREADABLE), default=None)
        if oldest is None or oldest <= start:
            return True
        if not self._is_premium:
            return len(rows) < COMPACT_ROWS
        if is_daily(interval):
            return True
        # A month's bars begin with its first session: nothing is missing if it was all asked for.
        first = datetime.fromtimestamp(oldest / MICROSECONDS, UTC).astimezone(zone)
        month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return start >= month.timestamp() * MICROSECONDS

    async def _ask(
        self, question: Mapping[str, str], translate: Callable[[Mapping[str, Any]], Parsed]
    ) -> Parsed:
        """Return an answer translated, in a thread, since some are megabytes."""
        answer = await self._provider.get("/query", question)
        if not answer.is_success:
            raise self._provider.refused(answer)

        def read() -> Parsed:
            body = self._provider.parsed(answer, object_pairs_hook=Pairs)
            failure = refusal_in(body, self._provider)
            if failure is not None:
                raise failure
            return translate(body)

        return await asyncio.to_thread(read)


def make(settings: SourceSettings) -> AlphaVantage:
    """Return the source, not yet open. Raises `SourceMisconfigured`."""
    return AlphaVantage(settings)


def _month_before(end: int) -> str:
    """Return the month that the last moment before the end is in, such as ``2024-01``."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end - 1)
    return f"{moment:%Y-%m}"
