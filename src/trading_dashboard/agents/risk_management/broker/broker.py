"""Paper orders matched with live ticks: what each tick triggers, fills and ends.

Owns matching. It holds nothing: the same orders and the same tick give the same drafts. Prices are
in `pricing`, fees in `fees`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.entries import (
    BROKER,
    Draft,
    order_cancelled,
    order_expired,
    order_filled,
    order_triggered,
)
from trading_dashboard.agents.risk_management.account.money import (
    CONTEXT,
    DOWN,
    ZERO,
    step,
)
from trading_dashboard.agents.risk_management.account.orders import is_open
from trading_dashboard.agents.risk_management.broker.fees import fee_of
from trading_dashboard.agents.risk_management.broker.pricing import (
    STOPS,
    fill_price,
    is_triggered_by,
    market_price,
)
from trading_dashboard.agents.risk_management.broker.ticks import Tick
from trading_dashboard.models.risk.account import Order, TimeInForce
from trading_dashboard.models.risk.broker_settings import BrokerSettings

_WHOLE = Decimal(1)


class PaperBroker:
    """Fills paper orders."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings

    def on_tick(
        self,
        orders: Sequence[Order],
        tick: Tick,
        position: Decimal,
        *,
        reducing_only: bool = False,
    ) -> list[Draft]:
        """Return what a tick does to the open orders of its symbol.

        Nothing is filled or triggered by a tick that is stale, quarantined, not newer than the
        order, or made while the market is closed. Orders share the tick's volume, oldest first.

        Args:
            orders: Oldest first; others than open ones of this symbol are passed over.
            tick: The newest price.
            position: Signed quantity held of the symbol: reduce-only orders look at it.
            reducing_only: Fill nothing that would open or turn the position; what would waits.

        Returns:
            Drafts in the order in which they are to be journalled, all at the tick's time.
        """
        matching = _Matching(self.settings, tick, position, reducing_only=reducing_only)
        for order in orders:
            if order.symbol != tick.symbol or not is_open(order):
                continue
            if _has_expired(order, tick.last_close_at):
                matching.drafts.append(order_expired(order.id, at=tick.at))
            elif tick.is_tradable and tick.at > order.at:
                matching.match(order)
        return matching.drafts

    def on_close(self, orders: Iterable[Order], at: datetime) -> list[Draft]:
        """Return the end of day orders at a close of their exchange.

        Args:
            orders: Of symbols whose exchange closes.
            at: When it closes or closed, market time; orders placed later are the next day's.
        """
        return [
            order_expired(order.id, at=at)
            for order in orders
            if is_open(order) and _has_expired(order, at)
        ]


class _Matching:
    """One tick on its way through the orders of its symbol."""

    def __init__(
        self, settings: BrokerSettings, tick: Tick, position: Decimal, *, reducing_only: bool
    ) -> None:
        self.drafts: list[Draft] = []
        self._settings = settings
        self._tick = tick
        self._position = position
        self._reducing_only = reducing_only
        self._left: Decimal | None = None
        if settings.volume_share is not None and tick.volume is not None:
            self._left = CONTEXT.multiply(settings.volume_share, tick.volume)

    def match(self, order: Order) -> None:
        """Trigger and fill one order, as far as the tick does."""
        tick = self._tick
        if order.reduce_only and not self._reducible(order):
            reason = "Nothing is left for it to reduce."
            self.drafts.append(order_cancelled(order.id, actor=BROKER, reason=reason, at=tick.at))
            return
        if order.type in STOPS and not order.triggered:
            if not is_triggered_by(order, tick):
                return
            self.drafts.append(order_triggered(order.id, tick.price, at=tick.at))
        market = market_price(self._settings, order.side, tick)
        price = fill_price(self._settings, order, market)
        quantity = self._quantity(order)
        if price is None or price <= 0 or quantity <= 0:
            return
        fee = fee_of(self._settings, order, quantity, price)
        self.drafts.append(
            order_filled(
                order.id, quantity=quantity, price=price, market_price=market, fee=fee,
                source=tick.source, at=tick.at,
            )
        )  # fmt: skip
        self._position += quantity if order.side == "buy" else -quantity
        if self._left is not None:
            self._left -= quantity

    def _quantity(self, order: Order) -> Decimal:
        """Return how much of the order this tick fills. Whole orders are filled in whole units."""
        quantity = order.remaining
        if order.reduce_only or self._reducing_only:
            quantity = min(quantity, self._reducible(order))
        if self._left is None or self._left >= quantity:
            return quantity
        is_whole = order.remaining % _WHOLE == 0
        return self._left.to_integral_value(DOWN) if is_whole else step(self._left, DOWN)

    def _reducible(self, order: Order) -> Decimal:
        """Return how much of the position the order's side could still close."""
        against = -self._position if order.side == "buy" else self._position
        return max(ZERO, against)


def _has_expired(order: Order, close: datetime | None) -> bool:
    return order.time_in_force is TimeInForce.DAY and close is not None and order.at < close
