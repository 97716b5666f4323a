"""An account made by hand for the limits and the check, and a gate that says what it is told."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import numpy as np

from trading_dashboard.agents.risk_management.gate.moment import MarketNow, Moment
from trading_dashboard.agents.risk_management.limits.exposure import ExposureBook
from trading_dashboard.agents.risk_management.limits.losses import History, VarTerms
from trading_dashboard.agents.risk_management.limits.view import Quote
from trading_dashboard.models.risk.account import OrderTicket, OrderType, Side
from trading_dashboard.models.risk.gate import GateState

MARKET = datetime.fromisoformat("2012-09-04T13:30:00+00:00")


class Account:
    """An `AccountView`: equity is cash and what is held; everything can be set."""

    def __init__(self, cash: float = 100_000.0, **prices: float) -> None:
        self.exposure = ExposureBook()
        self.cash = cash
        self.as_of: datetime | None = MARKET
        self.day_pnl: float | None = 0.0
        self.drawdown: float | None = 0.0
        self.is_market_open: bool | None = True
        self.volume: float | None = 1_000_000.0
        self.slippage = 0.0
        self.stale: set[str] = set()
        self.unknown: set[str] = set()
        self.prices: dict[str, float] = {}
        for symbol, price in prices.items():
            self.set_price(symbol, price)

    def set_price(self, symbol: str, price: float) -> None:
        self.prices[symbol] = price
        self.exposure.set_price(symbol, price)

    def hold(self, symbol: str, quantity: str) -> None:
        self.exposure.set_quantity(symbol, Decimal(quantity))

    def give_history(self, days: int = 250, seed: int = 1, **terms: float) -> np.ndarray:
        """Give every symbol with a price a history of independent returns; return them."""
        names = sorted(self.prices)
        returns = np.random.default_rng(seed).normal(0.0, 0.01, (days, len(names)))
        self.exposure.use_history(History(names, returns), VarTerms())
        return returns

    @property
    def equity(self) -> float | None:
        totals = self.exposure.held()
        return None if totals is None else self.cash + totals.net

    def knows(self, symbol: str) -> bool:
        return symbol not in self.unknown

    def quote(self, symbol: str) -> Quote | None:
        price = self.prices.get(symbol)
        return None if price is None else Quote(price, 99.0, symbol in self.stale)

    def average_volume(self, symbol: str) -> float | None:
        return self.volume

    def most_paid(self, symbol: str, price: float) -> float:
        return price * (1 + self.slippage)

    def fee(self, symbol: str, quantity: Decimal, price: float) -> float:
        return 1.0


class Says:
    """A gate in the state it is told."""

    def __init__(self, state: GateState = GateState.ACTIVE) -> None:
        self.state = state

    def look(self, _: Moment) -> GateState:
        return self.state


def at(monotonic: float = 0.0) -> Moment:
    return Moment(
        wall=MARKET, monotonic=monotonic, market=MarketNow(connected=True, heard=0.0, now=MARKET)
    )


def order(side: Side, quantity: str, symbol: str = "IBM", **more: object) -> OrderTicket:
    kind = OrderType.LIMIT if "limit_price" in more else OrderType.MARKET
    return OrderTicket.model_validate(
        {"symbol": symbol, "side": side, "quantity": quantity, "type": kind, **more}
    )
