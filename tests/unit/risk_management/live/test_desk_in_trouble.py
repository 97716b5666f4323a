"""Repeats, requests whose sender has left, and stores that fail: told, and nothing twice."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from tests.unit.risk_management.live.fake_market import FakeMarket
from tests.unit.risk_management.live.placing import ME, SlowStore, bought, filled, limit, ticket
from trading_dashboard.agents.risk_management.account import playing
from trading_dashboard.agents.risk_management.gate.memory import GATE_KINDS
from trading_dashboard.agents.risk_management.limits.limits import LimitBook
from trading_dashboard.agents.risk_management.store.reader import AccountReader
from trading_dashboard.models.risk.account import (
    CashMove,
    JournalEntry,
    JournalKind,
    OrdersResponse,
    OrderStatus,
)
from trading_dashboard.models.risk.errors import (
    AccountStoreError,
    DuplicateOrder,
    OrderDenied,
    ReopeningRefused,
)
from trading_dashboard.models.risk.gate import (
    CauseKind,
    CheckCode,
    GateReopening,
    GateState,
)


async def test_a_clients_id_places_one_order(running: Running, market: FakeMarket) -> None:
    async with running() as agent:
        mine = ticket(client_order_id="mine-1")
        placed = await asyncio.gather(*(agent.desk.place(mine, ME) for _ in range(5)))
        assert len({order.id for order, _ in placed}) == 1
        assert sum(is_new for _, is_new in placed) == 1
        with pytest.raises(DuplicateOrder):
            await agent.desk.place(ticket(quantity=11, client_order_id="mine-1"), ME)
        order = await filled(agent, market, placed[0][0])
    async with running() as agent:  # started again
        assert await agent.desk.place(mine, ME) == (order, False)


async def test_a_clients_id_is_known_after_memory_has_forgotten_it(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "KEPT_FINAL_ORDERS", 2)
    async with running() as agent:
        mine = limit(90, quantity=1, client_order_id="mine-1")
        first, _ = await agent.desk.place(mine, ME)
        first = await agent.desk.cancel(first.id, ME)
        for _ in range(2):
            later, _ = await agent.desk.place(limit(90, quantity=1), ME)
            await agent.desk.cancel(later.id, ME)
        assert "mine-1" not in agent.account.book.client_ids
        agent.gate.kill("nothing new may be placed", ME)
        assert await agent.desk.place(mine, ME) == (first, False)
        with pytest.raises(DuplicateOrder):
            await agent.desk.place(ticket("sell", client_order_id="mine-1"), ME)
        with pytest.raises(OrderDenied):  # one that is new is judged
            await agent.desk.place(limit(90, client_order_id="mine-2"), ME)
        await agent.gate.reopen(GateReopening(reason="go on"), ME)
        new = limit(90, client_order_id="mine-2")
        placed = await asyncio.gather(*(agent.desk.place(new, ME) for _ in range(5)))
        assert len({order.id for order, _ in placed}) == 1
        assert sum(is_new for _, is_new in placed) == 1


async def test_a_repeat_gets_the_first_ones_answer_although_who_asked_first_has_left(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        agent.check.limits = LimitBook(())
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        mine = limit(100, quantity=600, client_order_id="mine-1")  # most of the cash
        first = asyncio.create_task(agent.desk.place(mine, ME))
        await eventually(lambda: agent.writer.waiting)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        repeat = asyncio.create_task(agent.desk.place(mine, ME))
        await asyncio.sleep(0)
        store.may_write.set()
        order, is_new = await repeat
        assert (is_new, order.client_order_id) == (False, "mine-1")
        assert [known.id for known in agent.account.book.open_orders()] == [order.id]


async def test_a_reopening_takes_effect_with_its_entry_although_who_asked_has_left(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        agent.gate.kill("a test", ME)
        await agent.writer.flushed()
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        asking = asyncio.create_task(agent.gate.reopen(GateReopening(reason="go on"), ME))
        await eventually(lambda: agent.writer.waiting)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert agent.gate.look() is GateState.HALTED
        store.may_write.set()
        await agent.writer.flushed()
        newest = agent.store.journal(limit=1, kinds=GATE_KINDS).entries[0]
        assert newest.kind is JournalKind.GATE_REOPENED
        assert agent.gate.look() is GateState.ACTIVE


async def test_what_cannot_be_applied_closes_the_gate_and_keeps_nobody_waiting(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[str] = []
    async with running() as agent:
        monkeypatch.setattr(agent, "_fail", lambda what, _: failed.append(what))
        order, _ = await agent.desk.place(ticket(client_order_id="mine-1"), ME)
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        market.move("AAPL", 100.0)
        await eventually(lambda: agent.filling.busy(order.id) is not None)

        def broken(_: JournalEntry) -> None:
            raise ValueError("a fault of ours")

        monkeypatch.setattr(agent.account, "apply", broken)
        # One is in the same commit as the fill or the next, one comes when all is over.
        waiting = asyncio.create_task(agent.desk.place(limit(90), ME))
        await asyncio.sleep(0)
        store.may_write.set()
        with pytest.raises(AccountStoreError):
            await waiting
        assert agent.gate.look() is GateState.HALTED
        assert agent.gate.keeper.gate.causes[0].kind is CauseKind.STORE_UNWRITABLE
        with pytest.raises(AccountStoreError):
            await agent.desk.cancel(order.id, ME)
        assert any("does not fit the account" in what for what in failed)
    async with running(is_open=False) as agent:
        # The fill was on disk: it is there after the restart, once.
        assert agent.account.book.order(order.id).status is OrderStatus.FILLED
        assert agent.account.book.quantity("AAPL") == 10


async def test_what_cannot_be_written_is_not_placed_and_halts(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        store = SlowStore(agent, monkeypatch)
        store.is_broken = True
        with pytest.raises(AccountStoreError):
            await agent.desk.place(ticket(), ME)
        assert agent.account.exposure.orders == {}
        assert agent.gate.look() is GateState.HALTED
        assert agent.gate.keeper.gate.causes[0].kind is CauseKind.STORE_UNWRITABLE
        health = agent.health()
        assert (health["status"], health["checks"]["store"]["status"]) == ("degraded", "degraded")
        with pytest.raises(OrderDenied):
            await agent.desk.place(ticket(), ME)
        with pytest.raises(ReopeningRefused):
            await agent.gate.reopen(GateReopening(reason="try"), ME)
        # What the gate could not journal is tried again, which shows that the disk has room.
        store.is_broken = False
        await eventually(lambda: not agent.gate.keeper.gate.causes[0].lasts)
        assert agent.health()["checks"]["store"] == {"status": "healthy"}
        await agent.gate.reopen(GateReopening(reason="there is room again"), ME)
        kinds = [entry.kind for entry in agent.store.journal(limit=2).entries]
        assert kinds == [JournalKind.GATE_REOPENED, JournalKind.GATE_CAUSE_ENDED]
        await bought(agent, market)


async def test_cash_on_its_way_out_buys_nothing(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        store = SlowStore(agent, monkeypatch)
        store.may_write.clear()
        free = agent.account.book.cash
        asked = CashMove(amount=10 - free, reason="for rent")
        leaving = asyncio.create_task(agent.acts.move_cash(asked, ME))
        await eventually(lambda: agent.account.leaving == free - 10)
        leaving.cancel()  # who asked has left, the cash goes on leaving
        await asyncio.gather(leaving, return_exceptions=True)
        with pytest.raises(OrderDenied) as denied:
            await agent.desk.place(ticket(quantity=1), ME)
        assert CheckCode.INSUFFICIENT_CASH in str(denied.value.details)
        store.may_write.set()
        await agent.writer.flushed()
        assert (agent.account.leaving, agent.account.book.cash) == (0, 10)


async def test_a_page_that_takes_long_to_read_holds_up_no_order(running: Running) -> None:
    is_read = threading.Event()

    def slowly(store: AccountReader) -> OrdersResponse:
        page = store.orders()
        is_read.wait(10)
        return page

    async with running() as agent:
        reading = asyncio.create_task(agent.reading.ask(slowly))
        order, _ = await agent.desk.place(limit(90), ME)
        assert await agent.desk.order(order.id) == order
        assert not reading.done()
        is_read.set()
        assert (await reading).total == 0
        assert (await agent.reading.ask(lambda store: store.orders())).orders == [order]
