"""A session's start: actions before prices, the day's profit, orders that end at the close."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from tests.unit.risk_management.live.fake_market import FakeMarket
from tests.unit.risk_management.live.placing import ME, bought, limit
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.live import sessions as sessions_module
from trading_dashboard.agents.risk_management.live.sessions import Sessions
from trading_dashboard.models.market import CorporateAction
from trading_dashboard.models.risk.account import CashMove, JournalKind, OrderStatus
from trading_dashboard.models.risk.errors import InvalidOrder

TOMORROW = date(2012, 9, 5)


def action(kind: Any, **what: float) -> CorporateAction:
    return CorporateAction(symbol="AAPL", ex_date=TOMORROW, kind=kind, source="test", **what)


async def over_a_split(agent: RiskAgent, market: FakeMarket) -> list[Decimal]:
    """Hold 40 over a two-for-one split; return every equity there was."""
    await bought(agent, market, 40)
    seen = []
    take = agent.account.take_price

    def watched(price: Any) -> bool:
        has_changed = take(price)
        seen.append(agent.account.worth or Decimal(0))
        return has_changed

    agent.account.take_price = watched  # type: ignore[method-assign]
    market.effective = [action("split", ratio=2.0)]
    market.prices["AAPL"] = 50.0
    market.next_session()
    await eventually(lambda: agent.account.book.day and agent.account.book.day.session == TOMORROW)
    await eventually(lambda: len(seen) >= 3)
    return seen


async def test_a_split_is_no_loss(running: Running, market: FakeMarket) -> None:
    async with running() as agent:
        seen = await over_a_split(agent, market)
        assert agent.account.book.quantity("AAPL") == 80
        assert min(seen) > Decimal(99_990)
        assert agent.account.day_profit == 0
        market.pass_time(60)
        await eventually(lambda: agent.account.as_of == market.now)
        assert agent.account.book.quantity("AAPL") == 80  # once
    async with running() as agent:  # nor again after a restart
        await eventually(lambda: "AAPL" in agent.account.valuation.marks)
        assert agent.account.book.quantity("AAPL") == 80


async def test_taken_at_once_the_price_would_be_a_false_loss(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as agent:
        admits = Sessions.admits

        def at_once(self: Sessions, price: Any) -> bool:  # the control arm
            admits(self, price)
            return True

        monkeypatch.setattr(Sessions, "admits", at_once)
        assert min(await over_a_split(agent, market)) < Decimal(98_100)


async def test_a_dividend_is_paid_once_and_is_no_profit_of_the_day(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        await bought(agent, market, 40)
        cash = agent.account.book.cash
        market.effective = [action("dividend", amount=1.5)]
        market.closes["AAPL"] = market.prices["AAPL"] = 98.5
        market.now = market.now.replace(hour=13, minute=30) + timedelta(days=1)
        market.pass_time(0)
        await eventually(lambda: agent.account.day_profit == 0)
        assert agent.account.book.cash == cash + 60
        kinds = [entry.kind for entry in agent.store.journal(limit=2).entries]
        assert kinds == [JournalKind.DAY_STARTED, JournalKind.DIVIDEND_PAID]


async def test_day_orders_end_at_the_close_and_others_stay(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        day, _ = await agent.desk.place(limit(90, quantity=1), ME)
        stays, _ = await agent.desk.place(limit(90, quantity=1, time_in_force="gtc"), ME)
        market.next_session()
        book = agent.account.book
        await eventually(lambda: book.order(day.id).status is OrderStatus.EXPIRED)
        assert book.order(stays.id).status is OrderStatus.WORKING
    async with running() as agent:
        late, _ = await agent.desk.place(limit(90, quantity=1), ME)
    market.next_session()  # while nobody looked
    async with running() as agent:
        book = agent.account.book
        await eventually(lambda: book.order(late.id).status is OrderStatus.EXPIRED)


async def test_the_days_profit_counts_from_the_last_close_through_a_restart(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        await bought(agent, market, 40)
        market.next_session()
        await eventually(lambda: agent.account.day_profit == 0)
        market.move("AAPL", 101.0)
        await eventually(lambda: agent.account.day_profit == 40)
        # What is paid in is no profit, what is taken out no loss.
        await agent.acts.move_cash(CashMove(amount=Decimal(5_000), reason="savings"), ME)
        await agent.acts.move_cash(CashMove(amount=Decimal(-2_000), reason="rent"), ME)
        assert agent.account.day_profit == 40
        assert agent.account.drawdown == 0
        with pytest.raises(InvalidOrder):
            await agent.acts.move_cash(CashMove(amount=Decimal(-200_000), reason="all"), ME)
        assert agent.account.day_change("AAPL") == 40
        await bought(agent, market, 10)
        profit, change = agent.account.day_profit, agent.account.day_change("AAPL")
        assert change == Decimal(
            "39.899"
        )  # a tenth lost to slippage, the fee is not of the holding
    async with running() as agent:
        await eventually(lambda: agent.account.day_profit == profit)
        assert agent.account.day_change("AAPL") == change


async def test_market_data_that_is_away_starts_no_session(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        await bought(agent, market, 40)
        market.is_away = True
        market.effective = [action("split", ratio=2.0)]
        market.prices["AAPL"] = 50.0
        market.next_session()
        await eventually(lambda: agent.sessions.waiting == 1)
        assert agent.account.valuation.marks["AAPL"].price == 100
        market.is_away = False
        await eventually(lambda: agent.account.book.quantity("AAPL") == 80)
        await eventually(lambda: agent.sessions.waiting == 0)


async def test_actions_nobody_can_tell_hold_prices_for_a_while_only(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(sessions_module, "ACTIONS_SECONDS", 0.1)
    async with running() as agent:
        await bought(agent, market, 40)
        market.knows_no_actions = True
        market.next_session()
        await eventually(lambda: agent.sessions.waiting == 1)
        await eventually(lambda: agent.sessions.waiting == 0)
        assert len(market.asked) > 2
        assert agent.account.day_profit == 0
