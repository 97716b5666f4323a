"""Orders on the desk: decided in one step, acknowledged once durable, never filled twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from tests.unit.risk_management.live.fake_market import FakeMarket
from tests.unit.risk_management.live.placing import ME, SlowStore, bought, filled, limit, ticket
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.limits.limits import LimitBook
from trading_dashboard.agents.risk_management.live import acts, gatekeeping
from trading_dashboard.models.errors import DataUnavailable, UnknownSymbol
from trading_dashboard.models.risk.account import (
    JournalKind,
    Order,
    OrderStatus,
)
from trading_dashboard.models.risk.errors import (
    InvalidOrder,
    OrderDenied,
    OrderFinal,
)
from trading_dashboard.models.risk.gate import (
    CheckCode,
    GateReopening,
    GateState,
    KillSwitch,
    LimitChange,
    LimitKind,
)


async def test_an_order_is_filled_from_the_next_price(running: Running, market: FakeMarket) -> None:
    async with running() as agent:
        order, is_new = await agent.desk.place(ticket(symbol="aapl"), ME)
        assert (is_new, order.status, order.symbol) == (True, OrderStatus.WORKING, "AAPL")
        assert agent.store.order(order.id) == order
        done = await filled(agent, market, order)
        assert done.average_price == Decimal("100.01")  # a hundredth of a percent of slippage
        assert agent.account.book.quantity("AAPL") == 10
        assert agent.account.worth == Decimal(100000) - Decimal("0.10") - Decimal(1)
        assert agent.account.exposure.orders == {}
        health = agent.health()
        assert (health["status"], health["checks"]["gate"]["status"]) == ("healthy", "healthy")


async def place_both(agent: RiskAgent) -> list[Any]:
    """Place two orders at once of which each alone takes most of the cash."""
    both = (agent.desk.place(limit(100, quantity=600), ME) for _ in range(2))
    return await asyncio.gather(*both, return_exceptions=True)


async def test_two_orders_that_fit_alone_only_are_not_both_placed(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        agent.check.limits = LimitBook(())
        outcomes = await place_both(agent)
        assert sorted(isinstance(one, OrderDenied) for one in outcomes) == [False, True]
        denied = next(one for one in outcomes if isinstance(one, OrderDenied))
        assert denied.details[0]["code"] == CheckCode.INSUFFICIENT_CASH
        assert len(agent.account.book.open_orders()) == 1


async def test_without_the_reservation_both_would_be_placed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        agent.check.limits = LimitBook(())
        # The control arm: what is let through reserves nothing.
        monkeypatch.setattr(agent.account.exposure, "reserve", lambda *_: None)
        outcomes = await place_both(agent)
        assert not any(isinstance(one, OrderDenied) for one in outcomes)


async def test_an_order_is_acknowledged_once_it_is_durable(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        placing = asyncio.create_task(agent.desk.place(ticket(), ME))
        await eventually(lambda: agent.account.exposure.orders)
        await asyncio.sleep(0.05)
        assert not placing.done()
        assert agent.account.book.open_orders() == []
        store.may_write.set()
        order, _ = await placing
        assert agent.store.order(order.id) is not None


async def two_prices_before_the_disk(
    agent: RiskAgent, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Return how many fills come of two prices while the first fill is on its way to the disk."""
    order, _ = await agent.desk.place(ticket(), ME)
    store = SlowStore(agent, monkeypatch)
    store.may_write.clear()
    for _ in range(2):
        market.move("AAPL", 100.0)
    await eventually(lambda: agent.account.newest_price_at == market.now)
    store.may_write.set()
    await eventually(lambda: agent.writer.waiting == 0)
    return agent.store.fills(order_id=order.id).total


async def test_an_order_whose_fill_is_on_its_way_is_not_filled_again(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []
    async with running() as agent:
        submit = agent.writer.submit

        def counted(drafts: Any, settle: Any = None) -> Any:
            tried.extend(draft for draft in drafts if draft.kind is JournalKind.ORDER_FILLED)
            return submit(drafts, settle)

        monkeypatch.setattr(agent.writer, "submit", counted)
        assert await two_prices_before_the_disk(agent, market, monkeypatch) == 1
        assert len(tried) == 1


async def test_without_that_care_it_would_be_tried_twice(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    async with running() as agent:
        submit = agent.writer.submit

        def begin(order: Order, drafts: Any) -> Any:  # the control arm: nothing is noted as busy
            tried.append(order.id)
            return submit(drafts)

        monkeypatch.setattr(agent.filling, "begin", begin)
        assert await two_prices_before_the_disk(agent, market, monkeypatch) == 1  # the book's doing
        assert len(tried) == 2


async def test_what_the_gate_would_not_let_through_is_not_filled(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        await bought(agent, market, 20)
        more, _ = await agent.desk.place(limit(120, quantity=5), ME)
        less, _ = await agent.desk.place(limit(90, "sell", quantity=5), ME)
        agent.gate.kill("a test", ME)
        market.move("AAPL", 100.0)
        await eventually(lambda: agent.account.newest_price_at == market.now)
        assert agent.account.book.quantity("AAPL") == 20
        await agent.gate.reopen(GateReopening(reason="go on"), ME)
        agent.gate.limits_seen({"gross": "too much"})
        assert agent.gate.look() is GateState.REDUCING
        await filled(agent, market, less)
        assert agent.account.book.order(more.id).status is OrderStatus.WORKING
        agent.gate.limits_seen({})
        await agent.gate.reopen(GateReopening(reason="go on"), ME)
        await filled(agent, market, more)


async def test_a_cancel_waits_for_a_fill_that_is_on_its_way(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        order, _ = await agent.desk.place(ticket(), ME)
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        market.move("AAPL", 100.0)
        await eventually(lambda: agent.filling.busy(order.id) is not None)
        cancelling = asyncio.create_task(agent.desk.cancel(order.id, ME))
        await asyncio.sleep(0.02)
        store.may_write.set()
        with pytest.raises(OrderFinal):
            await cancelling
        assert agent.account.book.order(order.id).status is OrderStatus.FILLED


async def test_the_kill_switch_halts_cancels_and_shows_that_it_holds(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        await bought(agent, market)
        placed = [await agent.desk.place(limit(90, quantity=1), ME) for _ in range(3)]
        report = await agent.acts.kill(KillSwitch(reason="enough"), "operator at test")
        assert (report.cancelled, report.verified) == (3, True)
        assert report.gate.state is GateState.HALTED
        health = agent.health()
        assert (health["status"], health["checks"]["gate"]["status"]) == ("degraded", "degraded")
        assert health["message"] == f"The gate is {health['checks']['gate']['message']}"
        assert "halted: Halted by operator at test: enough" in health["message"]
        states = {agent.account.book.order(order.id).status for order, _ in placed}
        assert states == {OrderStatus.CANCELLED}
        with pytest.raises(OrderDenied):
            await agent.desk.place(ticket("sell"), ME)
    async with running(is_open=False) as agent:  # latched over a restart
        await eventually(lambda: not agent.gate.keeper.gate.is_starting)
        assert agent.gate.look() is GateState.HALTED


async def test_who_killed_is_told_whether_a_restart_will_know_of_it(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that hangs keeps nobody from knowing that it is halted."""
    monkeypatch.setattr(gatekeeping, "JOURNAL_SECONDS", 0.1)
    monkeypatch.setattr(acts, "KILL_SECONDS", 0.1)
    async with running() as agent:
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        report = await agent.acts.kill(KillSwitch(reason="enough"), ME)
        assert (report.gate.state, report.verified) == (GateState.HALTED, True)
        assert "not all be cancelled within 0.1 s" in report.message
        assert "not on disk yet" in report.message
        store.may_write.set()
        report = await agent.acts.kill(KillSwitch(reason="enough"), ME)
        assert "not on disk" not in report.message
        assert len(agent.store.journal(kinds=[JournalKind.KILL_SWITCH]).entries) == 2


async def test_other_currencies_and_no_market_time_are_refused(
    running: Running, market: FakeMarket
) -> None:
    market.currency = "EUR"
    async with running() as agent:
        with pytest.raises(InvalidOrder):
            await agent.desk.place(ticket(), ME)
        agent.account.clock.forget()
        agent.account.listed.clear()
        with pytest.raises(DataUnavailable):
            await agent.desk.place(ticket(), ME)


async def test_denials_are_journalled_but_not_without_end(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        for _ in range(80):
            with pytest.raises(OrderDenied):
                await agent.desk.place(ticket(quantity=10_000_000), ME)
        await agent.writer.flushed()
        total = agent.store.orders(statuses=[OrderStatus.REJECTED]).total
        assert agent.desk.denied == 80
        assert 50 <= total < 60


async def test_a_limit_of_what_nobody_lists_guards_nothing_and_is_refused(running: Running) -> None:
    async with running() as agent:
        before = agent.check.limits.limits
        change = LimitChange(kind=LimitKind.SYMBOL, subject="ZZZ", hard=0.1, reason="why not")
        with pytest.raises(UnknownSymbol):
            await agent.acts.change_limit(change, ME)
        assert agent.check.limits.limits == before
        mine = change.model_copy(update={"subject": "aapl"})
        await agent.acts.change_limit(mine, ME)
        await eventually(lambda: agent.check.limits.own_symbols() == {"AAPL"})


async def test_no_purchase_ends_below_zero_by_its_slippage_and_fee(
    running: Running, market: FakeMarket
) -> None:
    dear = {"slippage_bps": 50, "volume_share": None}
    async with running(broker=dear) as agent:
        agent.check.limits = LimitBook(())
        with pytest.raises(OrderDenied):
            await agent.desk.place(ticket(quantity=998), ME)  # 99,800 and a fee without slippage
        order, _ = await agent.desk.place(ticket(quantity=994), ME)
        held_back = agent.account.exposure.buying
    async with running(broker=dear) as agent:  # held back after a restart, too
        agent.check.limits = LimitBook(())
        assert agent.account.exposure.buying == pytest.approx(held_back)
        await filled(agent, market, order)
        assert agent.account.book.cash == Decimal(100_000) - Decimal(str(held_back)).quantize(
            Decimal("0.01")
        )
        assert 0 <= agent.account.book.cash < 100
