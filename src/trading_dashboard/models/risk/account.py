"""The paper account as it travels: cash, positions, orders, fills, the journal.

Money and quantities are decimals, written as strings in JSON so that no reader rounds them. Amounts
of money are whole cents; prices and quantities have up to eight decimals. Quantities of positions
are signed, short below zero; those of orders and fills are above zero, `side` says the direction.
Times named `at` are market time, those named `recorded_at` are the wall clock's; both aware UTC.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from trading_dashboard.models.market import Labelled, Wire

CENT = Decimal("0.01")
"""Amounts of money are rounded to it, half to even."""
STEP = Decimal("0.00000001")
"""The smallest part of a price or a quantity."""

MAX_QUANTITY = Decimal(1_000_000_000)
MAX_PRICE = Decimal(1_000_000_000)

Quantity = Annotated[Decimal, Field(gt=0, le=MAX_QUANTITY, decimal_places=8, allow_inf_nan=False)]
Price = Annotated[Decimal, Field(gt=0, le=MAX_PRICE, decimal_places=8, allow_inf_nan=False)]
Symbol = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f]{1,32}$")]
Text = Annotated[str, Field(max_length=500)]

Side = Literal["buy", "sell"]


class OrderType(StrEnum):
    """How an order becomes a fill."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "day"
    """Until its exchange's next close."""
    GTC = "gtc"


class OrderStatus(StrEnum):
    """Where an order stands. The last four are final."""

    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


FINAL = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
)


class OrderTicket(Wire):
    """What is to be traded: the body of ``POST /orders`` and of ``POST /check``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: Symbol
    side: Side
    quantity: Quantity
    type: OrderType = OrderType.MARKET
    limit_price: Price | None = None
    stop_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    reduce_only: bool = False
    """Never let it open or turn a position; what would is refused."""
    client_order_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """The same id again is the same order: sent twice, it is placed once."""
    note: Text | None = None

    @model_validator(mode="after")
    def _check_prices(self) -> OrderTicket:
        has_limit = self.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        has_stop = self.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        for name, wanted in (("limit_price", has_limit), ("stop_price", has_stop)):
            if (getattr(self, name) is not None) != wanted:
                verb = "needs" if wanted else "takes no"
                raise ValueError(f"a {self.type.value} order {verb} {name}")
        return self


class Order(Wire):
    """One order of the account."""

    id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    reduce_only: bool = False
    client_order_id: str | None = None
    note: str | None = None
    status: OrderStatus
    triggered: bool = False
    """A stop has been reached."""
    filled_quantity: Decimal = Decimal(0)
    average_price: Decimal | None = None
    """Of its fills, weighted by quantity."""
    fees: Decimal = Decimal(0)
    reason: str | None = None
    """Why it was rejected, cancelled or expired."""
    actor: str
    """Who placed it."""
    at: datetime
    updated_at: datetime
    recorded_at: datetime

    @property
    def remaining(self) -> Decimal:
        """Return the quantity not filled yet."""
        return self.quantity - self.filled_quantity


class Fill(Wire):
    """One execution of a part or all of an order."""

    id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    """Paid or received, slippage included, fee not."""
    market_price: Decimal
    """The tick it was filled from, before slippage."""
    fee: Decimal
    realised: Decimal
    """Profit made with it by average cost, before the fee."""
    realised_fifo: Decimal
    at: datetime
    recorded_at: datetime
    source: str
    """Whose prices filled it."""


class Lot(Wire):
    """What is left of one opening fill, first in first out."""

    opened_at: datetime
    quantity: Decimal
    price: Decimal


class Position(Wire):
    """One holding, valued at the newest price."""

    symbol: str
    quantity: Decimal
    average_cost: Decimal
    """Per unit, fees not included."""
    lots: list[Lot] = Field(default_factory=list)
    realised: Decimal = Decimal(0)
    realised_fifo: Decimal = Decimal(0)
    price: Decimal | None = None
    """None where none is known; then the values are None, too."""
    price_at: datetime | None = None
    price_age_seconds: float | None = None
    """In market time."""
    is_stale: bool = False
    market_value: Decimal | None = None
    unrealised: Decimal | None = None
    day_change: Decimal | None = None
    """Since the session's start, or since it was opened if that was later; trades included."""
    weight: float | None = None
    """Of equity."""
    currency: str = "USD"
    is_sample: bool = False


class AccountSummary(Labelled):
    """The account as a whole, as of `as_of`."""

    as_of: datetime | None
    """The market clock."""
    currency: str = "USD"
    cash: Decimal
    market_value: Decimal | None
    """None while a holding has no price: a part is not told as the whole."""
    equity: Decimal | None
    realised: Decimal
    realised_fifo: Decimal
    unrealised: Decimal | None
    fees: Decimal
    day_pnl: Decimal | None = None
    """Since the last session's close."""
    peak_equity: Decimal | None = None
    drawdown: float | None = None
    gross: Decimal | None = None
    net: Decimal | None = None
    long: Decimal | None = None
    short: Decimal | None = None
    unpriced: list[str] = Field(default_factory=list)
    stale: list[str] = Field(default_factory=list)
    is_sample: bool = False
    """The account holds the sample portfolio of the demo."""
    open_orders: int = 0
    seq: int = 0
    """The journal's newest entry this was made from."""


class PositionsResponse(AccountSummary):
    """``GET /positions``."""

    positions: list[Position]


class Marked(Labelled):
    """An answer that holds no price itself, and still says whose market it is about."""

    source: str = "unknown"
    as_of: datetime | None = None
    """The market clock."""


class OrdersResponse(Marked):
    """``GET /orders``: newest first."""

    orders: list[Order]
    total: int
    next_before: str | None = None
    """Pass it as `before` for older ones. None on the last page."""


class FillsResponse(Marked):
    """``GET /fills``: newest first."""

    fills: list[Fill]
    total: int
    next_before: str | None = None


class JournalKind(StrEnum):
    """What an entry of the journal did."""

    ACCOUNT_OPENED = "account_opened"
    CASH_MOVED = "cash_moved"
    ORDER_PLACED = "order_placed"
    ORDER_REJECTED = "order_rejected"
    ORDER_TRIGGERED = "order_triggered"
    ORDER_FILLED = "order_filled"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_EXPIRED = "order_expired"
    POSITION_IMPORTED = "position_imported"
    POSITION_CLEARED = "position_cleared"
    SPLIT_APPLIED = "split_applied"
    DIVIDEND_PAID = "dividend_paid"
    LIMIT_CHANGED = "limit_changed"
    GATE_CLOSED = "gate_closed"
    GATE_CAUSE_ENDED = "gate_cause_ended"
    GATE_REOPENED = "gate_reopened"
    KILL_SWITCH = "kill_switch"
    DAY_STARTED = "day_started"


class JournalEntry(Wire):
    """One change, in the order it was made durable. Playing all gives the state."""

    seq: int
    kind: JournalKind
    actor: str
    """Who: a person's role and address, ``broker``, ``gate``, ``import`` and so on."""
    reason: str | None = None
    at: datetime | None = None
    recorded_at: datetime
    data: dict[str, Any]
    """What the change is, by kind; decimals as strings."""


class JournalResponse(Marked):
    """``GET /journal``: newest first."""

    entries: list[JournalEntry]
    next_before: int | None = None


class CashMove(Wire):
    """Body of ``POST /cash``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Annotated[Decimal, Field(decimal_places=2, ge=-MAX_PRICE, le=MAX_PRICE)]
    """Above zero paid in, below zero taken out."""
    reason: Text = Field(min_length=1)


class ImportProblem(Wire):
    """What is wrong with one row of an import."""

    row: int
    """1-based, the heading not counted; 0 for the heading or the whole file."""
    column: str | None
    observed: str
    problem: str
    next_step: str


class ImportReport(Wire):
    """``POST /positions/import``: what an import did, or would do."""

    dry_run: bool
    rows: int
    accepted: int
    """All of them or none."""
    problems: list[ImportProblem]
    positions: list[Position]
    """What the account would hold of the rows' symbols."""
    seq: int | None = None
