"""What each kind of journal entry does to the book.

Owns one function for each kind. Each looks first and changes afterwards, so that an entry that
contradicts the account leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from trading_dashboard.agents.risk_management.account import orders as order_life
from trading_dashboard.agents.risk_management.account.holdings import Holding, Lot, Realised
from trading_dashboard.agents.risk_management.account.money import CONTEXT, ZERO, cents, worth
from trading_dashboard.agents.risk_management.account.state import ActionKey, Change, Day
from trading_dashboard.models.risk.account import (
    CENT,
    STEP,
    Fill,
    JournalEntry,
    JournalKind,
    Order,
    OrderStatus,
    Symbol,
)
from trading_dashboard.models.risk.errors import DuplicateOrder, InvalidOrder

if TYPE_CHECKING:
    from trading_dashboard.agents.risk_management.account.book import Book

KEPT_FINAL_ORDERS = 1_000
"""Orders that have ended stay in memory so many more."""
_SYMBOL: TypeAdapter[str] = TypeAdapter(Symbol)


# The account


def _open(book: Book, entry: JournalEntry, _: Change) -> None:
    if book.is_opened:
        raise InvalidOrder("The account was opened before.", observed=f"entry {book.seq}")
    cash, currency = _money(entry, "cash"), str(entry.data["currency"])
    book.is_opened, book.currency = True, currency
    book.cash += cash
    _contribute(book, cash, cash)


def _move_cash(book: Book, entry: JournalEntry, _: Change) -> None:
    amount = _money(entry, "amount")
    book.cash += amount
    _contribute(book, amount, amount)


def _start_day(book: Book, entry: JournalEntry, _: Change) -> None:
    data = entry.data
    equity = None if data["equity"] is None else cents(_decimal(entry, "equity"))
    prices = {symbol: Decimal(price) for symbol, price in data["prices"].items()}
    peak = cents(_decimal(entry, "peak_equity")) if "peak_equity" in data else None
    if peak is None:
        peak = max(
            (known for known in (book.peak_equity, equity) if known is not None), default=None
        )
    book.day = Day(date.fromisoformat(data["session"]), equity, ZERO, prices)
    book.peak_equity = peak


# Orders


def _place(book: Book, entry: JournalEntry, change: Change) -> None:
    _add_order(book, order_life.made(entry, OrderStatus.WORKING), entry.seq, change)


def _reject(book: Book, entry: JournalEntry, change: Change) -> None:
    if "symbol" in entry.data:
        _add_order(book, order_life.made(entry, OrderStatus.REJECTED), entry.seq, change)
    else:
        _end(book, entry, change, OrderStatus.REJECTED)


def _trigger(book: Book, entry: JournalEntry, change: Change) -> None:
    order = book.order(entry.data["order_id"])
    _put_order(book, order_life.triggered(order, entry), change)


def _cancel(book: Book, entry: JournalEntry, change: Change) -> None:
    _end(book, entry, change, OrderStatus.CANCELLED)


def _expire(book: Book, entry: JournalEntry, change: Change) -> None:
    _end(book, entry, change, OrderStatus.EXPIRED)


def _fill(book: Book, entry: JournalEntry, change: Change) -> None:
    quantity, price = _steps(entry, "quantity"), _steps(entry, "price")
    market_price, fee = _steps(entry, "market_price"), _money(entry, "fee")
    source, at = str(entry.data["source"]), _time_of(entry)
    order = book.order(entry.data["order_id"])
    signed = quantity if order.side == "buy" else -quantity
    _check_reducing(book, order, signed)
    after = order_life.filled(order, entry, quantity, price, fee)
    holding = _holding(book, order.symbol)
    paid = worth(signed, price)
    realised = holding.trade(signed, paid, entry.seq, at)
    book.cash -= paid + fee
    book.fees += fee
    _realise(book, realised)
    _put_holding(book, holding, change)
    _put_order(book, after, change)
    change.fills.append(
        Fill(
            id=f"f{entry.seq}", order_id=order.id, symbol=order.symbol, side=order.side,
            quantity=quantity, price=price, market_price=market_price, fee=fee,
            realised=realised.average, realised_fifo=realised.fifo, at=at,
            recorded_at=entry.recorded_at, source=source,
        )
    )  # fmt: skip


# Holdings


def _import(book: Book, entry: JournalEntry, change: Change) -> None:
    data = entry.data
    quantity, at = _steps(entry, "quantity"), _time_of(entry)
    opened_at, currency = datetime.fromisoformat(data["opened_at"]), str(data["currency"])
    cost = worth(quantity, _decimal(entry, "average_cost"))
    holding = _holding(book, _SYMBOL.validate_python(data["symbol"]))
    lot = Lot(entry.seq, opened_at, at, quantity, cost) if quantity else None
    value = _value_moved(entry, quantity - holding.quantity)
    _contribute(book, *holding.replace(quantity, cost, lot), value)
    _price_at_start(book, entry, holding)
    holding.is_sample, holding.currency = bool(data["is_sample"]), currency
    _put_holding(book, holding, change)


def _clear(book: Book, entry: JournalEntry, change: Change) -> None:
    holding = _holding(book, entry.data["symbol"])
    value = _value_moved(entry, -holding.quantity)
    _contribute(book, *holding.replace(ZERO, ZERO, None), value)
    _put_holding(book, holding, change)


def _split(book: Book, entry: JournalEntry, change: Change) -> None:
    key, before, after_seq = _action(book, entry, "split")
    ratio = Fraction(entry.data["ratio"])
    if ratio <= 0:
        raise InvalidOrder("A split needs a ratio above zero.", observed=str(ratio))
    orders = book.orders_before(key[0], before, after_seq)
    changed = [order_life.split(order, entry, ratio) for order in orders]
    holding = _holding(book, key[0])
    _realise(book, holding.split(ratio, before, after_seq))
    _put_holding(book, holding, change)
    for order in changed:
        _put_order(book, order, change)
    book.actions[key] = entry.seq


def _pay_dividend(book: Book, entry: JournalEntry, change: Change) -> None:
    key, before, after_seq = _action(book, entry, "dividend")
    per_unit = _decimal(entry, "per_unit")
    orders = book.orders_before(key[0], before, after_seq)
    changed = [order_life.without_dividend(order, entry, per_unit) for order in orders]
    holding = _holding(book, key[0])
    paid = worth(holding.entitled(before, after_seq), per_unit)
    holding.dividends += paid
    book.cash += paid
    book.dividends += paid
    _put_holding(book, holding, change)
    for order in changed:
        _put_order(book, order, change)
    book.actions[key] = entry.seq


# Limits and the gate: theirs who own them and read their own entries back


def _leave(_book: Book, _entry: JournalEntry, _: Change) -> None:
    """Change nothing: it is no part of cash, holdings or orders."""


# Parts of those


def _decimal(entry: JournalEntry, name: str) -> Decimal:
    value = Decimal(entry.data[name])
    if not value.is_finite():
        raise ValueError(f"{name} is {value}")
    return value


def _money(entry: JournalEntry, name: str) -> Decimal:
    """Return an amount, in cents; finer ones are refused: rounding is for others to decide."""
    return _exact(_decimal(entry, name), name, CENT)


def _steps(entry: JournalEntry, name: str) -> Decimal:
    """Return a price or quantity as it was told; finer ones than are kept are refused."""
    value = _decimal(entry, name)
    _exact(value, name, STEP)
    return value


def _exact(value: Decimal, name: str, unit: Decimal) -> Decimal:
    exact = value.quantize(unit, context=CONTEXT)
    if exact != value:
        raise ValueError(f"{name} is {value}, finer than {unit}")
    return exact


def _time_of(entry: JournalEntry) -> datetime:
    if entry.at is None:
        raise ValueError("it needs a market time")
    return entry.at


def _contribute(
    book: Book, amount: Decimal, amount_fifo: Decimal, value: Decimal | None = None
) -> None:
    """Count what comes in or goes out; `value` is what it is worth, where that is not `amount`."""
    book.contributed += amount
    book.contributed_fifo += amount_fifo
    moved = amount if value is None else value
    if book.day is not None:
        book.day.flows += moved
    if book.peak_equity is not None:
        book.peak_equity += moved


def _value_moved(entry: JournalEntry, quantity: Decimal) -> Decimal | None:
    """Return what comes in, at the price its entry tells; None where it tells none."""
    return worth(quantity, _decimal(entry, "price")) if "price" in entry.data else None


def _price_at_start(book: Book, entry: JournalEntry, holding: Holding) -> None:
    """Let a holding's change of the day count from the price it came in at."""
    if book.day is not None and "price" in entry.data:
        book.day.prices[holding.symbol] = _decimal(entry, "price")


def _realise(book: Book, realised: Realised) -> None:
    book.realised += realised.average
    book.realised_fifo += realised.fifo


def _holding(book: Book, symbol: str) -> Holding:
    return book.positions.get(symbol) or book.closed.get(symbol) or Holding(symbol, book.currency)


def _put_holding(book: Book, holding: Holding, change: Change) -> None:
    symbol = holding.symbol
    if holding.quantity:
        book.closed.pop(symbol, None)
        book.positions[symbol] = holding
    else:
        book.positions.pop(symbol, None)
        holding.is_sample = False
        book.closed[symbol] = holding
    change.symbols.add(symbol)


def _check_reducing(book: Book, order: Order, signed: Decimal) -> None:
    held = book.quantity(order.symbol)
    if order.reduce_only and not (held * signed < 0 and abs(signed) <= abs(held)):
        raise InvalidOrder(
            f"Order {order.id} only reduces; this fill would open or turn the position.",
            subject=order.id,
            observed=f"{signed} with {held} held",
        )


def _add_order(book: Book, order: Order, seq: int, change: Change) -> None:
    if order.id in book.orders or order.client_order_id in book.client_ids:
        raise DuplicateOrder(
            f"Order {order.client_order_id or order.id} was placed before.",
            subject=order.id,
            observed=book.client_ids.get(order.client_order_id or ""),
            next_step="Use another id for another order.",
        )
    book.orders[order.id] = order
    book.order_seqs[order.id] = seq
    change.orders[order.id] = order, seq
    if not order_life.is_open(order):
        _forget_oldest(book, order)
        return
    book.working.setdefault(order.symbol, []).append(order.id)
    if order.client_order_id:
        book.client_ids[order.client_order_id] = order.id


def _end(book: Book, entry: JournalEntry, change: Change, status: OrderStatus) -> None:
    order = book.order(entry.data["order_id"])
    order_life.check_open(order)
    _put_order(book, order_life.ended(order, entry, status), change)


def _put_order(book: Book, order: Order, change: Change) -> None:
    """Take a later state of an open order."""
    book.orders[order.id] = order
    change.orders[order.id] = order, book.order_seqs[order.id]
    if order_life.is_open(order):
        return
    working = book.working[order.symbol]
    working.remove(order.id)
    if not working:
        del book.working[order.symbol]
    _forget_oldest(book, order)


def _forget_oldest(book: Book, ended: Order) -> None:
    book.ended.append(ended.id)
    if len(book.ended) <= KEPT_FINAL_ORDERS:
        return
    oldest = book.orders.pop(book.ended.popleft())
    del book.order_seqs[oldest.id]
    if oldest.client_order_id and book.client_ids.get(oldest.client_order_id) == oldest.id:
        del book.client_ids[oldest.client_order_id]


def _action(book: Book, entry: JournalEntry, kind: str) -> tuple[ActionKey, datetime, int]:
    """Return an action's key, the time before which, and the entry after which it counts.

    Raises:
        InvalidOrder: It was applied before, and nothing came in since that it is about.
    """
    data: dict[str, Any] = entry.data
    key = (data["symbol"], kind, data["ex_date"])
    before = datetime.fromisoformat(data["effective_at"])
    after_seq = book.actions.get(key, 0)
    if after_seq and not book.is_due(key, before):
        raise InvalidOrder(
            f"The {kind} of {key[0]} on {key[2]} was applied before.",
            subject=key[0],
            observed=f"entry {after_seq}",
        )
    return key, before, after_seq


PLAYERS: dict[JournalKind, Callable[[Book, JournalEntry, Change], None]] = {
    JournalKind.ACCOUNT_OPENED: _open,
    JournalKind.CASH_MOVED: _move_cash,
    JournalKind.ORDER_PLACED: _place,
    JournalKind.ORDER_REJECTED: _reject,
    JournalKind.ORDER_TRIGGERED: _trigger,
    JournalKind.ORDER_FILLED: _fill,
    JournalKind.ORDER_CANCELLED: _cancel,
    JournalKind.ORDER_EXPIRED: _expire,
    JournalKind.POSITION_IMPORTED: _import,
    JournalKind.POSITION_CLEARED: _clear,
    JournalKind.SPLIT_APPLIED: _split,
    JournalKind.DIVIDEND_PAID: _pay_dividend,
    JournalKind.LIMIT_CHANGED: _leave,
    JournalKind.GATE_CLOSED: _leave,
    JournalKind.GATE_CAUSE_ENDED: _leave,
    JournalKind.GATE_REOPENED: _leave,
    JournalKind.KILL_SWITCH: _leave,
    JournalKind.DAY_STARTED: _start_day,
}
"""How each kind of entry is played."""
