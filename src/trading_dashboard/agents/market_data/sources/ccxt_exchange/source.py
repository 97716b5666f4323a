"""An exchange of coins as a source, ``ccxt:EXCHANGE``: which of ccxt's verbs answers what.

Owns the questions. What the exchange can do is known once the source is open; until then its
capabilities are what most exchanges have. Weeks and months are made of days.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks
from trading_dashboard.agents.market_data.sources.ccxt_exchange.answers import (
    instrument_of,
    quotes_in,
    rows_in,
    trades_in,
)
from trading_dashboard.agents.market_data.sources.ccxt_exchange.moments import TradeMoments
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    NotOffered,
    PastBars,
    Quote,
    SourceGarbled,
    SourceMisconfigured,
    SourceSettings,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.http import DEADLINE_SECONDS, checked_url
from trading_dashboard.agents.market_data.sources.libraries import missing, need
from trading_dashboard.agents.market_data.sources.options import SourceOptions
from trading_dashboard.agents.market_data.sources.polling import polled
from trading_dashboard.agents.market_data.sources.readings import SECONDS, UNREADABLE, bars_of
from trading_dashboard.agents.market_data.sources.waiting import Pending

if TYPE_CHECKING:
    from trading_dashboard.agents.market_data.sources.ccxt_exchange.client import Client

IMPORT_SECONDS = 60.0
INTERVALS = ("1s", "1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d")
USUAL = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
ROWS = 500
"""So many rows a request brings where the library does not know how many."""
MAX_ROWS = 1000
MAX_QUOTES = 100
UTC_ZONE = ZoneInfo("UTC")
NAME = re.compile(r"[a-z0-9_]{2,32}")


class Exchange:
    """The source. Options: ``live``, ``poll_seconds``, ``timeout_seconds``, ``base_url``."""

    def __init__(self, settings: SourceSettings, exchange: str, has_stream: bool) -> None:
        """Take the settings. Raises `SourceMisconfigured`."""
        self.name = settings.name
        options = SourceOptions(settings)
        self._poll_seconds = options.number("poll_seconds", 5.0, 0.05, 3600)
        self._seconds = options.number("timeout_seconds", DEADLINE_SECONDS, 0.05, 300)
        wanted = options.text("live", "stream", ("stream", "poll"))
        self._base_url = options.text("base_url", "")
        self._stream_url = options.text("stream_url", "")
        for name, address in (("base_url", self._base_url), ("stream_url", self._stream_url)):
            if address:
                checked_url(options, address, name)
        options.finish()
        self._exchange = exchange
        self._has_stream = has_stream and wanted == "stream"
        self._client: Client | None = None
        self._waiting = Pending(self.name)
        self._moments = TradeMoments()
        self._markets = asyncio.Lock()
        self.capabilities = self._able(USUAL, self._has_stream)

    async def open(self) -> None:
        """Get ready; asks nothing. Raises `SourceMissing` if ccxt cannot be imported."""
        if self._client is not None:
            return
        self._waiting.open()
        made = await self._waiting.of(asyncio.to_thread(self._loaded), IMPORT_SECONDS)
        self._client = client = made(self._seconds, self._base_url, self._stream_url)
        has, frames = client.library.has, client.library.timeframes or {}
        intervals = tuple(one for one in INTERVALS if one in frames) if has["fetchOHLCV"] else ()
        self._has_stream = self._has_stream and bool(has.get("watchTrades"))
        self.capabilities = self._able(intervals, self._has_stream)

    async def close(self) -> None:
        """End what is under way and close all connections."""
        client, self._client = self._client, None
        self._waiting.close()
        if client is not None:
            await client.close()

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return the markets whose symbol has the text, those that begin with it first."""
        client = await self._ready()
        wanted = text.strip().upper()
        found = [symbol for symbol in client.library.markets if wanted in symbol]
        found.sort(key=lambda symbol: (not symbol.startswith(wanted), ":" in symbol, symbol))
        return [self._instrument(client, symbol) for symbol in found[:limit]]

    async def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is."""
        return self._instrument(await self._ready(), symbol)

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return bars by one request, the newest of a long range."""
        client = await self._ready()
        self._instrument(client, symbol)
        if interval not in self.capabilities.intervals:
            raise NotOffered(f"{self.name} has no bars of {interval}.")
        now, length = time.time_ns() // 1000, SECONDS[interval] * MICROSECONDS
        limit = _rows_at_once(client.library, symbol)
        last = min(end, now)
        since = max(start, last - limit * length)
        if since >= last:
            return PastBars(bars=Bars.of(self.name, symbol, interval, ()))
        count = -(-(last - since) // length)
        told = await self._ask(client, "fetch_ohlcv", symbol, interval, since // 1000, count)
        rows = rows_in(told)
        oldest = min((row.start for row in rows if row.start != UNREADABLE), default=since)
        bars = bars_of(
            self.name, symbol, interval, rows, start=start, end=end, now=now, zone=UTC_ZONE
        )  # fmt: skip
        is_cut = since > start or (len(rows) >= count and oldest >= since + length)
        return PastBars(bars=bars, is_complete=not is_cut)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the newest prices, by one request where the exchange has that."""
        client = await self._ready()
        known = [symbol for symbol in symbols if symbol in client.library.markets]
        received = time.time_ns() // 1000
        tickers: dict[str, Any] = {}
        if client.library.has.get("fetchTickers") and len(known) > 1:
            tickers = await self._ask(client, "fetch_tickers", known)
        else:
            for symbol in known:
                tickers[symbol] = await self._ask(client, "fetch_ticker", symbol)
        return list(quotes_in(tickers, self.name, known, received))

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield trades as they are pushed, or what is new of the tickers."""
        client = await self._ready()
        known = sorted(symbols & client.library.markets.keys())
        if not known:
            raise UnknownToSource(f"{self.name} knows none of the symbols asked for.")
        if not self._has_stream:
            async for ticks in polled(self.name, self.quotes, symbols, self._poll_seconds):
                yield ticks
        try:
            async with contextlib.aclosing(_trades(client, known)) as stream:
                while True:
                    self._waiting.check()
                    # Closing the source ends the wait.
                    if trades := await self._waiting.of(anext(stream), None):
                        received = time.time_ns() // 1000
                        yield trades_in(trades, self.name, received, self._moments.of)
        finally:
            if self._client is client:
                await client.leave_stream()

    async def _ready(self) -> Client:
        """Return the client, its markets loaded."""
        client = self._client
        if client is None:
            raise SourceUnreachable(f"{self.name} is not open.")
        if not client.library.markets:
            async with self._markets:
                if not client.library.markets:
                    # Anew, since the library keeps a list that came out empty.
                    await self._ask(client, "load_markets", True)
        if not client.library.markets:
            raise SourceGarbled(f"{self.name} listed no markets.")
        return client

    async def _ask(self, client: Client, verb: str, *arguments: Any) -> Any:
        self._waiting.check()
        return await self._waiting.of(client.ask(verb, *arguments), self._seconds)

    def _instrument(self, client: Client, symbol: str) -> Instrument:
        market = client.library.markets.get(symbol)
        if market is None:
            raise UnknownToSource(f"{self.name} has no market {symbol!r}.")
        return instrument_of(market, self._exchange)

    def _loaded(self) -> Any:
        try:
            from trading_dashboard.agents.market_data.sources.ccxt_exchange.client import load
        except ImportError as error:
            library = error.name or "a library"
        else:
            return load(self._exchange, self._has_stream)
        raise missing(self.name, library, "ccxt")

    def _able(self, intervals: tuple[str, ...], has_stream: bool) -> Capabilities:
        return Capabilities(
            asset_classes=frozenset({AssetClass.CRYPTO, AssetClass.FUTURE}),
            intervals=intervals,
            live="stream" if has_stream else "poll",
            has_search=True,
            max_quotes=MAX_QUOTES,
            licence=f"{self._exchange}'s terms of use",
            description=f"The exchange {self._exchange}, through ccxt",
            requests_per_minute=60,
        )


def make(settings: SourceSettings) -> Exchange:
    """Return the source, not yet open. Raises `SourceMissing`, `SourceMisconfigured`."""
    need(settings.name, "ccxt", "ccxt")
    exchange = settings.name.partition(":")[2]
    places = find_spec("ccxt")
    root = Path((places.submodule_search_locations or [""])[0]) if places else Path()
    # Looked for as files: importing ccxt takes seconds.
    if not NAME.fullmatch(exchange) or not Path(root, "async_support", f"{exchange}.py").exists():
        raise SourceMisconfigured(
            f"Source {settings.name!r} names no exchange that ccxt knows. "
            "Name one as in ccxt:kraken; ccxt's documentation lists them."
        )
    return Exchange(settings, exchange, Path(root, "pro", f"{exchange}.py").exists())


async def _trades(client: Client, symbols: Sequence[str]) -> AsyncGenerator[Any, None]:
    """Yield lists of new trades; by one watch for each symbol where the exchange has no other."""
    while client.library.has.get("watchTradesForSymbols"):
        yield await client.watch("watch_trades_for_symbols", list(symbols))
    watches: dict[str, asyncio.Task[Any]] = {}
    try:
        while True:
            for symbol in symbols:
                if symbol not in watches:
                    watches[symbol] = asyncio.create_task(client.watch("watch_trades", symbol))
            await asyncio.wait(watches.values(), return_when=asyncio.FIRST_COMPLETED)
            for symbol in [symbol for symbol, watch in watches.items() if watch.done()]:
                yield await watches.pop(symbol)
    finally:
        for watch in watches.values():
            watch.cancel()
        await asyncio.gather(*watches.values(), return_exceptions=True)


def _rows_at_once(library: Any, symbol: str) -> int:
    """Return how many rows one request brings, as the library knows or as is usual."""
    kind = "spot" if library.markets[symbol].get("spot") else "swap"
    features = library.features or {}
    told = features.get(kind)
    limits = told.get("fetchOHLCV") if isinstance(told, dict) else None
    limit = limits.get("limit") if isinstance(limits, dict) else None
    return min(limit, MAX_ROWS) if isinstance(limit, int) and limit > 0 else ROWS
