"""A desk without a supervisor: a control API and a market data agent that obey a test.

Speaks the same HTTP and WebSocket as the real ones. ``python fake_desk.py STATE_DIRECTORY`` writes
the state files, prints one JSON line with its addresses and runs until told to stop. Tests steer
it with ``POST /puppet`` on the control port; each tick carries ``sent_at`` (unix milliseconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

SYMBOLS = {"AAPL": 675.0, "FB": 18.0, "GOOG": 681.0, "IBM": 195.0, "MSFT": 30.4}
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
        self.silent, self.down = False, False
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
            self._base = datetime.fromisoformat(str(body["now"]).replace("Z", "+00:00"))

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
            "finished": False, "calendar": "XNYS", "time_zone": "America/New_York",
            "market": "open", "session": "2012-09-05", "next_open": None,
            "next_close": stamp(close), "start": "2000-03-01T14:30:00Z",
            "end": "2013-03-01T21:00:00Z",
        }  # fmt: skip

    async def send(self, message: dict[str, Any]) -> None:
        self.seq += 1
        for websocket in list(self.sockets):
            wanted = self.wanted.get(websocket, {})
            symbol, interval = message.get("symbol"), message.get("interval")
            if symbol and symbol not in wanted:
                continue
            if interval and interval not in wanted[symbol]:
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
                message = {"type": "bar", "symbol": symbol, "interval": interval, "bar": bar}
                await self.send(message | sent)


class Desk:
    """The control API's state."""

    def __init__(self, token: str, market_url: str) -> None:
        self.token, self.seq = token, 0
        self.sockets: set[WebSocket] = set()
        self.posts: list[str] = []
        self.agents = {
            "market_data": agent("market_data", market_url, "running"),
            "pattern_recognition": agent("pattern_recognition", "http://localhost:1", "stopped"),
            "risk_management": agent("risk_management", "http://localhost:1", "stopped"),
            "dashboard": agent("dashboard", "http://localhost:1", "running") | {"kind": "system"},
        }
        for name in ("pattern_recognition", "risk_management"):
            self.agents[name] |= {"enabled": False, "auto_start": False}

    def snapshot(self) -> dict[str, Any]:
        return {"seq": self.seq, "supervisor": {"state": "running"}, "agents": self.agents}

    async def update(self, name: str, changes: dict[str, Any]) -> None:
        before = self.agents[name]["status"]
        self.agents[name] |= changes
        after = self.agents[name]["status"]
        kind = "transition" if before != after else "agent_changed"
        data = {"from": before, "to": after, "reason": "the test wants it so", "pid": 1}
        await self.tell(kind, name, data)

    async def tell(self, kind: str, name: str | None, data: dict[str, Any]) -> None:
        self.seq += 1
        event = {"seq": self.seq, "time": stamp(datetime.now(UTC)), "kind": kind, "agent": name}
        update = {"event": event | {"data": data}, "agent": self.agents.get(name or "")}
        await self.send({"type": "update", "seq": self.seq} | update)

    async def send(self, message: dict[str, Any]) -> None:
        for websocket in list(self.sockets):
            with contextlib.suppress(Exception):
                await websocket.send_json(message)


def agent(name: str, url: str, status: str) -> dict[str, Any]:
    is_up = status == "running"
    return {
        "name": name, "kind": "agent", "path": "/", "url": url, "status": status,
        "port": int(url.rsplit(":", 1)[1]), "pid": 4711 if is_up else None, "start_command": [],
        "health_endpoint": "/health", "last_health_check": stamp(datetime.now(UTC)),
        "error_message": None, "error_code": None, "enabled": True, "auto_start": True,
        "depends_on": [], "management": "managed", "waiting_for": [],
        "health": "healthy" if is_up else "unknown", "health_message": None,
        "probe_latency_seconds": 0.0012, "data_state": "fresh" if is_up else "unknown",
        "data_age_seconds": 0.4, "data_source": "puppet", "version": "1", "generation": 1,
        "started_at": stamp(datetime.now(UTC)), "uptime_seconds": 61.0 if is_up else None,
        "restarts": 0, "next_retry_at": None, "last_exit": None, "cpu_percent": 1.8,
        "memory_bytes": 142 * 2**20, "log_path": f"var/log/{name}.log",
    }  # fmt: skip


def error(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    body = {"code": code, "message": message, "subject": None, "observed": None}
    return JSONResponse({"error": body | {"next_step": None, "details": []} | more}, status)


def market_app(market: Market, token: str, seen: list[dict[str, str]]) -> Starlette:
    async def historical(request: Request) -> Response:
        symbol, query = request.path_params["symbol"], request.query_params
        if symbol not in SYMBOLS:
            return error(404, "unknown_symbol", f"{symbol} is not known.", next_step="Try AAPL.")
        interval, limit = query.get("interval", "1d"), int(query.get("limit", "500"))
        width = timedelta(seconds=SECONDS[interval])
        newest = market.start_of(interval)
        if "end_date" in query:
            ends = datetime.fromisoformat(query["end_date"]).replace(tzinfo=UTC)
            newest = min(newest, ends + timedelta(days=1) - width)
        starts = [newest - width * back for back in range(limit)][::-1]
        if "start_date" in query:
            first = datetime.fromisoformat(query["start_date"]).replace(tzinfo=UTC)
            starts = [start for start in starts if start >= first]
        bars = [market.bar(symbol, interval, s, closed=s + width <= market.now()) for s in starts]
        if not query.get("include_partial"):
            bars = [bar for bar in bars if bar["closed"]]
        body = {"symbol": symbol, "interval": interval, "data_points": len(bars), "data": bars}
        extra = {"start_date": None, "end_date": None, "next_page": None}
        return JSONResponse(LABELS | body | extra | {"as_of": stamp(market.now())})

    async def price(request: Request) -> Response:
        return JSONResponse(market.price(request.path_params["symbol"]))

    async def symbols(_request: Request) -> Response:
        rows = [{"symbol": s, "name": s, "first_session": "2000-03-01"} for s in SYMBOLS]
        return JSONResponse(rows)

    async def clock(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {token}":
            return error(401, "unauthorized", "No valid token.")
        market.change(await request.json())
        await market.send({"type": "clock", "clock": market.clock()})
        return JSONResponse(market.clock())

    async def echo(request: Request) -> Response:
        seen.append(dict(request.headers))
        return JSONResponse({"headers": dict(request.headers), "path": request.url.path})

    async def page(_request: Request) -> Response:
        return Response("<script>alert(1)</script>", media_type="text/html")

    async def large(_request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b"x" * 2**20

        from starlette.responses import StreamingResponse

        return StreamingResponse(chunks(), media_type="text/plain")

    async def moved(_request: Request) -> Response:
        return PlainTextResponse("", 302, {"location": "http://example.invalid/"})

    async def stream(websocket: WebSocket) -> None:
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

    return Starlette(
        routes=[
            Route("/historical/{symbol}", historical),
            Route("/price/{symbol}", price),
            Route("/symbols", symbols),
            Route("/clock", clock, methods=["POST"]),
            Route("/echo", echo, methods=["GET", "POST"]),
            Route("/page", page),
            Route("/large", large),
            Route("/moved", moved),
            WebSocketRoute("/stream", stream),
        ]
    )


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


def control_app(desk: Desk, market: Market) -> Starlette:
    def is_allowed(headers: Any) -> bool:
        return bool(headers.get("authorization") == f"Bearer {desk.token}")

    async def status(request: Request) -> Response:
        if not is_allowed(request.headers):
            return error(401, "unauthorized", "No valid token.")
        return JSONResponse(desk.snapshot())

    async def act(request: Request) -> Response:
        name, verb = request.path_params["name"], request.path_params["verb"]
        if not is_allowed(request.headers):
            return error(401, "unauthorized", "No valid token.")
        desk.posts.append(f"{verb} {name}")
        steps = {"start": ["starting", "running"], "stop": ["stopping", "stopped"]}
        for status_name in steps.get(verb, ["stopping", "starting", "running"]):
            is_up = status_name == "running"
            health = {"health": "healthy" if is_up else "unknown", "pid": 4712 if is_up else None}
            await desk.update(name, {"status": status_name} | health)
        return JSONResponse({"ok": True, "agent": desk.agents[name]})

    async def act_on_all(request: Request) -> Response:
        verb = request.path_params["verb"].removesuffix("-all")
        desk.posts.append(f"{verb}-all")
        target = "running" if verb == "start" else "stopped"
        await desk.update("market_data", {"status": target})
        return JSONResponse({"results": {"market_data": True}})

    async def websocket_route(websocket: WebSocket) -> None:
        if not is_allowed(websocket.headers):
            await websocket.close(4401)
            return
        await websocket.accept()
        await websocket.send_json({"type": "snapshot"} | desk.snapshot())
        desk.sockets.add(websocket)
        try:
            while True:
                message = await websocket.receive_json()
                if message["op"] == "subscribe_logs":
                    await send_logs(websocket)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            desk.sockets.discard(websocket)

    async def puppet(request: Request) -> Response:
        body = await request.json()
        for name, changes in body.get("agents", {}).items():
            await desk.update(name, changes)
        for name, value in body.get("market", {}).items():
            setattr(market, name, value)
        if "clock" in body:
            market.change(body["clock"])
            await market.send({"type": "reset", "reason": "clock_jump"})
            await market.send({"type": "clock", "clock": market.clock()})
        for kind in body.get("drop", []):
            for websocket in list((market if kind == "market" else desk).sockets):
                await websocket.close(1012)
        if "log" in body:
            await desk.send({"type": "log", "line": log_line(body["log"], 1000 + desk.seq)})
            desk.seq += 1
        sockets = {"market": len(market.sockets), "control": len(desk.sockets)}
        wanted = [{s: sorted(i) for s, i in w.items()} for w in market.wanted.values()]
        return JSONResponse({"sockets": sockets, "posts": desk.posts, "wanted": wanted})

    return Starlette(
        routes=[
            Route("/v1/status", status),
            Route("/v1/agents/{name}/{verb}", act, methods=["POST"]),
            Route("/v1/{verb}", act_on_all, methods=["POST"]),
            WebSocketRoute("/v1/ws", websocket_route),
            Route("/puppet", puppet, methods=["POST"]),
        ]
    )


def log_line(text: str, number: int, level: str = "info") -> dict[str, Any]:
    line = {"agent": "market_data", "seq": number, "time": stamp(datetime.now(UTC))}
    return line | {"stream": "stderr", "level": level, "text": text}


async def send_logs(websocket: WebSocket) -> None:
    lines = [("info", "demo replay 60x, session 2012-09-05"), ("warning", "subscriber 7 is slow")]
    for number, (level, text) in enumerate([*lines, ("error", "provider away")]):
        await websocket.send_json({"type": "log", "line": log_line(text, number, level)})


def write_state(directory: Path, control_url: str, tokens: dict[str, str]) -> None:
    run = directory / "run"
    (run / "agents").mkdir(parents=True, exist_ok=True)
    (run / "lease.json").write_text(json.dumps({"control_url": control_url}), "utf-8")
    (run / "control.token").write_text(tokens["control"], "utf-8")
    (run / "login.key").write_text(secrets.token_hex(32), "utf-8")
    (run / "agents" / "market_data.token").write_text(tokens["market"], "utf-8")


async def main(directory: Path) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    control_url, market_url = (f"http://127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    tokens = {"control": secrets.token_hex(16), "market": secrets.token_hex(16)}
    write_state(directory, control_url, tokens)
    market, desk = Market(), Desk(tokens["control"], market_url)
    apps = [control_app(desk, market), market_app(market, tokens["market"], [])]
    servers = [
        uvicorn.Server(
            uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, ws="websockets-sansio")
        )
        for app in apps
    ]
    for server in servers:
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]

    def end(*_: object) -> None:
        for server in servers:
            server.should_exit = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print(json.dumps({"control": control_url, "market": market_url}), flush=True)
    ticking = asyncio.create_task(market.run())
    await asyncio.gather(*(s.serve(sockets=[k]) for s, k in zip(servers, sockets, strict=True)))
    ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
