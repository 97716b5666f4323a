"""A server that behaves like Yahoo Finance: cookie, crumb, charts, quotes and search."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.providers.rows import GOOD, Told
from tests.providers.serving import Asked, Day, FakeProvider, Reply

CRUMB = "Cr.umb/4242"
NEW_YORK = ZoneInfo("America/New_York")


def opening(date: str) -> int:
    """Return the second at which the exchange opens on a date, as charts tell days."""
    return int(datetime.fromisoformat(f"{date}T09:30:00").replace(tzinfo=NEW_YORK).timestamp())


class YahooFake(FakeProvider):
    """Knows AAPL, TSCO.L, EUR/USD and BTC/USD.

    Attributes:
        rows: Of days.
        minutes: Times of intraday rows, in seconds.
        splits: Numerator and denominator by time.
        crumb: What is answered for one; None refuses.
        is_expired: The crumb is no longer taken.
        pushed: Frames sent to whoever subscribes.
        then: What happens to the stream afterwards: ``stay``, ``end`` or ``drop``.
    """

    def __init__(self, rows: Sequence[Told] = GOOD) -> None:
        super().__init__()
        self.rows: Sequence[Told] = rows
        self.minutes: Sequence[Any] = ()
        self.splits: dict[int, tuple[Any, Any]] = {}
        self.dividends: dict[int, Any] = {}
        self.meta: dict[str, Any] = {"exchangeTimezoneName": "America/New_York", "currency": "USD"}
        self.quotes: dict[str, dict[str, Any]] = {name: dict(one) for name, one in QUOTES.items()}
        self.crumb: str | None = CRUMB
        self.is_expired = False
        self.error: dict[str, str] | None = None
        self.pushed: Sequence[str] = ()
        self.then = "stay"
        self.stream_url = ""
        self.subscribed: list[list[str]] = []
        self.streams = 0

    @property
    def questions(self) -> list[Asked]:
        """Return what was asked, cookie and crumb apart."""
        return [asked for asked in self.asked if asked.path not in {"/", "/v1/test/getcrumb"}]

    @contextlib.asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Serve the stream too."""
        async with self.served(), serve(self._push, "127.0.0.1", 0) as server:
            self.stream_url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield

    async def _push(self, connection: ServerConnection) -> None:
        self.streams += 1
        try:
            async for message in connection:
                self.subscribed.append(json.loads(message)["subscribe"])
                for frame in self.pushed:
                    await connection.send(frame)
                if self.then == "drop":
                    connection.transport.abort()
                elif self.then == "end":
                    return
        except ConnectionClosed:
            return
        finally:
            self.streams -= 1

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        day = self.day
        if asked.path in {"/", "/v1/test/getcrumb"}:
            self.day = Day.GOOD
        try:
            await super()._answer(asked, writer)
        finally:
            self.day = day

    def reply(self, asked: Asked) -> Reply:
        """Answer a path."""
        if asked.path == "/":
            return Reply("<html></html>", 404, {"Set-Cookie": "A3=cookie; Path=/"})
        if asked.path == "/v1/test/getcrumb":
            self.is_expired = False
            return Reply("Too Many Requests", 429) if self.crumb is None else Reply(self.crumb)
        if asked.path == "/v1/finance/search":
            return Reply({"quotes": [*QUOTES.values(), {"symbol": "X", "quoteType": "OPTION"}, 7]})
        if asked.path == "/v7/finance/quote":
            return self._quoted(asked)
        symbol = asked.path.rpartition("/")[2]
        if self.error is not None:
            return Reply({"chart": {"result": None, "error": self.error}}, 422)
        if symbol not in self.quotes:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return Reply({"chart": {"result": None, "error": error}}, 404)
        return Reply({"chart": {"result": [self._chart(asked)], "error": None}})

    def _quoted(self, asked: Asked) -> Reply:
        if self.is_expired or asked.query.get("crumb") != CRUMB:
            error = {"code": "Unauthorized", "description": "Invalid Crumb"}
            return Reply({"finance": {"result": None, "error": error}}, 401)
        wanted = asked.query["symbols"].split(",")
        found = [self.quotes[symbol] for symbol in wanted if symbol in self.quotes]
        return Reply({"quoteResponse": {"result": found, "error": None}})

    def _chart(self, asked: Asked) -> dict[str, Any]:
        rows, times = self.rows, [_second(row.date) for row in self.rows]
        if asked.query["interval"] != "1d":
            rows, times = [GOOD[0]] * len(self.minutes), list(self.minutes)
        quote = {
            name: [_told(getattr(row, name)) for row in rows]
            for name in ("open", "high", "low", "close", "volume")
        }
        events = {
            "splits": {
                str(at): {"date": at, "numerator": new, "denominator": old}
                for at, (new, old) in self.splits.items()
            },
            "dividends": {
                str(at): {"date": at, "amount": amount} for at, amount in self.dividends.items()
            },
        }
        body = {"meta": self.meta, "events": events, "indicators": {"quote": [quote]}}
        return {**body, "timestamp": times} if times else {**body, "indicators": {"quote": [{}]}}


def message(symbol: str, price: float, at: int, size: int = 0) -> str:
    """Return a pushed price as it travels: a protocol buffer, in base64, in JSON."""
    from yfinance.pricing_pb2 import PricingData

    told = PricingData(id=symbol, price=price, time=at, last_size=size)
    return json.dumps(
        {"type": "pricing", "message": base64.b64encode(told.SerializeToString()).decode()}
    )


def _told(text: str) -> float | str | None:
    """Return a number as JSON has it; Python's writes NaN and Infinity as Yahoo has."""
    try:
        return float(text.replace("_", "x"))
    except ValueError:
        return text or None


def _second(date: str) -> int | str:
    try:
        return opening(date)
    except ValueError:
        return date


QUOTES: dict[str, dict[str, Any]] = {
    "AAPL": {
        "symbol": "AAPL", "quoteType": "EQUITY", "exchange": "NMS", "longName": "Apple Inc.",
        "currency": "USD", "exchangeTimezoneName": "America/New_York", "regularMarketPrice": 189.84,
        "regularMarketTime": 1704834000, "regularMarketVolume": 41_000_000, "bid": 189.8,
        "ask": 189.9, "regularMarketPreviousClose": 185.56, "regularMarketOpen": 183.92,
        "regularMarketDayHigh": 190.1, "regularMarketDayLow": 183.5,
    },
    "TSCO.L": {
        "symbol": "TSCO.L", "quoteType": "EQUITY", "exchange": "LSE", "shortName": "TESCO PLC",
        "currency": "GBp", "regularMarketPrice": 291.4, "regularMarketTime": 1704834000,
    },
    "EURUSD=X": {
        "symbol": "EURUSD=X", "quoteType": "CURRENCY", "exchange": "CCY", "shortName": "EUR/USD",
        "regularMarketPrice": 1.0921, "regularMarketTime": 1704834000,
    },
    "BTC-USD": {
        "symbol": "BTC-USD", "quoteType": "CRYPTOCURRENCY", "exchange": "CCC",
        "shortName": "Bitcoin USD", "regularMarketPrice": 46139.73, "regularMarketTime": 1704834000,
    },
    "ES=F": {
        "symbol": "ES=F", "quoteType": "FUTURE", "exchange": "CME", "shortName": "E-Mini S&P 500",
        "regularMarketPrice": 4800.25, "regularMarketTime": 1704834000,
    },
}  # fmt: skip
