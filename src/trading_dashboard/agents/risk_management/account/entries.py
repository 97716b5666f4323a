"""What is to be journalled of cash, holdings and orders: one builder for each kind of entry.

Owns what `data` of each holds; those of limits and the gate are theirs. A draft says what
happened, not what follows from it: profit, cost and balances are reckoned by the book, so that the
journal alone gives the account. Decimals are strings, times ISO 8601, ratios ``3/2``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from trading_dashboard.models.risk.account import JournalKind, OrderTicket

BROKER, GATE, ACTIONS, DESK = "broker", "gate", "corporate actions", "desk"
"""Actors that are no person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry of the journal that has no number yet.

    Attributes:
        kind: What happens.
        actor: Who does it.
        at: Market time; None where none is known, which is never so for orders and holdings.
        reason: In words, for people.
        data: By kind, JSON values only.
    """

    kind: JournalKind
    actor: str
    at: datetime | None
    reason: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def account_opened(
    cash: Decimal, *, actor: str, at: datetime | None, currency: str = "USD"
) -> Draft:
    """Return the first entry of an account."""
    data = {"cash": str(cash), "currency": currency}
    return Draft(kind=JournalKind.ACCOUNT_OPENED, actor=actor, at=at, data=data)


def cash_moved(amount: Decimal, *, actor: str, reason: str, at: datetime | None) -> Draft:
    """Return cash paid in (above zero) or taken out."""
    data = {"amount": str(amount)}
    return Draft(kind=JournalKind.CASH_MOVED, actor=actor, at=at, reason=reason, data=data)


def order_placed(order_id: str, ticket: OrderTicket, *, actor: str, at: datetime) -> Draft:
    """Return an order that begins to work."""
    data = {"order_id": order_id, **_ticket_data(ticket)}
    return Draft(kind=JournalKind.ORDER_PLACED, actor=actor, at=at, data=data)


def order_rejected(
    order_id: str,
    ticket: OrderTicket | None,
    *,
    actor: str,
    reason: str,
    at: datetime,
    codes: Sequence[str] = (),
) -> Draft:
    """Return an order that was never placed (with its ticket), or a working one refused later."""
    data: dict[str, Any] = {"order_id": order_id, **(_ticket_data(ticket) if ticket else {})}
    if codes:
        data["codes"] = list(codes)
    return Draft(kind=JournalKind.ORDER_REJECTED, actor=actor, at=at, reason=reason, data=data)


def order_triggered(order_id: str, price: Decimal, *, at: datetime) -> Draft:
    """Return a stop that was reached at a price."""
    data = {"order_id": order_id, "price": str(price)}
    return Draft(kind=JournalKind.ORDER_TRIGGERED, actor=BROKER, at=at, data=data)


def order_filled(
    order_id: str,
    *,
    quantity: Decimal,
    price: Decimal,
    market_price: Decimal,
    fee: Decimal,
    source: str,
    at: datetime,
    actor: str = BROKER,
) -> Draft:
    """Return an execution of a part or all of an order."""
    data = {
        "order_id": order_id,
        "quantity": str(quantity),
        "price": str(price),
        "market_price": str(market_price),
        "fee": str(fee),
        "source": source,
    }
    return Draft(kind=JournalKind.ORDER_FILLED, actor=actor, at=at, data=data)


def order_cancelled(order_id: str, *, actor: str, reason: str, at: datetime) -> Draft:
    """Return an order that stops working because somebody wants it so."""
    data = {"order_id": order_id}
    return Draft(kind=JournalKind.ORDER_CANCELLED, actor=actor, at=at, reason=reason, data=data)


def order_expired(order_id: str, *, at: datetime, reason: str = "The session has closed.") -> Draft:
    """Return a day order that outlived its session."""
    data = {"order_id": order_id}
    return Draft(kind=JournalKind.ORDER_EXPIRED, actor=BROKER, at=at, reason=reason, data=data)


def position_imported(
    symbol: str,
    quantity: Decimal,
    average_cost: Decimal,
    *,
    actor: str,
    at: datetime,
    opened_at: datetime | None = None,
    is_sample: bool = False,
    currency: str = "USD",
    reason: str | None = None,
    price: Decimal | None = None,
) -> Draft:
    """Return a holding that is from now on so; it takes the place of what was held of the symbol.

    No cash moves. `opened_at` is what the owner says; what happens to the symbol counts from `at`.
    The day's profit and the peak count what is brought in at `price`, the market's; at its cost
    where that is not known.
    """
    data: dict[str, Any] = {
        "symbol": symbol,
        "quantity": str(quantity),
        "average_cost": str(average_cost),
        "opened_at": (opened_at or at).isoformat(),
        "is_sample": is_sample,
        "currency": currency,
        **_at_price(price),
    }
    return Draft(kind=JournalKind.POSITION_IMPORTED, actor=actor, at=at, reason=reason, data=data)


def position_cleared(
    symbol: str, *, actor: str, reason: str, at: datetime, price: Decimal | None = None
) -> Draft:
    """Return a holding that leaves the account without a trade, at `price`. No cash moves."""
    data = {"symbol": symbol, **_at_price(price)}
    return Draft(kind=JournalKind.POSITION_CLEARED, actor=actor, at=at, reason=reason, data=data)


def split_applied(
    symbol: str,
    ex_date: date,
    ratio: Fraction,
    *,
    effective_at: datetime,
    source: str,
    at: datetime,
) -> Draft:
    """Return a split: `ratio` new units for each one held before `effective_at`."""
    data = {
        **_action_data(symbol, ex_date, effective_at, source),
        "ratio": f"{ratio.numerator}/{ratio.denominator}",
    }
    return Draft(kind=JournalKind.SPLIT_APPLIED, actor=ACTIONS, at=at, data=data)


def dividend_paid(
    symbol: str,
    ex_date: date,
    per_unit: Decimal,
    *,
    effective_at: datetime,
    source: str,
    at: datetime,
) -> Draft:
    """Return a dividend for each unit held before `effective_at`: paid long, charged short."""
    data = {**_action_data(symbol, ex_date, effective_at, source), "per_unit": str(per_unit)}
    return Draft(kind=JournalKind.DIVIDEND_PAID, actor=ACTIONS, at=at, data=data)


def day_started(
    session: date,
    equity: Decimal | None,
    *,
    at: datetime,
    prices: Mapping[str, Decimal] | None = None,
    peak_equity: Decimal | None = None,
) -> Draft:
    """Return the account's value as a session begins: what the day's profit counts from.

    Args:
        session: Date of the session that begins.
        equity: At the closes before it; None where not all could be priced.
        at: Market time.
        prices: The closes it was reckoned with.
        peak_equity: Sets the peak, instead of raising it to `equity`.
    """
    data: dict[str, Any] = {
        "session": session.isoformat(),
        "equity": None if equity is None else str(equity),
        "prices": {symbol: str(price) for symbol, price in (prices or {}).items()},
    }
    if peak_equity is not None:
        data["peak_equity"] = str(peak_equity)
    return Draft(kind=JournalKind.DAY_STARTED, actor=DESK, at=at, data=data)


def _at_price(price: Decimal | None) -> dict[str, str]:
    return {} if price is None else {"price": str(price)}


def _ticket_data(ticket: OrderTicket) -> dict[str, Any]:
    return {
        "symbol": ticket.symbol,
        "side": ticket.side,
        "type": ticket.type.value,
        "quantity": str(ticket.quantity),
        "limit_price": None if ticket.limit_price is None else str(ticket.limit_price),
        "stop_price": None if ticket.stop_price is None else str(ticket.stop_price),
        "time_in_force": ticket.time_in_force.value,
        "reduce_only": ticket.reduce_only,
        "client_order_id": ticket.client_order_id,
        "note": ticket.note,
    }


def _action_data(symbol: str, ex_date: date, effective_at: datetime, source: str) -> dict[str, str]:
    return {
        "symbol": symbol,
        "ex_date": ex_date.isoformat(),
        "effective_at": effective_at.isoformat(),
        "source": source,
    }
