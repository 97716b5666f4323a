"""The puppet desk's market data agent: prices made of sines, ticks stamped when they are sent.

Speaks the HTTP and WebSocket of the real agent. `fake_desk` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.puppets.fake_quality import QualityFace

SYMBOLS = {
    "AAPL": 675.0, "FB": 18.0, "GOOG": 681.0, "IBM": 195.0, "MSFT": 30.4, "BTC/USDT": 11.2,
}  # fmt: skip
SECONDS = {
    "1s": 1, "5s": 5, "15s": 15, "30s": 30, "1m": 60, "2m": 120, "5m": 300, "15m": 900,
    "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14400, "1d": 86400, "1w": 604800, "1M": 2592000,
}  # fmt: skip
START = datetime(2012, 9, 5, 14, 0, tzinfo=UTC)
LABELS = {"source": "puppet", "replay": True, "intraday": "simulated"}


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Market:
    """Prices made of sines: the same for everyone who asks, at every moment."""

    def __init__(self) -> None:
        self.speed, self.paused, self.ticks_per_second = 60.0, False, 5.0
        self.silent, self.down, self.finished = False, False, False
        self.conflated = 0
        self.data_down, self.data_empty = False, False
        self.more_gaps: list[dict[str, Any]] = []
        self.recordings: dict[str, dict[str, Any]] = {}
        self.played: str | None = None
        self.asked: dict[str, int] = {}
        self._base, self._at = START, time.monotonic()
        self.sockets: set[WebSocket] = set()
        self.wanted: dict[WebSocket, dict[str, set[str]]] = {}
        self.seq = 0

    def now(self) -> datetime:
        passed = 0.0 if self.paused else (time.monotonic() - self._at) * self.speed
        return self._base + timedelta(seconds=passed)

    def change(self, body: dict[str, Any]) -> None:
        self._base, self._at = self.now(), time.monotonic()
        self.speed = float(body.get("speed", self.speed))
        self.paused = bool(body.get("paused", self.paused))
        if "now" in body:
            self._base = datetime.fromisoformat(str(body["now"]))

    def value(self, symbol: str, moment: datetime) -> float:
        seconds = moment.timestamp()
        wave = math.sin(seconds / 977) * 0.004 + math.sin(seconds / 90_000) * 0.03
        return round(SYMBOLS[symbol] * (1 + wave + math.sin(seconds / 61) * 0.0006), 2)

    def price(self, symbol: str) -> dict[str, Any]:
        now = self.now()
        last = self.value(symbol, now)
        previous = self.value(symbol, now - timedelta(days=1))
        return LABELS | {
            "symbol": symbol, "price": last, "timestamp": stamp(now), "volume": 1_234_567,
            "bid": round(last - 0.02, 2), "ask": round(last + 0.02, 2), "quality_score": 98.6,
            "previous_close": previous, "change_percent": (last / previous - 1) * 100,
            "day_open": last, "day_high": last + 1, "day_low": last - 1, "session": "2012-09-05",
            "age_seconds": 0.0, "seq": self.seq, "sent_at": time.time() * 1000,
        }  # fmt: skip

    def bar(self, symbol: str, interval: str, start: datetime, *, closed: bool) -> dict[str, Any]:
        end = min(start + timedelta(seconds=SECONDS[interval]), self.now())
        steps = [start + (end - start) * part / 4 for part in range(5)]
        values = [self.value(symbol, step) for step in steps]
        return {
            "timestamp": stamp(start), "open": values[0], "high": max(values), "low": min(values),
            "close": values[-1], "volume": 1000, "source": "puppet", "closed": closed,
        }  # fmt: skip

    def start_of(self, interval: str) -> datetime:
        width = SECONDS[interval]
        return datetime.fromtimestamp(self.now().timestamp() // width * width, UTC)

    def clock(self) -> dict[str, Any]:
        now = self.now()
        close = now.replace(hour=20, minute=0, second=0, microsecond=0)
        close = close if close > now else close + timedelta(days=1)
        return {
            "now": stamp(now), "replay": True, "speed": self.speed, "paused": self.paused,
            "finished": self.finished, "calendar": "XNYS", "time_zone": "America/New_York",
            "market": "open", "session": "2012-09-05", "next_open": None,
            "next_close": stamp(close), "start": "2000-03-01T14:30:00Z",
            "end": "2013-03-01T21:00:00Z", "recording": self.played,
            "max_speed": 1_000_000 if self.played else 1000,
        }  # fmt: skip

    async def send(self, message: dict[str, Any]) -> None:
        self.seq += 1
        for websocket in list(self.sockets):
            wanted = self.wanted.get(websocket, {})
            symbol, interval = message.get("symbol"), message.get("interval")
            if symbol and symbol not in wanted:
                continue
            if symbol and interval and interval not in wanted[symbol]:
                continue
            with contextlib.suppress(Exception):
                await websocket.send_text(json.dumps({"seq": self.seq, **message}))

    async def run(self) -> None:
        told = 0.0
        while True:
            await asyncio.sleep(1 / self.ticks_per_second)
            if self.silent:
                continue
            if time.monotonic() - told > 1:
                told = time.monotonic()
                await self.send({"type": "clock", "clock": self.clock()})
                await self.send({"type": "heartbeat"})
            if not self.paused:
                await self._tick()

    async def _tick(self) -> None:
        for symbol in SYMBOLS:
            price = self.price(symbol)
            await self.send({"type": "tick", "symbol": symbol, "price": price})
            wanted = {i for symbols in self.wanted.values() for i in symbols.get(symbol, ())}
            for interval in wanted:
                bar = self.bar(symbol, interval, self.start_of(interval), closed=False)
                sent = {"sent_at": time.time() * 1000}
                if self.conflated:
                    await self._tell_closed(symbol, interval)
                message = {"type": "bar", "symbol": symbol, "interval": interval, "bar": bar}
                await self.send(message | sent)

    async def _tell_closed(self, symbol: str, interval: str) -> None:
        start = self.start_of(interval) - timedelta(seconds=SECONDS[interval])
        bar = self.bar(symbol, interval, start, closed=True)
        message = {"type": "bar", "symbol": symbol, "interval": interval, "bar": bar}
        await self.send(message | {"conflated": self.conflated})


def error(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    body = {"code": code, "message": message, "subject": None, "observed": None}
    return JSONResponse({"error": body | {"next_step": None, "details": []} | more}, status)


class MarketFace:
    """The agent's routes."""

    def __init__(self, market: Market, token: str) -> None:
        self.market, self.token = market, token

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/historical/{symbol:path}", self.historical),
                Route("/actions/{symbol:path}", self.actions),
                Route("/price/{symbol:path}", self.price),
                *QualityFace(self.market).routes(),
                Route("/clock", self.clock, methods=["GET", "POST"]),
                Route("/echo", self.echo, methods=["GET", "POST"]),
                Route("/page", self.page),
                Route("/large", self.large),
                Route("/moved", self.moved),
                WebSocketRoute("/stream", self.stream),
            ]
        )

    async def historical(self, request: Request) -> Response:
        symbol, query = request.path_params["symbol"], request.query_params
        if symbol not in SYMBOLS:
            near = [{"symbol": "AAPL"}]
            return error(404, "unknown_symbol", f"Symbol '{symbol}' is not known.", details=near)
        interval = query.get("interval", "1d")
        starts = self._starts(interval, query)
        width = timedelta(seconds=SECONDS[interval])
        now = self.market.now()
        bars = [self.market.bar(symbol, interval, s, closed=s + width <= now) for s in starts]
        if not query.get("include_partial"):
            bars = [bar for bar in bars if bar["closed"]]
        body = {"symbol": symbol, "interval": interval, "data_points": len(bars), "data": bars}
        extra = {"start_date": None, "end_date": None, "next_page": None}
        return JSONResponse(LABELS | body | extra | {"as_of": stamp(now)})

    def _starts(self, interval: str, query: Any) -> list[datetime]:
        width = timedelta(seconds=SECONDS[interval])
        newest = self.market.start_of(interval)
        if "end_date" in query:
            ends = datetime.fromisoformat(query["end_date"]).replace(tzinfo=UTC)
            newest = min(newest, ends + timedelta(days=1) - width)
        starts = [newest - width * back for back in range(int(query.get("limit", "500")))][::-1]
        if "start_date" in query:
            first = datetime.fromisoformat(query["start_date"]).replace(tzinfo=UTC)
            return [start for start in starts if start >= first]
        return starts

    async def actions(self, request: Request) -> Response:
        return JSONResponse({"symbol": request.path_params["symbol"], "actions": []})

    async def price(self, request: Request) -> Response:
        return JSONResponse(self.market.price(request.path_params["symbol"]))

    async def clock(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(LABELS | self.market.clock())
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return error(401, "unauthorized", "No valid token.")
        body = await request.json()
        self.market.change(body)
        if "now" in body:
            await self.market.send({"type": "reset", "reason": "clock_jump"})
        await self.market.send({"type": "clock", "clock": self.market.clock()})
        return JSONResponse(self.market.clock())

    async def echo(self, request: Request) -> Response:
        return JSONResponse({"headers": dict(request.headers), "path": request.url.path})

    async def page(self, _request: Request) -> Response:
        return Response("<script>alert(1)</script>", media_type="text/html")

    async def large(self, _request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b"x" * 2**20

        return StreamingResponse(chunks(), media_type="text/plain")

    async def moved(self, _request: Request) -> Response:
        return PlainTextResponse("", 302, {"location": "http://example.invalid/"})

    async def stream(self, websocket: WebSocket) -> None:
        market = self.market
        await websocket.accept()
        if market.down:
            await websocket.close(1013)
            return
        market.sockets.add(websocket)
        market.wanted[websocket] = {}
        await websocket.send_json({"type": "clock", "seq": 1, "clock": market.clock()})
        try:
            while True:
                await obey(market, websocket, await websocket.receive_json())
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            market.sockets.discard(websocket)
            market.wanted.pop(websocket, None)


async def obey(market: Market, websocket: WebSocket, message: dict[str, Any]) -> None:
    wanted = market.wanted[websocket]
    for symbol in message["symbols"]:
        if message["op"] == "unsubscribe":
            left = wanted.get(symbol, set()) - set(message.get("intervals", wanted.get(symbol, ())))
            if not message.get("intervals"):
                wanted.pop(symbol, None)
            else:
                wanted[symbol] = left
        elif symbol in SYMBOLS:
            wanted.setdefault(symbol, set()).update(message.get("intervals", ()))
            bars = {
                i: market.bar(symbol, i, market.start_of(i), closed=False) for i in wanted[symbol]
            }
            body = {"type": "snapshot", "seq": market.seq, "symbol": symbol, "bars": bars}
            await websocket.send_json(body | {"price": market.price(symbol)})
