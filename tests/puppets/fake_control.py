"""The puppet desk's control API: it obeys a test, and says what it was asked to do.

Speaks the HTTP and WebSocket of the real one. `fake_desk` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.puppets.fake_history import History
from tests.puppets.fake_market import Market, error, stamp
from tests.puppets.fake_patterns import Patterns
from tests.puppets.fake_risk import Risk

RUN_ID = "run-1"
STEPS = {"start": ["starting", "running"], "stop": ["stopping", "stopped"]}


class Desk:
    """The control API's state."""

    def __init__(self, token: str, urls: list[str]) -> None:
        self.token, self.seq = token, 0
        market_url, pattern_url, risk_url = urls
        self.sockets: set[WebSocket] = set()
        self.posts: list[str] = []
        self.clients: list[str] = []
        self.refusal: str | None = None
        self.status_of_refusal, self.delay_seconds = 409, 0.0
        self.history = History(RUN_ID)
        self.reload: dict[str, Any] = {"changes": []}
        self.mistakes: list[dict[str, Any]] = []
        self.started_at = stamp(datetime.now(UTC))
        self.wanted_logs: dict[WebSocket, dict[str, Any]] = {}
        self.agents = {
            "market_data": agent("market_data", market_url, "running"),
            "pattern_recognition": agent("pattern_recognition", pattern_url, "stopped"),
            "risk_management": agent("risk_management", risk_url, "stopped"),
            "dashboard": agent("dashboard", "http://localhost:1", "running") | {"kind": "system"},
        }
        for name in ("pattern_recognition", "risk_management"):
            self.agents[name] |= {"enabled": False, "auto_start": False}

    def snapshot(self) -> dict[str, Any]:
        supervisor = {"state": "running", "run_id": RUN_ID, "started_at": self.started_at}
        return {"seq": self.seq, "supervisor": supervisor, "agents": self.agents}

    async def update(self, name: str, changes: dict[str, Any]) -> None:
        if name not in self.agents:
            self.agents[name] = agent(name, "http://localhost:1", "stopped")
            await self.tell("agent_added", name, {})
        before = self.agents[name]["status"]
        self.agents[name] |= changes
        after = self.agents[name]["status"]
        kind = "transition" if before != after else "agent_changed"
        data = {"from": before, "to": after, "reason": "the test wants it so", "pid": 1}
        await self.tell(kind, name, data)

    async def tell(self, kind: str, name: str | None, data: dict[str, Any]) -> None:
        self.seq += 1
        event = {"seq": self.seq, "time": stamp(datetime.now(UTC)), "kind": kind, "agent": name}
        info = self.agents.get(name or "")
        update = {"event": event | {"data": data}, "agent": info}
        self.history.record(event | {"data": data}, info)
        await self.send({"type": "update", "seq": self.seq} | update)

    async def remove(self, name: str) -> None:
        del self.agents[name]
        await self.tell("agent_removed", name, {})

    async def say(self, line: dict[str, Any]) -> None:
        for websocket, wanted in list(self.wanted_logs.items()):
            if is_wanted(line, wanted):
                with contextlib.suppress(Exception):
                    await websocket.send_json({"type": "log", "line": line})

    async def flood(self, lines: int) -> None:
        for number in range(lines):
            self.seq += 1
            await self.say(log_line(f"flood line {number}", 1000 + self.seq))

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
        "data_age_seconds": 0.4, "data_is_ageing": False, "data_told_age_seconds": 0.4,
        "data_told_seconds_ago": 0.0 if is_up else None, "data_holds_seconds": 1e9,
        "data_source": "puppet", "version": "1", "generation": 1,
        "started_at": stamp(datetime.now(UTC)), "uptime_seconds": 61.0 if is_up else None,
        "data_newest_at": None, "data_message": None, "data_allowed_age_seconds": None,
        "probes": [], "schedule": None,
        "maintenance": None, "held_restart": None, "memory_limit_bytes": None,
        "restarts": 0, "next_retry_at": None, "last_exit": None, "cpu_percent": 1.8,
        "memory_bytes": 142 * 2**20, "log_path": f"var/log/{name}.log",
    }  # fmt: skip


class ControlFace:
    """The control API's routes."""

    def __init__(self, desk: Desk, market: Market, patterns: Patterns, risk: Risk) -> None:
        self.desk, self.market, self.patterns, self.risk = desk, market, patterns, risk

    def app(self) -> Starlette:
        desk_history = self.desk.history
        return Starlette(
            routes=[
                Route("/v1/status", self.status),
                Route("/v1/configuration", self.configuration),
                Route("/v1/reload", self.reload, methods=["POST"]),
                Route("/v1/events", desk_history.serve_events),
                Route("/v1/incidents", desk_history.serve_incidents),
                Route("/v1/availability", desk_history.serve_availability),
                Route("/v1/agents/{name}/logs/file", self.log_file),
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
        if refused := await self.refuse(request, f"{verb} {name}"):
            return refused
        if verb == "maintenance":
            await self.maintain(name, await request.json())
            return JSONResponse({"ok": True, "pending": False, "agent": self.desk.agents[name]})
        for status in STEPS.get(verb, ["stopping", "starting", "running"]):
            is_up = status == "running"
            health = {"health": "healthy" if is_up else "unknown", "pid": 4712 if is_up else None}
            await self.desk.update(name, {"status": status} | health)
        return JSONResponse({"ok": True, "agent": self.desk.agents[name]})

    async def refuse(self, request: Request, what: str) -> Response | None:
        if not self.is_allowed(request.headers):
            return error(401, "unauthorized", "No valid token.")
        self.desk.posts.append(what)
        said = (request.headers.get(name, "") for name in ("x-client", "x-client-address"))
        self.desk.clients.append(" ".join(said))
        await asyncio.sleep(self.desk.delay_seconds)
        if self.desk.refusal:
            code = "forbidden" if self.desk.status_of_refusal == 403 else "port_in_use"
            return error(self.desk.status_of_refusal, code, self.desk.refusal)
        return None

    async def maintain(self, name: str, body: dict[str, Any]) -> None:
        maintenance = None
        if body["on"]:
            self.desk.posts.append(f"for {body.get('minutes')} because {body.get('reason')}")
            maintenance = {"since": stamp(datetime.now(UTC)), "until": None, "by": "dashboard"}
            maintenance["reason"] = body.get("reason")
        await self.desk.update(name, {"maintenance": maintenance})

    async def act_on_all(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        if refused := await self.refuse(request, verb):
            return refused
        target = "running" if verb == "start-all" else "stopped"
        await self.desk.update("market_data", {"status": target})
        return JSONResponse({"results": {"market_data": True}})

    async def configuration(self, _: Request) -> Response:
        return JSONResponse({"files": ["config/agents.yaml"], "mistakes": self.desk.mistakes})

    async def reload(self, request: Request) -> Response:
        body = await request.json()
        if refused := await self.refuse(request, f"reload dry_run={body['dry_run']}"):
            return refused
        if self.desk.mistakes:
            text = f"The configuration has {len(self.desk.mistakes)} mistakes."
            shape = {"code": "configuration_invalid", "message": text}
            return JSONResponse({"error": shape | {"details": self.desk.mistakes}}, 422)
        return JSONResponse({"dry_run": body["dry_run"], "results": {}} | self.desk.reload)

    async def log_file(self, request: Request) -> Response:
        return PlainTextResponse(f"the whole log of {request.path_params['name']}\n")

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
                self.desk.wanted_logs.pop(websocket, None)
                if message["op"] == "subscribe_logs":
                    self.desk.wanted_logs[websocket] = message
                    await send_logs(websocket, message)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.desk.sockets.discard(websocket)
            self.desk.wanted_logs.pop(websocket, None)

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
        await self.steer_more(body)
        await self.patterns.steer(body.get("patterns", {}))
        await self.risk.steer(body.get("risk", {}))
        sockets = {"market": len(market.sockets), "control": len(desk.sockets)}
        wanted = [{s: sorted(i) for s, i in w.items()} for w in market.wanted.values()]
        known = {"sockets": sockets, "posts": desk.posts, "wanted": wanted}
        listening = {"listening": len(self.patterns.sockets), "asked": self.patterns.asked}
        known |= {
            "patterns": listening,
            "clients": desk.clients,
            "checks": self.risk.checks,
            "logs": list(desk.wanted_logs.values()),
        }
        return JSONResponse(known | {"clock": market.clock(), "asked": market.asked})

    async def rotate(self, file: Path) -> None:
        """Replace the token as the supervisor does: the file at once, then the old sockets."""
        self.desk.token = secrets.token_hex(16)
        fresh = file.with_name("fresh")
        fresh.write_text(self.desk.token, "utf-8")
        fresh.replace(file)
        for websocket in list(self.desk.sockets):
            await websocket.close(4401)

    async def steer_more(self, body: dict[str, Any]) -> None:
        desk = self.desk
        kept = body.get("keep", desk.agents)
        for name in [*body.get("remove", []), *(set(desk.agents) - set(kept))]:
            await desk.remove(name)
        for name in ("status_of_refusal", "delay_seconds", "reload", "mistakes"):
            setattr(desk, name, body.get(name, getattr(desk, name)))
        for event in body.get("tell", []):
            await desk.tell(event["kind"], event.get("agent"), event.get("data", {}))
        desk.history.steer(body.get("history", {}))
        for line in body.get("log", []):
            desk.seq += 1
            text, level = line if isinstance(line, list) else (line, "info")
            await desk.say(log_line(text, 1000 + desk.seq, level))
        if "flood" in body:
            await desk.flood(body["flood"])


def log_line(text: str, number: int, level: str = "info") -> dict[str, Any]:
    line = {"agent": "market_data", "seq": number, "time": stamp(datetime.now(UTC))}
    return line | {"stream": "stderr", "level": level, "text": text}


def is_wanted(line: dict[str, Any], wanted: dict[str, Any]) -> bool:
    levels = ["debug", "info", "warning", "error"]
    is_grave = levels.index(line["level"]) >= levels.index(wanted.get("level") or "debug")
    is_found = (wanted.get("grep") or "").casefold() in line["text"].casefold()
    return is_grave and is_found and line["agent"] in wanted["agents"]


async def send_logs(websocket: WebSocket, wanted: dict[str, Any]) -> None:
    lines = [("info", "demo replay 60x, session 2012-09-05"), ("warning", "subscriber 7 is slow")]
    for number, (level, text) in enumerate([*lines, ("error", "provider away")]):
        line = log_line(text, number, level) | {"time": "2026-11-20T10:00:00Z"}
        if is_wanted(line, wanted):
            await websocket.send_json({"type": "log", "line": line})
