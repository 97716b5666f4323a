"""The puppet desk's pattern agent: it has found what `fake_pattern_data` says, and what tests add.

Speaks the HTTP and WebSocket of the real agent, in its models. `fake_desk` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.puppets.fake_indicators import Indicators
from tests.puppets.fake_market import Market, error
from tests.puppets.fake_pattern_data import (
    LABELS,
    PICTURE,
    catalogue,
    detections,
    reliability,
    signals,
    worth_rows,
)
from trading_dashboard.models import pattern_api as api
from trading_dashboard.models.patterns import (
    CatalogueResponse,
    PatternDetection,
    PatternsResponse,
    PatternState,
)

SCAN_STEPS = 4


class Patterns:
    """What the agent knows, and who listens."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.found = {item.id: item for item in detections()}
        self.stale, self.down, self.silent, self.is_empty = False, False, False, False
        self.reason: str | None = None
        self.scan_seconds = 0.2
        self.sockets: dict[WebSocket, api.PatternOperation | None] = {}
        self.asked: list[str] = []
        self.scans: dict[str, api.ScanStatus] = {}
        self.unfollowed: list[str] = []
        self.event = 0

    def calm(self) -> None:
        self.found = {item.id: item for item in detections()}
        self.stale = self.down = self.silent = self.is_empty = False
        self.reason, self.scan_seconds, self.unfollowed = None, 0.2, []

    def all(self) -> list[PatternDetection]:
        found = [] if self.is_empty else list(self.found.values())
        return sorted(found, key=lambda item: item.known_at, reverse=True)

    async def steer(self, body: dict[str, Any]) -> None:
        if body.get("calm"):
            self.calm()
        for name in body.get("unlearnt", []):
            self.found[name] = self.found[name].model_copy(update={"worth": []})
        for name in ("down", "silent", "is_empty", "scan_seconds", "unfollowed"):
            setattr(self, name, body.get(name, getattr(self, name)))
        for count in body.get("many", []):
            self._add_many(count)
        if "stale" in body:
            self.stale, self.reason = body["stale"], body.get("reason")
            condition = {"stale": self.stale, "reason": self.reason, "as_of": self.market.now()}
            await self.send(api.PatternCondition(seq=0, type="condition", **condition))
        for change in body.get("happen", []):
            await self.happen(change)
        if "reset" in body:
            void = {"state": "failed", "message": f"Market data began anew ({body['reset']})."}
            self.scans = {name: it.model_copy(update=void) for name, it in self.scans.items()}
            await self.send(api.PatternReset(seq=0, type="reset", reason=body["reset"]))
        if body.get("drop"):
            for websocket in list(self.sockets):
                await websocket.close(1012)

    async def happen(self, change: dict[str, Any]) -> None:
        """Change a detection, or make another like it, and tell whoever listens."""
        model = self.found[change.pop("like")]
        made = PatternDetection.model_validate(model.model_dump() | change)
        was = self.found.get(made.id)
        self.found[made.id] = made
        self.event += 1
        event = {"detection": made, "is_new": was is None, "was": was.state if was else None}
        await self.send(api.PatternEvent(seq=0, type="pattern", event=self.event, **event))

    def _add_many(self, count: int) -> None:
        model = next(iter(detections()))
        for number in range(count):
            change: dict[str, Any] = {"id": f"many-{number}", "symbol": f"S{number % 500:03d}"}
            change |= {"strength": number % 100 / 100, "timeframe": "5m"}
            change["invalidation"] = None  # no signal: so many would keep the puppet busy
            item = PatternDetection.model_construct(**(dict(model) | change))
            self.found[item.id] = item

    async def send(self, message: Any) -> None:
        for websocket, wanted in list(self.sockets.items()):
            item = getattr(message, "detection", None)
            if item is not None and not is_wanted(item, wanted):
                continue
            with contextlib.suppress(Exception):
                await websocket.send_text(message.model_dump_json())

    async def run(self) -> None:
        """Send a heartbeat each second, as long as anybody listens."""
        while True:
            await asyncio.sleep(1)
            if not self.silent:
                await self.send(api.PatternHeartbeat(seq=0, type="heartbeat"))


def is_wanted(item: PatternDetection, wanted: api.PatternOperation | None) -> bool:
    return bool(
        wanted
        and (item.symbol in wanted.symbols or "*" in wanted.symbols)
        and (not wanted.timeframes or item.timeframe in wanted.timeframes)
        and item.kind in wanted.kinds
    )


def answer(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


class PatternFace:
    """The agent's routes."""

    def __init__(self, patterns: Patterns) -> None:
        self.patterns = patterns
        self.indicators = Indicators(patterns.market)

    def app(self) -> Starlette:
        routes = [
            ("/patterns/confidence", self.confidence, "GET"),
            ("/patterns/{symbol:path}", self.of_symbol, "GET"),
            ("/signals", self.signals, "GET"),
            ("/catalogue", self.catalogue, "GET"),
            ("/catalogue/{name}.svg", self.picture, "GET"),
            ("/scan", self.order, "POST"),
            ("/scan/{id}/patterns", self.scanned, "GET"),
            ("/scan/{id}", self.scan, "GET"),
            ("/scan/{id}", self.cancel, "DELETE"),
        ]
        made = [Route(path, self._counted(call), methods=[verb]) for path, call, verb in routes]
        stream = WebSocketRoute("/stream", self.stream)
        return Starlette(routes=[*made, *self.indicators.routes(), stream])

    def _counted(self, call: Any) -> Any:
        async def counted(request: Request) -> Response:
            self.patterns.asked.append(request.url.path)
            if self.patterns.down:
                return error(503, "not_ready", "The detectors are not ready.")
            result: Response = await call(request)
            return result

        return counted

    async def of_symbol(self, request: Request) -> Response:
        symbol, timeframe = request.path_params["symbol"], request.query_params["timeframe"]
        mine = [p for p in self.patterns.all() if (p.symbol, p.timeframe) == (symbol, timeframe)]
        body = {"symbol": symbol, "timeframe": timeframe, "as_of": self.patterns.market.now()}
        body |= {"bars": 600, "patterns": mine, "stale": self.patterns.stale}
        return answer(PatternsResponse.model_validate(LABELS | body))

    async def confidence(self, request: Request) -> Response:
        query = request.query_params
        rows = [] if self.patterns.is_empty else worth_rows()
        if "timeframe" in query:
            rows = [row for row in rows if row.timeframe == query["timeframe"]]
        if "horizon" in query:
            rows = [row for row in rows if row.worth.horizon_bars == int(query["horizon"])]
        body: dict[str, Any] = {"as_of": self.patterns.market.now(), "rows": rows, "tests": 48}
        points = [] if self.patterns.is_empty else reliability()
        body |= {"reliability": points, "brier": 0.2471, "brier_base": 0.2495}
        body["stale"] = self.patterns.stale
        return answer(api.ConfidenceResponse.model_validate(LABELS | body))

    async def signals(self, request: Request) -> Response:
        least = float(request.query_params.get("min_reward_risk", "0"))
        ideas = [s for s in signals(self.patterns.all()) if s.reward_risk >= least]
        body = {"as_of": self.patterns.market.now(), "signals": ideas}
        body["stale"] = self.patterns.stale
        return answer(api.SignalsResponse.model_validate(LABELS | body))

    async def catalogue(self, _: Request) -> Response:
        return answer(CatalogueResponse(patterns=catalogue()))

    async def picture(self, _: Request) -> Response:
        return Response(PICTURE, media_type="image/svg+xml")

    async def order(self, request: Request) -> Response:
        order = api.ScanOrder.model_validate(await request.json())
        status = api.ScanStatus(
            id=f"scan-{len(self.patterns.scans) + 1}", state="running", done=0, found=0,
            symbols=len(order.symbols) or 6, started_at=datetime.now(UTC), seconds=0.0,
        )  # fmt: skip
        self.patterns.scans[status.id] = status
        return answer(status, 202)

    async def scan(self, request: Request) -> Response:
        status = self.patterns.scans[request.path_params["id"]]
        if status.state == "running":
            passed = (datetime.now(UTC) - status.started_at).total_seconds()
            done = min(status.symbols, int(passed / self.patterns.scan_seconds))
            state = "complete" if done == status.symbols else "running"
            change = {"done": done, "state": state, "seconds": passed, "found": done}
            errors = {"FB": "Only 12 bars are known."} if state == "complete" else {}
            status = status.model_copy(update=change | {"errors": errors})
            self.patterns.scans[status.id] = status
        return answer(status)

    async def cancel(self, request: Request) -> Response:
        status = self.patterns.scans[request.path_params["id"]]
        status = status.model_copy(update={"state": "cancelled"})
        self.patterns.scans[status.id] = status
        return answer(status)

    async def scanned(self, request: Request) -> Response:
        status = self.patterns.scans[request.path_params["id"]]
        is_kept = status.state != "failed"
        found = [p for p in self.patterns.all() if is_kept and p.state == PatternState.CONFIRMED]
        body = {"status": status, "patterns": found, "total": len(found), "next_offset": None}
        return answer(api.ScanResult.model_validate(LABELS | body))

    async def stream(self, websocket: WebSocket) -> None:
        patterns = self.patterns
        await websocket.accept()
        if patterns.down:
            await websocket.close(1013)
            return
        patterns.sockets[websocket] = None
        try:
            while True:
                text = await websocket.receive_text()
                wanted = api.PatternOperation.model_validate_json(text)
                if set(wanted.symbols) & set(patterns.unfollowed):
                    error = {"code": "unknown_symbol", "message": "It is not followed."}
                    refusal = api.PatternRefusal(seq=1, type="error", error=error)
                    await websocket.send_text(refusal.model_dump_json())
                    continue
                patterns.sockets[websocket] = wanted
                mine = [item for item in patterns.all() if is_wanted(item, wanted)]
                await websocket.send_text(self._snapshot(mine).model_dump_json())
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            patterns.sockets.pop(websocket, None)

    def _snapshot(self, mine: list[PatternDetection]) -> api.PatternSnapshot:
        return api.PatternSnapshot.model_construct(
            seq=1, event=self.patterns.event, type="snapshot", patterns=mine,
            stale=self.patterns.stale, as_of=self.patterns.market.now(),
        )  # fmt: skip
