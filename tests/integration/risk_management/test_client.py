"""The typed client against the agent itself, over real sockets and a market in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.support import eventually
from tests.unit.risk_management.live.conftest import HereHeavy, build
from tests.unit.risk_management.live.fake_market import FakeMarket
from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.risk_management import agent as agent_module
from trading_dashboard.clients import risk as client_module
from trading_dashboard.clients.risk import RiskAgentUnavailable, RiskClient, RiskRefused
from trading_dashboard.models.errors import (
    DataUnavailable,
    TradingDashboardError,
    Unauthorized,
    UnknownSymbol,
)
from trading_dashboard.models.risk import errors
from trading_dashboard.models.risk.account import CashMove, OrderStatus, OrderTicket
from trading_dashboard.models.risk.gate import (
    GateReopening,
    GateState,
    KillSwitch,
    LeaseRenewal,
    LimitChange,
    LimitKind,
)
from trading_dashboard.models.risk.measures import (
    Holding,
    RiskQuestion,
    SizingMethod,
    SizingQuestion,
    StressQuestion,
    VarMethod,
)
from trading_dashboard.models.risk.stream import GateUpdate, RiskMessage, RiskSnapshot

Ask = Callable[[RiskClient], Awaitable[Any]]


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """An agent on one port, for as long as `serving` says."""

    def __init__(self, folder: Path, port: int) -> None:
        self.market = FakeMarket()
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder

    @property
    def token(self) -> str:
        return (self.folder / "operator.token").read_text()

    def client(self) -> RiskClient:
        return RiskClient(self.url, self.token)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[AgentApp]:
        app = build(self.folder, self.market)
        options: dict[str, Any] = {"log_config": None, "ws": "websockets-sansio"}
        server = QuietServer(
            uvicorn.Config(app, port=self.port, timeout_graceful_shutdown=1, **options)
        )
        running = asyncio.create_task(server.serve())
        agent = app.state.agent
        try:
            await eventually(lambda: server.started and agent.gate.look() is GateState.ACTIVE)
            yield app
        finally:
            await agent.close_streams()
            server.should_exit = True
            await running


@pytest.fixture
def served(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(agent_module, "Heavy", HereHeavy)
    return Served(tmp_path, free_port)


def ticket(**more: Any) -> OrderTicket:
    body = {"symbol": "AAPL", "side": "buy", "quantity": "10"}
    return OrderTicket.model_validate(body | more)


async def test_every_question_is_answered_in_its_model(served: Served) -> None:
    async with served.serving(), served.client() as client:
        assert (await client.check(ticket())).allowed
        order = await client.place(ticket(client_order_id="mine"))

        async def is_filled() -> bool:
            served.market.move("AAPL", 100.0)
            return (await client.order(order.id)).status is OrderStatus.FILLED

        await eventually(is_filled)
        account = await client.positions()
        assert (account.source, account.replay) == ("test", True)
        assert account.positions[0].quantity == 10
        assert (await client.fills()).fills[0].order_id == order.id
        risk = await client.portfolio_risk(window=100)
        (garch,) = [each for each in risk.measures if each.id == "volatility.garch"]
        assert (garch.value is None) == bool(garch.note)
        assert {row.method for row in risk.var} == set(VarMethod)
        assert risk.contributions[0].symbol == "AAPL"
        own = RiskQuestion(
            holdings=[Holding(symbol="IBM", quantity=-3)], methods=[VarMethod.NORMAL]
        )
        assert [row.method for row in (await client.calculate(own)).var] == [VarMethod.NORMAL]
        assert (await client.stress()).scenarios
        assert (await client.stress(StressQuestion(reverse_loss=0.1))).scenarios
        tested = await client.backtest(symbol="AAPL", method=VarMethod.NORMAL, window=60)
        assert tested.backtests[0].days > 0
        size = SizingQuestion(method=SizingMethod.ATR, symbol="MSFT")
        assert (await client.size(size)).sizes[0].quantity > 0


async def test_every_change_is_answered_in_its_model(served: Served) -> None:
    async with served.serving(), served.client() as client:
        limits = await client.set_limit(
            LimitChange(kind=LimitKind.DRAWDOWN, hard=0.5, reason="a test")
        )
        assert [x.hard for x in limits.limits if x.kind is LimitKind.DRAWDOWN] == [0.5]
        assert (await client.limits()).seq == limits.seq
        data = b"symbol,quantity,average_cost\nIBM,10,190\n"
        report = await client.import_positions(data, dry_run=False)
        assert (report.accepted, report.problems) == (1, [])
        again = await client.import_positions(await client.export_positions(), dry_run=True)
        assert again.positions[0].quantity == 10
        assert (await client.move_cash(CashMove(amount=Decimal(5), reason="a test"))).cash > 0
        assert (await client.clear_sample()).positions
        kinds = [entry.kind async for entry in client.journal()]
        assert len(kinds) > 5
        limit = {"type": "limit", "limit_price": "90"}
        waiting = [await client.place(ticket(**limit)) for _ in range(3)]
        assert (await client.cancel(waiting[0].id)).status is OrderStatus.CANCELLED
        assert len((await client.cancel_all()).orders) == 2
        assert (await client.orders(status="cancelled")).total == 3
        assert (await client.kill(KillSwitch(reason="a test"))).verified
        assert (await client.gate()).state is GateState.HALTED
        assert (await client.reopen(GateReopening(reason="a test"))).trading_allowed
        renewal = LeaseRenewal(run_id="x", ttl_seconds=3, agents={"market_data": "healthy"})
        assert (await client.renew_lease(renewal)).trading_allowed


REFUSALS: dict[str, tuple[Ask, type[TradingDashboardError]]] = {
    "order": (lambda it: it.order("nope"), errors.UnknownOrder),
    "cancel": (lambda it: it.cancel("nope"), errors.UnknownOrder),
    "denied": (lambda it: it.place(ticket(quantity="100000")), errors.OrderDenied),
    "import": (lambda it: it.import_positions(b"x\n1\n", dry_run=False), errors.InvalidImport),
    "cash": (lambda it: it.move_cash(CashMove(amount=Decimal(-10**6), reason="x")),
             errors.InvalidOrder),
    "limit": (lambda it: it.set_limit(LimitChange(kind=LimitKind.VAR, soft=2, hard=1, reason="x")),
              errors.InvalidLimit),
    "open gate": (lambda it: it.reopen(GateReopening(reason="x")), errors.ReopeningRefused),
    "symbol": (lambda it: it.backtest(symbol="XYZ"), UnknownSymbol),
    "history": (lambda it: it.backtest(symbol="AAPL", window=4_000), errors.NotEnoughData),
    "scenario": (lambda it: it.size(SizingQuestion(method=SizingMethod.KELLY, symbol="AAPL")),
                 errors.InvalidScenario),
    "confidence": (lambda it: it.portfolio_risk(confidence=7), RiskRefused),
}  # fmt: skip


async def test_a_refusal_is_the_error_it_names(served: Served) -> None:
    async with served.serving() as app, served.client() as client:
        for name, (ask, kind) in REFUSALS.items():
            with pytest.raises(kind) as refused:
                await ask(client)
            assert refused.value.next_step, name
        async with RiskClient(served.url) as nobody:
            with pytest.raises(Unauthorized):
                await nobody.place(ticket())
        app.state.agent.account.valuation.unpriced["AAPL"] = None
        with pytest.raises(DataUnavailable):
            await client.portfolio_risk()


async def test_who_does_not_answer_is_unavailable(served: Served) -> None:
    async with RiskClient(served.url) as client:
        with pytest.raises(RiskAgentUnavailable) as refused:
            await client.gate()
    assert served.url in refused.value.message


async def test_the_stream_comes_back_after_the_agent_did(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_RETRY_SECONDS", 0.1)
    heard: list[RiskMessage] = []

    async def listen() -> None:
        async with RiskClient(served.url) as client, aclosing(client.stream()) as messages:
            async for message in messages:
                heard.append(message)  # noqa: PERF401 - read while it never ends

    def snapshots() -> int:
        return sum(isinstance(message, RiskSnapshot) for message in heard)

    listening = asyncio.create_task(listen())  # before anybody is there
    try:
        async with served.serving(), served.client() as client:
            await eventually(lambda: snapshots() == 1)
            await client.kill(KillSwitch(reason="a test"))
            await eventually(lambda: any(isinstance(it, GateUpdate) for it in heard))
            await client.reopen(GateReopening(reason="a test"))
        async with served.serving():
            await eventually(lambda: snapshots() == 2)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
