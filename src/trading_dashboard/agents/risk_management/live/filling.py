"""Paper orders filled from the live stream.

Owns which orders a price may fill: none that the gate would not let through now, none whose last
fill is still on its way to the disk. What the broker makes of the price is written first and takes
effect afterwards.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.entries import (
    DESK,
    Draft,
    order_cancelled,
    order_expired,
)
from trading_dashboard.agents.risk_management.broker.broker import PaperBroker
from trading_dashboard.agents.risk_management.broker.tick import Tick
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.expiry import is_over
from trading_dashboard.agents.risk_management.live.valuation import ZERO, decimal_of
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.market import PriceResponse
from trading_dashboard.models.risk.account import JournalEntry, JournalKind, Order
from trading_dashboard.models.risk.gate import GateState

NOTHING_LEFT = "It only reduces, and the position is smaller than the order by now."


class Filling:
    """The broker at work on one account."""

    def __init__(
        self,
        account: LiveAccount,
        broker: PaperBroker,
        writer: AccountWriter,
        look: Callable[[], GateState],
        *,
        max_price_age_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it.

        Args:
            account: Whose orders.
            broker: What a price does to an order.
            writer: Where entries go.
            look: Says what may be traded at this moment.
            max_price_age_seconds: Of a price that may fill, in market time.
            monotonic: Seconds.
        """
        self.is_suspended = False
        """Nothing is filled: the account is being brought to another time."""
        self._account = account
        self._broker = broker
        self._writer = writer
        self._look = look
        self._max_age = max_price_age_seconds
        self._monotonic = monotonic
        self._busy: dict[str, asyncio.Future[list[JournalEntry]]] = {}
        self._moving: dict[str, Decimal] = {}

    def busy(self, order_id: str) -> asyncio.Future[list[JournalEntry]] | None:
        """Return what is on its way to the disk about an order."""
        return self._busy.get(order_id)

    def begin(self, order: Order, drafts: Sequence[Draft]) -> asyncio.Future[list[JournalEntry]]:
        """Have drafts about one order written; until then nothing else happens to it."""
        moved = sum((_filled(draft, order) for draft in drafts), ZERO)
        self._move(order.symbol, moved)

        def settle(_: list[JournalEntry] | None) -> None:
            del self._busy[order.id]
            self._move(order.symbol, -moved)

        future = self._writer.submit(drafts, settle)
        self._busy[order.id] = future
        return future

    def take_price(self, price: PriceResponse) -> None:
        """Let a price fill what it can."""
        symbol = price.symbol
        if self.is_suspended or symbol not in self._account.book.working:
            return
        if not self._account.is_market_open or (price.age_seconds or 0.0) > self._max_age:
            return
        waiting = [
            order
            for order in self._account.book.open_orders(symbol)
            if order.id not in self._busy and not self._is_ended(order)
        ]
        orders = self._allowed(waiting)
        if not orders:
            return
        drafts = self._broker.on_tick(orders, tick_of(price))
        for order in orders:
            own = [draft for draft in drafts if draft.data["order_id"] == order.id]
            if own:
                self.begin(order, own)

    def clock_moved(self) -> None:
        """End the day orders whose session is over."""
        state = self._account.clock.state
        if self.is_suspended or state is None:
            return
        for order in self._account.book.open_orders():
            info = self._account.listed.get(order.symbol)
            if order.id not in self._busy and is_over(order, state, info):
                self.begin(order, [order_expired(order.id, at=state.now)])

    # Private

    def _allowed(self, orders: list[Order]) -> list[Order]:
        """Return the orders that the gate would let through at this moment."""
        state = self._look() if orders else GateState.HALTED
        if state is GateState.HALTED:
            return []
        if state is GateState.ACTIVE:
            return orders
        increasing = set(self._account.exposure.increasing())
        return [order for order in orders if order.id not in increasing]

    def _is_ended(self, order: Order) -> bool:
        """Cancel an order that only reduces and has too little left to reduce."""
        if not order.reduce_only:
            return False
        held = self._account.book.quantity(order.symbol) + self._moving.get(order.symbol, ZERO)
        room = held if order.side == "sell" else -held
        if order.remaining <= room:
            return False
        at = self._account.as_of or order.updated_at
        self.begin(order, [order_cancelled(order.id, actor=DESK, reason=NOTHING_LEFT, at=at)])
        return True

    def _move(self, symbol: str, quantity: Decimal) -> None:
        moving = self._moving.get(symbol, ZERO) + quantity
        if moving:
            self._moving[symbol] = moving
        else:
            self._moving.pop(symbol, None)


def tick_of(price: PriceResponse) -> Tick:
    """Return a price as the broker takes it."""
    return Tick(
        symbol=price.symbol,
        at=price.timestamp,
        price=decimal_of(price.price),
        bid=None if price.bid is None else decimal_of(price.bid),
        ask=None if price.ask is None else decimal_of(price.ask),
        volume=decimal_of(price.volume),
        source=price.source,
    )


def _filled(draft: Draft, order: Order) -> Decimal:
    if draft.kind is not JournalKind.ORDER_FILLED:
        return ZERO
    quantity = Decimal(draft.data["quantity"])
    return quantity if order.side == "buy" else -quantity
