"""The account, its orders and limits as they are told: plain JSON values of `models.risk`.

Owns the form. What does not move with prices is made once a change of the holding, since the rest
is told several times a second, with hundreds of holdings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from trading_dashboard.agents.risk_management.account.holdings import Holding
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.models.risk.account import CENT, FINAL, Fill, Order
from trading_dashboard.models.risk.gate import LimitState

MAX_LOTS = 200
"""Told of one holding, oldest first; the sums hold all."""


class Telling:
    """Tells of one account."""

    def __init__(self, account: LiveAccount) -> None:
        self._account = account
        self._fixed: dict[str, tuple[int, dict[str, Any]]] = {}
        self._versions: dict[str, int] = {}

    def changed(self, symbols: Iterable[str]) -> None:
        """Take note that holdings are others now."""
        for symbol in symbols:
            self._versions[symbol] = self._versions.get(symbol, 0) + 1

    def label(self) -> dict[str, Any]:
        """Return where the account's prices are from, and as of when."""
        label = self._account.label
        return {
            "source": label.source,
            "replay": label.replay,
            "intraday": label.intraday,
            "as_of": self._account.as_of,
        }

    def summary(self) -> dict[str, Any]:
        """Return the account as a whole."""
        account, book, value = self._account, self._account.book, self._account.valuation
        is_priced = not value.unpriced
        working = sum(1 for order in book.orders.values() if order.status not in FINAL)
        return {
            **self.label(),
            "currency": book.currency,
            "cash": money(book.cash),
            "market_value": money(value.market_value),
            "equity": money(account.worth),
            "realised": money(book.realised),
            "realised_fifo": money(book.realised_fifo),
            "unrealised": money(value.unrealised) if is_priced else None,
            "fees": money(book.fees),
            "day_pnl": money(account.day_profit),
            "peak_equity": money(account.peak),
            "drawdown": account.drawdown,
            "gross": money(value.gross) if is_priced else None,
            "net": money(value.market_value),
            "long": money(value.long) if is_priced else None,
            "short": money(value.short) if is_priced else None,
            "unpriced": list(value.unpriced),
            "stale": [symbol for symbol in book.positions if account.is_stale(symbol)],
            "is_sample": book.is_sample,
            "open_orders": working,
            "seq": book.seq,
        }

    def positions(self) -> dict[str, Any]:
        """Return the account with its holdings, the largest first."""
        account = self._account
        equity = account.equity
        values = account.valuation.values
        holdings = sorted(
            account.book.positions.values(), key=lambda it: -abs(values.get(it.symbol, 0.0))
        )
        rows = [self._position(holding, equity) for holding in holdings]
        return {**self.summary(), "positions": rows}

    def _position(self, holding: Holding, equity: float | None) -> dict[str, Any]:
        account, symbol = self._account, holding.symbol
        value, mark = account.valuation.values.get(symbol), account.valuation.marks.get(symbol)
        return {
            **self._unmoved(holding),
            "price": None if mark is None else number(mark.price),
            "price_at": None if mark is None else mark.at,
            "price_age_seconds": None if mark is None else round(account.age_of(mark), 3),
            "is_stale": account.is_stale(symbol),
            "market_value": money(account.valuation.value_of(symbol)),
            "unrealised": money(account.valuation.unrealised_of(symbol)),
            "day_change": money(account.day_change(symbol)),
            "weight": value / equity if value is not None and equity else None,
        }

    def _unmoved(self, holding: Holding) -> dict[str, Any]:
        """Return what does not move with prices."""
        version = self._versions.get(holding.symbol, 0)
        known = self._fixed.get(holding.symbol)
        if known is not None and known[0] == version:
            return known[1]
        lots = [
            {"opened_at": lot.opened_at, "quantity": number(lot.quantity),
             "price": number(lot.price)}
            for lot in list(holding.lots)[:MAX_LOTS]
        ]  # fmt: skip
        body = {
            "symbol": holding.symbol,
            "quantity": number(holding.quantity),
            "average_cost": number(holding.average_cost),
            "lots": lots,
            "realised": money(holding.realised),
            "realised_fifo": money(holding.realised_fifo),
            "currency": holding.currency,
            "is_sample": holding.is_sample,
        }
        self._fixed[holding.symbol] = (version, body)
        return body

    def limits(self, states: Iterable[LimitState], seq: int) -> dict[str, Any]:
        """Return where limits stand."""
        rows = [state.model_dump(mode="json") for state in states]
        return {**self.label(), "limits": rows, "seq": seq}

    def orders(self) -> list[dict[str, Any]]:
        """Return the orders that work, newest first."""
        return [order_body(order) for order in reversed(self._account.book.open_orders())]


def order_update(order: Order, fill: Fill | None) -> Mapping[str, Any]:
    """Return a message that an order changed."""
    return {
        "order": order_body(order),
        "fill": None if fill is None else fill.model_dump(mode="json"),
    }


def order_body(order: Order) -> dict[str, Any]:
    """Return an order as it is told."""
    return order.model_dump(mode="json")


def money(amount: Decimal | None) -> str | None:
    """Return an amount in whole cents."""
    return None if amount is None else str(amount.quantize(CENT))


def number(value: Decimal) -> str:
    """Return a price or a quantity without an exponent or zeros at its end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
