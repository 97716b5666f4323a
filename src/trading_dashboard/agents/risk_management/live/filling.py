"""Paper orders filled from the live stream, and ended at their exchange's close.

Owns which orders a price may fill: none that the gate would not let through now, none whose last
fill is still on its way to the disk. What the broker makes of the price is written first and takes
effect afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.broker.broker import PaperBroker
from trading_dashboard.agents.risk_management.broker.ticks import TickReader
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.valuation import ZERO
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.market import ClockState, MarketPhase, PriceResponse
from trading_dashboard.models.risk.account import JournalEntry, JournalKind, Order, TimeInForce
from trading_dashboard.models.risk.gate import GateState


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
    ) -> None:
        """Make it.

        Args:
            account: Whose orders.
            broker: What a price does to an order.
            writer: Where entries go.
            look: Says what may be traded at this moment.
            max_price_age_seconds: Of a price that may fill, in market time.
        """
        self.is_suspended = False
        """Nothing is filled: the account is being brought to another time."""
        self.closes: dict[str, datetime] = {}
        """The newest close of each calendar before now."""
        self._account = account
        self._broker = broker
        self._writer = writer
        self._look = look
        self._max_age = max_price_age_seconds
        self._reader = TickReader()
        self._busy: dict[str, asyncio.Future[list[JournalEntry]]] = {}
        self._moving: dict[str, Decimal] = {}
        self._clock: ClockState | None = None

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

    def market_began(self, symbol: str | None = None) -> None:
        """Forget what was traded before, of one symbol or all: ticks were missed, or all is new."""
        self._reader.forget(symbol)
        if symbol is None:
            self._clock = None

    def take_price(self, price: PriceResponse) -> None:
        """Let a price fill what it can."""
        symbol = price.symbol
        is_open = self._is_open(symbol)
        tick = self._reader.read(
            price,
            is_open=is_open,
            is_stale=(price.age_seconds or 0.0) > self._max_age,
            last_close_at=self._last_close(symbol),
        )
        if self.is_suspended or symbol not in self._account.book.working:
            return
        orders = [
            order for order in self._account.book.open_orders(symbol) if order.id not in self._busy
        ]
        if not orders:
            return
        state = self._look()
        if state is GateState.HALTED:
            return
        position = self._account.book.quantity(symbol) + self._moving.get(symbol, ZERO)
        drafts = self._broker.on_tick(
            orders, tick, position, reducing_only=state is not GateState.ACTIVE
        )
        self._begin_all(orders, drafts)

    def clock_moved(self) -> None:
        """End the day orders of the clock's calendar when it closes."""
        state, before = self._account.clock.state, self._clock
        self._clock = state
        if state is None or before is None or before.next_close is None:
            return
        is_other = state.session != before.session or state.market is MarketPhase.CLOSED
        was_open = before.market is MarketPhase.OPEN and before.next_close <= state.now
        if was_open and is_other:
            self.closed(state.calendar, before.next_close)

    def closed(self, calendar: str, at: datetime) -> None:
        """Take a calendar's newest close; day orders placed before it end."""
        known = self.closes.get(calendar)
        self.closes[calendar] = at if known is None else max(known, at)
        if self.is_suspended:
            return
        orders = [
            order
            for order in self._account.book.open_orders()
            if order.id not in self._busy and self._calendar(order.symbol) == calendar
        ]
        self._begin_all(orders, self._broker.on_close(orders, at))

    @property
    def calendars(self) -> dict[str, str]:
        """Return the calendars of day orders that work, each with one of their symbols."""
        return {
            calendar: order.symbol
            for order in self._account.book.open_orders()
            if order.time_in_force is TimeInForce.DAY
            and (calendar := self._calendar(order.symbol)) is not None
        }

    # Private

    def _begin_all(self, orders: Sequence[Order], drafts: Sequence[Draft]) -> None:
        for order in orders:
            own = [draft for draft in drafts if draft.data["order_id"] == order.id]
            if own:
                self.begin(order, own)

    def _is_open(self, symbol: str) -> bool:
        """Return whether a symbol trades: by the clock, if it is on its calendar."""
        state = self._account.clock.state
        if state is not None and self._calendar(symbol) not in (None, state.calendar):
            return True  # its prices come only while it trades, and old ones are stale
        return bool(self._account.is_market_open)

    def _last_close(self, symbol: str) -> datetime | None:
        calendar = self._calendar(symbol)
        return None if calendar is None else self.closes.get(calendar)

    def _calendar(self, symbol: str) -> str | None:
        info = self._account.listed.get(symbol)
        return None if info is None else info.calendar

    def _move(self, symbol: str, quantity: Decimal) -> None:
        moving = self._moving.get(symbol, ZERO) + quantity
        if moving:
            self._moving[symbol] = moving
        else:
            self._moving.pop(symbol, None)


def _filled(draft: Draft, order: Order) -> Decimal:
    if draft.kind is not JournalKind.ORDER_FILLED:
        return ZERO
    quantity = Decimal(draft.data["quantity"])
    return quantity if order.side == "buy" else -quantity
