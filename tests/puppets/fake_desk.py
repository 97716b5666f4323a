"""A desk without a supervisor: a control API and a market data agent that obey a test.

Speaks the same HTTP and WebSocket as the real ones. ``python fake_desk.py STATE_DIRECTORY`` writes
the state files, prints one JSON line with its addresses and runs until told to stop. Tests steer
it with ``POST /puppet`` on the control port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.puppets.fake_market import Market, MarketFace, error, stamp


class Desk:
    """The control API's state."""

    def __init__(self, token: str, market_url: str) -> None:
        self.token, self.seq = token, 0
        self.sockets: set[WebSocket] = set()
        self.posts: list[str] = []
        self.clients: list[str] = []
        self.refusal: str | None = None
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


class ControlFace:
    """The control API's routes."""

    def __init__(self, desk: Desk, market: Market) -> None:
        self.desk, self.market = desk, market

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/status", self.status),
                Route("/v1/agents/{name}/{verb}", self.act, methods=["POST"]),
                Route("/v1/{verb}", self.act_on_all, methods=["POST"]),
                WebSocketRoute("/v1/ws", self.stream),
                Route("/puppet", self.puppet, methods=["POST"]),
            ]
        )

    def is_allowed(self, headers: Any) -> bool:
        return bool(headers.get("authorization") == f"Bearer {self.desk.token}")

    async def status(self, request: Request) -> Response:
        if not self.is_allowed(request.headers):
            return error(401, "unauthorized", "No valid token.")
        return JSONResponse(self.desk.snapshot())

    async def act(self, request: Request) -> Response:
        name, verb = request.path_params["name"], request.path_params["verb"]
        if not self.is_allowed(request.headers):
            return error(401, "unauthorized", "No valid token.")
        self.desk.posts.append(f"{verb} {name}")
        said = (request.headers.get(name, "") for name in ("x-client", "x-client-address"))
        self.desk.clients.append(" ".join(said))
        if self.desk.refusal:
            return error(409, "port_in_use", self.desk.refusal)
        steps = {"start": ["starting", "running"], "stop": ["stopping", "stopped"]}
        for status in steps.get(verb, ["stopping", "starting", "running"]):
            is_up = status == "running"
            health = {"health": "healthy" if is_up else "unknown", "pid": 4712 if is_up else None}
            await self.desk.update(name, {"status": status} | health)
        return JSONResponse({"ok": True, "agent": self.desk.agents[name]})

    async def act_on_all(self, request: Request) -> Response:
        verb = request.path_params["verb"].removesuffix("-all")
        self.desk.posts.append(f"{verb}-all")
        target = "running" if verb == "start" else "stopped"
        await self.desk.update("market_data", {"status": target})
        return JSONResponse({"results": {"market_data": True}})

    async def stream(self, websocket: WebSocket) -> None:
        if not self.is_allowed(websocket.headers):
            await websocket.close(4401)
            return
        await websocket.accept()
        await websocket.send_json({"type": "snapshot"} | self.desk.snapshot())
        self.desk.sockets.add(websocket)
        try:
            while True:
                message = await websocket.receive_json()
                if message["op"] == "subscribe_logs":
                    await send_logs(websocket)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.desk.sockets.discard(websocket)

    async def puppet(self, request: Request) -> Response:
        desk, market, body = self.desk, self.market, await request.json()
        for name, changes in body.get("agents", {}).items():
            await desk.update(name, changes)
        for name, value in body.get("market", {}).items():
            setattr(market, name, value)
        market.change(body.get("clock", {}))
        desk.refusal = body.get("refusal", desk.refusal)
        if "rotate" in body:
            await self.rotate(Path(body["rotate"]))
        for kind in body.get("drop", []):
            for websocket in list((market if kind == "market" else desk).sockets):
                await websocket.close(1012)
        for text in body.get("log", []):
            desk.seq += 1
            await desk.send({"type": "log", "line": log_line(text, 1000 + desk.seq)})
        sockets = {"market": len(market.sockets), "control": len(desk.sockets)}
        wanted = [{s: sorted(i) for s, i in w.items()} for w in market.wanted.values()]
        known = {"sockets": sockets, "posts": desk.posts, "wanted": wanted}
        known |= {"clients": desk.clients}
        return JSONResponse(known | {"clock": market.clock()})

    async def rotate(self, file: Path) -> None:
        """Replace the token as the supervisor does: the file at once, then the old sockets."""
        self.desk.token = secrets.token_hex(16)
        fresh = file.with_name("fresh")
        fresh.write_text(self.desk.token, "utf-8")
        fresh.replace(file)
        for websocket in list(self.desk.sockets):
            await websocket.close(4401)


def log_line(text: str, number: int, level: str = "info") -> dict[str, Any]:
    line = {"agent": "market_data", "seq": number, "time": stamp(datetime.now(UTC))}
    return line | {"stream": "stderr", "level": level, "text": text}


async def send_logs(websocket: WebSocket) -> None:
    lines = [("info", "demo replay 60x, session 2012-09-05"), ("warning", "subscriber 7 is slow")]
    for number, (level, text) in enumerate([*lines, ("error", "provider away")]):
        await websocket.send_json({"type": "log", "line": log_line(text, number, level)})


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
    apps = [ControlFace(desk, market).app(), MarketFace(market, tokens["market"]).app()]
    options: dict[str, Any] = {"log_level": "error", "ws": "websockets-sansio"}
    options |= {"timeout_graceful_shutdown": 1}
    servers = [QuietServer(uvicorn.Config(app, **options)) for app in apps]

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
