"""Yahoo Finance as a source: which question is asked where, and prices pushed or asked again.

Owns the requests. yfinance is imported when the source is opened, in its thread. 30-minute bars are
not taken (Yahoo answers longer ones), nor weeks and months: they are made of shorter ones, aligned
to the exchange's sessions.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote as quoted

from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    NotOffered,
    PastBars,
    Quote,
    SourceRefusal,
    SourceSettings,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.http import DEADLINE_SECONDS, checked_url
from trading_dashboard.agents.market_data.sources.libraries import missing, need
from trading_dashboard.agents.market_data.sources.options import SourceOptions
from trading_dashboard.agents.market_data.sources.polling import polled
from trading_dashboard.agents.market_data.sources.readings import DAY, is_daily
from trading_dashboard.agents.market_data.sources.yahoo.answers import (
    Asked,
    chart_in,
    failure_in,
    matches_in,
    past_in,
    quotes_in,
    results_in,
)
from trading_dashboard.agents.market_data.sources.yahoo.stream import ADDRESS, Decode, pushed
from trading_dashboard.agents.market_data.sources.yahoo.symbols import instrument_of, theirs
from trading_dashboard.agents.market_data.sources.yahoo.worker import Worker

if TYPE_CHECKING:
    from trading_dashboard.agents.market_data.sources.yahoo.web import Web

IMPORT_SECONDS = 30.0
MAX_QUOTES = 50
INTERVALS = {"1m": "1m", "2m": "2m", "5m": "5m", "15m": "15m", "1h": "60m", "1d": "1d"}
HISTORY_DAYS = {"1m": 29, "2m": 59, "5m": 59, "15m": 59, "1h": 729}
"""A day less than Yahoo has, so that a question on its way does not get too old."""
MINUTES_AT_ONCE = 7 * DAY
"""So much of one-minute bars one request may bring."""

Parsed = TypeVar("Parsed")


class Yahoo:
    """The source. Options: ``live``, ``poll_seconds``, ``timeout_seconds``, ``base_url``."""

    def __init__(self, settings: SourceSettings) -> None:
        """Take the settings. Raises `SourceMisconfigured`."""
        self.name = settings.name
        options = SourceOptions(settings)
        self._poll_seconds = options.number("poll_seconds", 30.0, 0.05, 3600)
        self._base_url = options.text("base_url", "")
        if self._base_url:
            checked_url(options, self._base_url)
        deadline = options.number("timeout_seconds", DEADLINE_SECONDS, 0.05, 300)
        self._is_pushed = options.text("live", "stream", ("stream", "poll")) == "stream"
        stream_url = options.text("stream_url", "")
        # Given like the other address, as http or https.
        host = str(checked_url(options, stream_url, "stream_url")) if stream_url else ""
        self._stream = f"ws{host.removeprefix('http')}" if host else ADDRESS
        self._deadline = deadline
        options.finish()
        self._data_directory = settings.data_directory
        self._worker = Worker(self.name, deadline)
        self._web: Web | None = None
        self.capabilities = Capabilities(
            asset_classes=frozenset(AssetClass),
            intervals=tuple(INTERVALS),
            live="stream" if self._is_pushed else "poll",
            has_actions=True,
            has_search=True,
            max_quotes=MAX_QUOTES,
            history_days=HISTORY_DAYS,
            licence="Yahoo's terms of use: personal use only",
            description="Yahoo Finance, through yfinance",
            requests_per_minute=60,
        )

    async def open(self) -> None:
        """Get ready; asks nothing. Raises `SourceMissing` if yfinance cannot be imported."""
        self._worker.open()
        self._web = await self._worker.run(lambda _: self._connected(), IMPORT_SECONDS)

    async def close(self) -> None:
        """End what is under way."""
        web, self._web = self._web, None
        await self._worker.close(web.close if web else lambda: None)

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return what a search for a part of a symbol or name brings."""
        question: dict[str, str | int] = {
            "q": text[:100], "quotesCount": min(max(limit, 1), 50), "newsCount": 0, "listsCount": 0,
        }  # fmt: skip
        found = await self._ask(
            "/v1/finance/search", question, lambda body: matches_in(body, self.name)
        )
        return found[:limit]

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is, as its quote tells."""
        question = {"symbols": theirs(symbol)}
        for told in await self._ask(
            "/v7/finance/quote", question, lambda body: results_in(body, self.name)
        ):
            found = instrument_of(told)
            if found is not None and found.symbol == symbol:
                return found
        raise UnknownToSource(
            f"{self.name} does not know {symbol!r}, or not the calendar of its exchange."
        )

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return bars by one request, of intraday two: the second for splits up to today."""
        if interval not in INTERVALS:
            raise NotOffered(f"{self.name} has no bars of {interval}.")
        now = time.time_ns() // 1000
        oldest = now - HISTORY_DAYS[interval] * DAY if interval in HISTORY_DAYS else start
        if interval == "1m":
            oldest = max(oldest, min(end, now) - MINUTES_AT_ONCE)
        since = max(start, oldest)
        if since >= min(end, now):
            none = Bars.of(self.name, symbol, interval, ())
            return PastBars(bars=none, is_complete=since == start)
        asked = Asked(
            source=self.name, symbol=symbol, interval=interval, start=since, end=end, now=now
        )
        return await self._past(asked, is_complete=since == start)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the newest prices of the exchanges' regular hours."""
        found: list[Quote] = []
        for at in range(0, len(symbols), MAX_QUOTES):
            batch = {theirs(symbol): symbol for symbol in symbols[at : at + MAX_QUOTES]}
            received = time.time_ns() // 1000
            found += await self._ask(
                "/v7/finance/quote",
                {"symbols": ",".join(batch)},
                lambda body, batch=batch, received=received: list(  # type: ignore[misc]
                    quotes_in(body, self.name, batch, received)
                ),
            )
        return found

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield prices as they are pushed, or what is new of the quotes."""
        if self._is_pushed:
            wanted = {theirs(symbol): symbol for symbol in symbols}
            async with contextlib.aclosing(self._pushed(wanted)) as stream:
                while True:
                    # Closing the source ends the wait.
                    yield await self._worker.waiting.of(anext(stream), None)
        async for ticks in polled(self.name, self.quotes, symbols, self._poll_seconds):
            yield ticks

    async def _pushed(self, wanted: Mapping[str, str]) -> AsyncGenerator[Ticks, None]:
        reader = await self._worker.run(lambda _: _message_reader())
        async for ticks in pushed(self.name, self._stream, wanted, reader, self._deadline):
            yield ticks

    async def _past(self, asked: Asked, *, is_complete: bool) -> PastBars:
        address = f"/v8/finance/chart/{quoted(theirs(asked.symbol), safe='')}"
        # Up to now: a split after the range changed the prices told of it.
        day = _range("1d", asked.start - DAY, asked.now + DAY)
        if is_daily(asked.interval):
            return await self._ask(
                address, day, lambda body: past_in(chart := chart_in(body, self.name), asked, chart)
            )
        of_splits = await self._ask(address, day, lambda body: chart_in(body, self.name))
        question = _range(INTERVALS[asked.interval], asked.start, min(asked.end, asked.now))
        past = await self._ask(
            address, question, lambda body: past_in(chart_in(body, self.name), asked, of_splits)
        )
        return PastBars(bars=past.bars, is_complete=is_complete)

    async def _ask(
        self,
        path: str,
        question: Mapping[str, str | int],
        translate: Callable[[Mapping[str, Any]], Parsed],
    ) -> Parsed:
        """Return an answer translated, all in the worker's thread."""
        web = self._web
        if web is None:
            raise SourceUnreachable(f"{self.name} is not open.")
        return await self._worker.run(
            lambda until: translate(self._told(web, path, question, until))
        )

    def _told(
        self, web: Web, path: str, question: Mapping[str, str | int], until: float
    ) -> Mapping[str, Any]:
        """Return an answer, what it refuses included."""
        status, body = web.get(path, question, until)
        failure = failure_in(body, self.name)
        if failure is not None:
            raise failure
        if status >= 400:
            raise SourceRefusal(f"{self.name} refuses the request (HTTP {status}).")
        return body

    def _connected(self) -> Web:
        try:
            from trading_dashboard.agents.market_data.sources.yahoo.web import Web
        except ImportError as error:
            library = error.name or "a library"
        else:
            return Web(self.name, self._base_url, self._cache_directory())
        raise missing(self.name, library, "yahoo")

    def _cache_directory(self) -> str:
        return str(Path(self._data_directory or tempfile.gettempdir(), "yfinance"))


def make(settings: SourceSettings) -> Yahoo:
    """Return the source, not yet open. Raises `SourceMissing`, `SourceMisconfigured`."""
    need(settings.name, "yfinance", "yahoo")
    return Yahoo(settings)


def _message_reader() -> Decode:
    """Return what reads a pushed message from its bytes."""
    from yfinance.pricing_pb2 import PricingData

    # Of yfinance's own dependency, which ships no types.
    unreadable = importlib.import_module("google.protobuf.message").DecodeError

    def read(message: bytes) -> Any:
        told = PricingData()
        try:
            told.ParseFromString(message)
        except unreadable:
            raise ValueError("no message of prices") from None
        return told

    return read


def _range(interval: str, start: int, end: int) -> dict[str, str | int]:
    return {
        "period1": start // MICROSECONDS,
        "period2": -(-end // MICROSECONDS),
        "interval": interval,
        "includePrePost": "false",
        "events": "div,splits,capitalGains",
    }
