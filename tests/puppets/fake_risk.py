"""The puppet desk's risk agent: it answers the models of the real one, and obeys a test.

Speaks the HTTP and WebSocket of the real agent. `fake_desk` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.puppets import fake_risk_data as data
from tests.puppets.fake_market import error
from tests.puppets.fake_risk_account import Account
from trading_dashboard.models.risk import account as a
from trading_dashboard.models.risk import gate as g
from trading_dashboard.models.risk.measures import BacktestResponse, StressQuestion, VarMethod

QUICK = (VarMethod.HISTORICAL, VarMethod.AGE_WEIGHTED, VarMethod.NORMAL, VarMethod.CORNISH_FISHER)


class Risk:
    """The agent's state, and who listens."""

    def __init__(self) -> None:
        self.account = Account()
        self.sockets: dict[WebSocket, int] = {}
        self.checks: list[dict[str, Any]] = []
        self.calm()

    def calm(self) -> None:
        self.account.calm()
        self.down = self.silent = self.is_unverified = False
        self.check_delays: list[float] = []
        self.checks.clear()

    async def steer(self, body: dict[str, Any]) -> None:
        if body.get("calm"):
            self.calm()
            for websocket in list(self.sockets):
                await self.send(websocket, self.snapshot())
        for name in ("down", "silent", "is_unverified", "check_delays"):
            setattr(self, name, body.get(name, getattr(self, name)))
        await self._steer_gate(body)
        await self._steer_market(body)
        if body.get("skip"):
            self.sockets = {websocket: seq + 1 for websocket, seq in self.sockets.items()}
        if body.get("drop"):
            for websocket in list(self.sockets):
                await websocket.close(1012)

    async def _steer_gate(self, body: dict[str, Any]) -> None:
        account = self.account
        for cause in body.get("close", []):
            account.close_gate(**cause)
        if body.get("end_causes"):
            account.end_causes()
        if "close" in body or "end_causes" in body:
            await self.tell("gate", gate=account.gate())

    async def _steer_market(self, body: dict[str, Any]) -> None:
        account = self.account
        account.stale |= set(body.get("stale", []))
        account.prices |= {name: Decimal(price) for name, price in body.get("prices", {}).items()}
        for order in account.open() if body.get("fill") else []:
            filled, fill = account.fill(order)
            await self.tell("order", order=filled, fill=fill)
        if body.keys() & {"prices", "stale", "fill"}:
            await self.tell("account", account=account.summary())

    def snapshot(self) -> dict[str, Any]:
        account = self.account
        parts = {"gate": account.gate(), "account": account.summary(), "limits": account.limits()}
        return {"type": "snapshot", "orders": account.open()} | parts

    async def tell(self, kind: str, **parts: Any) -> None:
        if self.silent:
            return
        for websocket in list(self.sockets):
            await self.send(websocket, {"type": kind} | parts)

    async def send(self, websocket: WebSocket, message: dict[str, Any]) -> None:
        self.sockets[websocket] += 1
        body = {"seq": self.sockets[websocket]} | {key: plain(one) for key, one in message.items()}
        with contextlib.suppress(Exception):
            await websocket.send_text(json.dumps(body))

    async def run(self) -> None:
        """Send a heartbeat each second, as long as anybody listens."""
        while True:
            await asyncio.sleep(1)
            await self.tell("heartbeat")


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def answer(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


class RiskFace:
    """The agent's routes."""

    def __init__(self, risk: Risk, token: str) -> None:
        self.risk, self.token = risk, token

    def app(self) -> Starlette:
        routes: list[tuple[str, Any, str]] = [
            ("/positions", self.positions, "GET"),
            ("/orders", self.orders, "GET"), ("/orders", self.place, "POST"),
            ("/orders", self.cancel, "DELETE"), ("/orders/{id}", self.cancel, "DELETE"),
            ("/fills", self.fills, "GET"), ("/check", self.check, "POST"),
            ("/gate", self.gate, "GET"), ("/gate/kill", self.kill, "POST"),
            ("/gate/reopen", self.reopen, "POST"), ("/journal", self.journal, "GET"),
            ("/risk/limits", self.limits, "GET"), ("/risk/limits", self.limits, "PUT"),
            ("/risk/portfolio", self.portfolio, "GET"), ("/risk/backtest", self.backtest, "GET"),
            ("/risk/stress", self.stress, "GET"), ("/risk/stress", self.stress, "POST"),
        ]  # fmt: skip
        return Starlette(routes=[
            *(Route(path, self._guarded(serve), methods=[verb]) for path, serve, verb in routes),
            WebSocketRoute("/stream", self.stream),
        ])  # fmt: skip

    def _guarded(self, serve: Any) -> Any:
        async def guarded(request: Request) -> Response:
            if self.risk.down:
                return error(503, "unavailable", "The puppet is down.")
            if request.method != "GET" and (
                request.headers.get("authorization") != f"Bearer {self.token}"
            ):
                return error(401, "unauthorized", "No valid token.")
            response: Response = await serve(request)
            return response

        return guarded

    async def positions(self, _: Request) -> Response:
        return answer(self.risk.account.summary())

    async def orders(self, _: Request) -> Response:
        orders = list(self.risk.account.orders.values())[::-1]
        return answer(a.OrdersResponse(orders=orders, total=len(orders)))

    async def fills(self, _: Request) -> Response:
        fills = self.risk.account.fills
        return answer(a.FillsResponse(fills=fills, total=len(fills)))

    async def check(self, request: Request) -> Response:
        ticket = a.OrderTicket.model_validate_json(await request.body())
        self.risk.checks.append(ticket.model_dump(mode="json"))
        if self.risk.check_delays:
            await asyncio.sleep(self.risk.check_delays.pop(0))
        return answer(self.risk.account.check(ticket))

    async def place(self, request: Request) -> Response:
        account = self.risk.account
        ticket = a.OrderTicket.model_validate_json(await request.body())
        if not account.check(ticket).allowed:
            return error(409, "order_denied", "The check says no.")
        order = account.place(ticket)
        await self.risk.tell("order", order=order)
        return answer(order, 201)

    async def cancel(self, request: Request) -> Response:
        account, wanted = self.risk.account, request.path_params.get("id")
        orders = [order for order in account.open() if wanted in (None, order.id)]
        over = [account.end_order(order, "cancelled", "by hand") for order in orders]
        for order in over:
            await self.risk.tell("order", order=order)
        if wanted is not None and not over:
            return error(404, "unknown_order", "No order has this id.")
        return answer(over[0]) if wanted else JSONResponse({"cancelled": len(over)})

    async def gate(self, _: Request) -> Response:
        return answer(self.risk.account.gate())

    async def kill(self, request: Request) -> Response:
        wish, account = g.KillSwitch.model_validate_json(await request.body()), self.risk.account
        account.close_gate(
            kind="kill_switch", lasts=False, message=f"Pulled by hand: {wish.reason}",
            next_step="Reopen the gate with a reason.",
        )  # fmt: skip
        orders = account.open() if wish.cancel_orders else []
        for order in orders:
            over = account.end_order(order, "cancelled", "kill switch")
            await self.risk.tell("order", order=over)
        await self.risk.tell("gate", gate=account.gate())
        verified = not self.risk.is_unverified
        return answer(g.KillReport(
            gate=account.gate(), cancelled=len(orders), verified=verified,
            probe_code="gate_halted" if verified else None, message="The probe has been sent.",
        ))  # fmt: skip

    async def reopen(self, request: Request) -> Response:
        wish, account = g.GateReopening.model_validate_json(await request.body()), self.risk.account
        if any(cause.lasts for cause in account.causes) or wish.seen_seq != account.gate_sequence:
            return error(409, "reopening_refused", "A cause lasts, or has come since.")
        account.open_gate(wish.reason)
        await self.risk.tell("gate", gate=account.gate())
        return answer(account.gate())

    async def journal(self, request: Request) -> Response:
        kinds = request.query_params.getlist("kind")
        entries = [it for it in self.risk.account.journal if not kinds or it.kind in kinds]
        return answer(a.JournalResponse(entries=entries[:50]))

    async def limits(self, request: Request) -> Response:
        account = self.risk.account
        if request.method == "PUT":
            change = g.LimitChange.model_validate_json(await request.body())
            account.hard[change.kind] = change.hard or 1.0
            account.record("limit_changed", change.model_dump(mode="json"), change.reason)
            await self.risk.tell("limits", limits=account.limits())
        return answer(account.limits())

    async def portfolio(self, request: Request) -> Response:
        confidence = float(request.query_params["confidence"])
        account = self.risk.account
        equity = float(account.summary().equity or 0)
        return answer(data.portfolio_risk(confidence, equity, account.sequence))

    async def backtest(self, request: Request) -> Response:
        query = request.query_params
        methods = [VarMethod(query["method"])] if "method" in query else list(QUICK)
        confidence, window = float(query["confidence"]), int(query["window"])
        tests = [data.backtest(method, confidence, window) for method in methods]
        return answer(BacktestResponse(**data.LABELS, as_of=data.NOON, backtests=tests))

    async def stress(self, request: Request) -> Response:
        question = None
        if request.method == "POST":
            question = StressQuestion.model_validate_json(await request.body())
        return answer(data.stress(question, 100_000.0))

    async def stream(self, websocket: WebSocket) -> None:
        await websocket.accept()
        if self.risk.down:
            await websocket.close(1013)
            return
        self.risk.sockets[websocket] = 0
        try:
            await self.risk.send(websocket, self.risk.snapshot())
            while True:
                await websocket.receive_text()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.risk.sockets.pop(websocket, None)
