"""Which market an account lives in: runs of a replay, real time, and the sample portfolio."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from tests.unit.risk_management.live.fake_market import FakeMarket
from tests.unit.risk_management.live.placing import ME, SlowStore, bought, limit
from trading_dashboard.agents.risk_management.live.worlds import Verdict, World, judge
from trading_dashboard.models.risk.account import CashMove, JournalKind, OrderStatus
from trading_dashboard.models.risk.errors import InvalidImport
from trading_dashboard.models.risk.gate import CauseKind, GateState

EARLIER = datetime(2012, 6, 1, 15, 0, tzinfo=UTC)


async def test_a_replay_that_is_set_back_begins_the_account_anew(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        await bought(agent, market, 40)
        order, _ = await agent.desk.place(limit(90, quantity=1, time_in_force="gtc"), ME)
        market.set_clock(EARLIER)
        await eventually(lambda: not agent.account.book.positions)
        book = agent.account.book
        assert book.order(order.id).status is OrderStatus.CANCELLED
        assert (book.cash, agent.account.worth) == (Decimal(100_000), Decimal(100_000))
        assert agent.account.drawdown == 0
        await eventually(lambda: agent.account.day_profit == 0)
        # The journal keeps what was, and the gate, which was open, is open.
        assert JournalKind.ORDER_FILLED in {entry.kind for entry in agent.store.journal().entries}
        assert agent.gate.look() is GateState.ACTIVE
        await eventually(lambda: agent.account.quote("AAPL"))
        again = await bought(agent, market, 10)
        assert again.at.date() == EARLIER.date()
        assert agent.store.check() == []


async def test_a_replay_set_back_while_nobody_looked(running: Running, market: FakeMarket) -> None:
    async with running() as agent:
        await bought(agent, market, 40)
    market.now = EARLIER
    async with running() as agent:
        await eventually(lambda: not agent.account.book.positions)
        assert agent.gate.look() is GateState.ACTIVE


async def test_a_jump_forward_keeps_the_account(running: Running, market: FakeMarket) -> None:
    async with running() as agent:
        await bought(agent, market, 40)
        market.set_clock(market.now + timedelta(days=30))
        await eventually(
            lambda: agent.account.book.day and agent.account.book.day.session.month == 10
        )
        assert agent.account.book.quantity("AAPL") == 40
        assert agent.gate.look() is GateState.ACTIVE


async def test_an_account_of_a_real_market_stands_still_in_a_replay(
    running: Running, market: FakeMarket
) -> None:
    market.replay = False
    async with running() as agent:
        await bought(agent, market, 40)
    market.replay, market.now = True, EARLIER
    async with running(is_open=False) as agent:
        await eventually(lambda: agent.beginnings.standstill is not None)
        market.pass_time(1)
        await eventually(lambda: agent.follower.trouble is None)
        assert agent.account.book.quantity("AAPL") == 40
        assert agent.account.valuation.marks == {}  # no price of another time
        assert agent.gate.look() is GateState.HALTED
        health = agent.health()
        assert health["status"] == "degraded"
        assert "real market time" in health["message"]


async def test_a_real_clock_behind_the_account_halts(running: Running, market: FakeMarket) -> None:
    market.replay = False
    async with running() as agent:
        await bought(agent, market, 40)
        market.set_clock(market.now - timedelta(hours=1))
        await eventually(lambda: agent.gate.look() is GateState.HALTED)
        assert agent.gate.keeper.gate.causes[0].kind is CauseKind.CLOCK_TROUBLE
        assert agent.account.book.quantity("AAPL") == 40


@pytest.mark.parametrize(
    ("known", "now", "at", "verdict"),
    [
        (None, World("demo", replay=True), 1, Verdict.GO_ON),
        (World("demo", replay=True), World("demo", replay=True), 3, Verdict.GO_ON),
        (World("demo", replay=True), World("demo", replay=True), 1, Verdict.BEGIN_ANEW),
        (World("demo", replay=True), World("tape", replay=True), 3, Verdict.BEGIN_ANEW),
        (World("demo", replay=True), World("live", replay=False), 3, Verdict.BEGIN_ANEW),
        (World("live", replay=False), World("demo", replay=True), 3, Verdict.STAND_STILL),
        (World("yahoo", replay=False), World("live", replay=False), 1, Verdict.GO_ON),
    ],
)
def test_what_becomes_of_an_account(
    known: World | None, now: World, at: int, verdict: Verdict
) -> None:
    day = datetime(2012, 9, 1, tzinfo=UTC)
    assert judge(known, now, day.replace(day=2), day.replace(day=at)) is verdict


async def test_the_sample_is_marked_cleared_with_one_call_and_never_comes_back(
    running: Running, market: FakeMarket
) -> None:
    async with running(sample=True) as agent:
        await eventually(lambda: len(agent.account.book.positions) == 3)
        told = agent.telling.positions()
        assert told["is_sample"]
        assert all(row["is_sample"] for row in told["positions"])
        assert agent.account.day_profit == 0
        order, _ = await agent.desk.place(limit(400, "sell", 1, symbol="IBM"), ME)
        await agent.acts.clear_sample("operator at test")
        assert agent.account.book.positions == {}
        assert agent.account.book.order(order.id).status is OrderStatus.CANCELLED
        assert (agent.account.worth, agent.account.day_profit) == (Decimal(100_000), 0)
    async with running(sample=True) as agent:
        await eventually(lambda: agent.account.clock.state is not None)
        assert agent.account.book.positions == {}
        market.set_clock(EARLIER)  # nor in another run
        await eventually(
            lambda: agent.account.book.day and agent.account.book.day.session.month == 6
        )
        assert agent.account.book.positions == {}


@pytest.mark.parametrize(("replay", "production"), [(False, False), (True, True)])
async def test_real_prices_and_production_get_no_sample(
    replay: bool, production: bool, running: Running, market: FakeMarket
) -> None:
    market.replay = replay
    async with running(sample=True, production=production) as agent:
        await eventually(lambda: agent.account.book.is_opened)
        assert agent.account.book.positions == {}


async def test_an_import_is_all_or_nothing_and_no_profit(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        good = b"symbol,quantity,average_cost\nAAPL,10,90\nIBM,-5,210\n"
        bad = good + b"APPL,1,1\nMSFT,many,1\n"
        dry = await agent.acts.import_positions(bad, "csv", dry_run=True, actor=ME)
        assert [(one.row, one.column) for one in dry.problems] == [(3, "symbol"), (4, "quantity")]
        with pytest.raises(InvalidImport) as refused:
            await agent.acts.import_positions(bad, "csv", dry_run=False, actor=ME)
        assert len(refused.value.details) == 2
        assert agent.account.book.positions == {}
        report = await agent.acts.import_positions(good, "csv", dry_run=False, actor=ME)
        assert (report.accepted, report.seq) == (2, agent.account.book.seq)
        assert (agent.account.day_profit, agent.account.drawdown) == (0, 0)
        assert agent.account.valuation.unrealised == 10 * 10 + 5 * 10


async def test_what_moves_while_an_import_is_written_is_told_apart_from_it(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices and cash move meanwhile; it is one transaction, also for a kill -9."""
    async with running() as agent:
        await bought(agent, market, 10)
        before = agent.account.day_profit
        assert before is not None
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        paying = asyncio.create_task(agent.acts.move_cash(CashMove(amount=50, reason="in"), ME))
        rows = b"symbol,quantity,average_cost\nIBM,10,150\nMSFT,-5,40\n"
        importing = asyncio.create_task(
            agent.acts.import_positions(rows, "csv", dry_run=False, actor=ME)
        )
        await eventually(lambda: agent.writer.waiting == 2)
        seq = agent.account.book.seq
        market.move("AAPL", 103.0)
        market.move("IBM", 201.0)
        await eventually(lambda: agent.account.quote("IBM").price == 201.0)
        store.may_write.set()
        report, _ = await asyncio.gather(importing, paying)
        # Ten of each gained 3 and 1; what IBM and MSFT cost others before is no profit of today.
        assert agent.account.day_profit == before + 40
        assert (agent.account.drawdown, report.seq) == (0, seq + 3)
        told = {row["symbol"]: row["day_change"] for row in agent.telling.positions()["positions"]}
        assert (told["IBM"], told["MSFT"]) == ("10.00", "0.00")
    async with running(is_open=False) as agent:
        await eventually(lambda: agent.account.day_profit is not None)
        assert agent.account.day_profit == before + 40
