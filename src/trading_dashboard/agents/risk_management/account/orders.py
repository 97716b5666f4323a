"""What becomes of an order: placed, triggered, filled, ended, adjusted. Pure; orders never change.

Owns which change is allowed in which state.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from trading_dashboard.agents.risk_management.account.money import (
    CEILING,
    DOWN,
    FLOOR,
    HALF_EVEN,
    ZERO,
    average,
    scaled,
    step,
)
from trading_dashboard.models.risk.account import (
    FINAL,
    JournalEntry,
    Order,
    OrderStatus,
    OrderTicket,
    OrderType,
)
from trading_dashboard.models.risk.errors import InvalidOrder, OrderFinal

_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


def is_open(order: Order) -> bool:
    """Return whether it may still be filled."""
    return order.status not in FINAL


def made(entry: JournalEntry, status: OrderStatus) -> Order:
    """Return the order that an entry with a ticket makes.

    Raises:
        InvalidOrder: The ticket contradicts itself, or the entry lacks a market time.
    """
    fields = {name: entry.data.get(name) for name in OrderTicket.model_fields}
    try:
        ticket = OrderTicket.model_validate(fields)
    except ValidationError as error:
        raise InvalidOrder(
            f"Order {entry.data.get('order_id')} contradicts itself.",
            subject=str(entry.data.get("order_id")),
            observed="; ".join(found["msg"] for found in error.errors()),
            next_step="Correct the ticket.",
        ) from error
    if entry.at is None:
        raise InvalidOrder("An order needs a market time.", subject=entry.data["order_id"])
    return Order(
        id=entry.data["order_id"],
        **{name: getattr(ticket, name) for name in OrderTicket.model_fields},
        status=status,
        reason=entry.reason,
        actor=entry.actor,
        at=entry.at,
        updated_at=entry.at,
        recorded_at=entry.recorded_at,
    )


def ended(order: Order, entry: JournalEntry, status: OrderStatus) -> Order:
    """Return it cancelled, rejected or expired."""
    return _changed(order, entry, {"status": status, "reason": entry.reason})


def triggered(order: Order, entry: JournalEntry) -> Order:
    """Return it with its stop reached.

    Raises:
        InvalidOrder: It has none, or it was reached before.
    """
    check_open(order)
    if order.type not in _STOPS or order.triggered:
        raise InvalidOrder(
            f"Order {order.id} has no stop that could be reached.",
            subject=order.id,
            observed=f"{order.type.value}, triggered: {order.triggered}",
        )
    return _changed(order, entry, {"triggered": True})


def filled(
    order: Order, entry: JournalEntry, quantity: Decimal, price: Decimal, fee: Decimal
) -> Order:
    """Return it with one more execution.

    Raises:
        InvalidOrder: More than remains, a stop not reached, or a price worse than the limit.
    """
    _check_fill(order, quantity, price)
    total = order.filled_quantity + quantity
    mean = price
    if order.average_price is not None:
        mean = average(order.average_price, order.filled_quantity, price, quantity)
    is_whole = total == order.quantity
    return _changed(
        order,
        entry,
        {
            "status": OrderStatus.FILLED if is_whole else OrderStatus.PARTIALLY_FILLED,
            "filled_quantity": total,
            "average_price": mean,
            "fees": order.fees + fee,
        },
    )


def split(order: Order, entry: JournalEntry, ratio: Fraction) -> Order:
    """Return it in new units: quantities times the ratio, prices divided by it.

    Prices are rounded so that a limit is never worse than it was. What is left of nothing ends.
    """
    back = 1 / ratio
    rounding = FLOOR if order.side == "buy" else CEILING
    update: dict[str, Any] = {
        "quantity": scaled(order.quantity, ratio, DOWN),
        "filled_quantity": scaled(order.filled_quantity, ratio, DOWN),
        "limit_price": _priced(order.limit_price, back, rounding),
        "stop_price": _priced(order.stop_price, back, HALF_EVEN),
        "average_price": _priced(order.average_price, back, HALF_EVEN),
    }
    has_prices = all(
        update[name] for name in ("limit_price", "stop_price") if update[name] is not None
    )
    if update["filled_quantity"] >= update["quantity"] or not has_prices:
        return _changed(
            order,
            entry,
            {"status": OrderStatus.CANCELLED, "reason": "The split leaves nothing to trade."},
        )
    return _changed(order, entry, update)


def without_dividend(order: Order, entry: JournalEntry, per_unit: Decimal) -> Order:
    """Return it with the prices below the market reduced by a dividend, as exchanges do.

    Limits to buy and stops to sell (FINRA rule 5330); one not above the dividend stays.
    """
    is_reduced = order.side == "buy" and order.limit_price is not None
    names = ["limit_price"] if is_reduced and order.stop_price is None else []
    if order.side == "sell" and order.type in _STOPS and not order.triggered:
        names = ["stop_price", "limit_price"]
    prices = {name: getattr(order, name) for name in names if getattr(order, name) is not None}
    if not prices or min(prices.values()) <= per_unit:
        return order
    return _changed(
        order, entry, {name: step(price - per_unit, FLOOR) for name, price in prices.items()}
    )


def check_open(order: Order) -> None:
    """Raise `OrderFinal` if nothing can happen to it any more."""
    if not is_open(order):
        raise OrderFinal(
            f"Order {order.id} is {order.status.value} and stays so.",
            subject=order.id,
            observed=order.status.value,
            next_step="Place a new order.",
        )


def _check_fill(order: Order, quantity: Decimal, price: Decimal) -> None:
    check_open(order)
    trouble = None
    if not ZERO < quantity <= order.remaining or price <= 0:
        trouble = f"{quantity} at {price}, of {order.remaining} that remain"
    elif order.type in _STOPS and not order.triggered:
        trouble = "its stop was not reached"
    elif order.limit_price is not None:
        is_worse = price > order.limit_price if order.side == "buy" else price < order.limit_price
        trouble = f"{price} is worse than the limit {order.limit_price}" if is_worse else None
    if trouble:
        raise InvalidOrder(
            f"Order {order.id} cannot be filled so: {trouble}.",
            subject=order.id,
            observed=f"{quantity} at {price}",
        )


def _priced(price: Decimal | None, ratio: Fraction, rounding: str) -> Decimal | None:
    return None if price is None else scaled(price, ratio, rounding)


def _changed(order: Order, entry: JournalEntry, update: dict[str, Any]) -> Order:
    return order.model_copy(update={**update, "updated_at": entry.at or order.updated_at})
