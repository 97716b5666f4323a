"""Tickets, orders until they are filled, and a store that is slow or broken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.fake_market import FakeMarket
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.models.risk.account import Order, OrderStatus, OrderTicket
from trading_dashboard.models.risk.errors import AccountStoreError

ME = "trade at test"


def ticket(
    side: str = "buy", quantity: int | str = 10, symbol: str = "AAPL", **more: Any
) -> OrderTicket:
    body = {"symbol": symbol, "side": side, "quantity": str(quantity), **more}
    return OrderTicket.model_validate(body)


def limit(price: float, side: str = "buy", quantity: int = 10, **more: Any) -> OrderTicket:
    return ticket(side, quantity, type="limit", limit_price=str(price), **more)


async def filled(agent: RiskAgent, market: FakeMarket, order: Order) -> Order:
    """Let prices come until an order is filled."""

    def is_filled() -> bool:
        if agent.account.book.order(order.id).status is OrderStatus.FILLED:
            return True
        market.move(order.symbol, market.prices[order.symbol])
        return False

    await eventually(is_filled)
    return agent.account.book.order(order.id)


async def bought(agent: RiskAgent, market: FakeMarket, quantity: int = 10) -> Order:
    order, _ = await agent.desk.place(ticket(quantity=quantity), ME)
    return await filled(agent, market, order)


class SlowStore:
    """Lets a test hold a store's writing up, or break it."""

    def __init__(self, agent: RiskAgent, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_write = threading.Event()
        self.may_write.set()
        self.is_broken = False
        append: Callable[..., Any] = agent.store.append_all

        def append_all(batches: Any) -> Any:
            self.may_write.wait(10)
            if self.is_broken:
                raise AccountStoreError("The disk is full.", observed="no space left on device")
            return append(batches)

        monkeypatch.setattr(agent.store, "append_all", append_all)
