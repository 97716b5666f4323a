"""What an order must satisfy: one function a rule, each with its numbers.

An order that reduces is let through by every rule but a halted gate's and those of its own ticket;
what would stop another is a warning to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, Protocol

from trading_dashboard.agents.risk_management.limits.defaults import CODES, NAMES, shown
from trading_dashboard.agents.risk_management.limits.exposure import Line, Totals
from trading_dashboard.agents.risk_management.limits.limits import LimitBook
from trading_dashboard.agents.risk_management.limits.measuring import (
    NO_EQUITY,
    NO_PRICES,
    Figure,
    figure_of,
    in_unit,
)
from trading_dashboard.agents.risk_management.limits.pace import Pace
from trading_dashboard.agents.risk_management.limits.view import AccountView, Quote
from trading_dashboard.models.risk.account import OrderTicket, Side
from trading_dashboard.models.risk.gate import (
    CheckCode,
    CheckFinding,
    GateState,
    Limit,
    LimitKind,
)

_SLACK = 1e-9
"""Rounding of sums is no breach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRules:
    """What else an order must satisfy.

    Attributes:
        max_price_distance: How far a limit price may lie on the wrong side of the market, a share
            of it; None for any.
        allows_borrowing: Cash may fall below zero.
    """

    max_price_distance: float | None = 0.2
    allows_borrowing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One order to be judged, with what it would make of the account.

    Attributes:
        ticket: The order.
        view: The account.
        gate: What may be traded.
        reduces: It brings the position nearer to zero and cannot turn it.
        quote: The newest price, if there is one.
        price: What a unit is reckoned at for cash: its limit or stop, else the market.
        before: The symbol's line.
        after: The line with this order open, too.
        totals: Of the account before and after; open orders count with their worst part.
        var: Likewise.
        fee: What the broker would take; 0 without a price.
        takes: Cash that a purchase takes at the worst; None without a price.
        monotonic: Now.
    """

    ticket: OrderTicket
    view: AccountView
    gate: GateState
    reduces: bool
    quote: Quote | None
    price: float | None
    before: Line
    after: Line
    totals: tuple[Totals | None, Totals | None]
    var: tuple[float | None, float | None]
    fee: float
    takes: float | None
    monotonic: float

    @property
    def notional(self) -> float | None:
        """Return what it is worth, at the price it is judged at."""
        return None if self.price is None else float(self.ticket.quantity) * self.price

    @property
    def severity(self) -> Literal["deny", "warn"]:
        """Return what becomes of an order that breaks a rule for those that increase."""
        return "warn" if self.reduces else "deny"


class Priced(Protocol):
    """What says at which prices it would trade: a ticket, or an order."""

    @property
    def symbol(self) -> str: ...  # noqa: D102
    @property
    def side(self) -> Side: ...  # noqa: D102
    @property
    def limit_price(self) -> Decimal | None: ...  # noqa: D102
    @property
    def stop_price(self) -> Decimal | None: ...  # noqa: D102


def reckoned_price(order: Priced, market: float | None) -> float | None:
    """Return the price an order is judged at, and reserved for; None if there is none.

    A limit is the worst it may get. A stop is filled at the market once that is beyond it, which it
    may be already.
    """
    if order.limit_price is not None:
        return float(order.limit_price)
    if order.stop_price is None:
        return market
    stop = float(order.stop_price)
    if market is None:
        return stop
    return max(stop, market) if order.side == "buy" else min(stop, market)


def cash_taken(order: Priced, quantity: Decimal, price: float, view: AccountView) -> float:
    """Return the cash that buying so much takes at the worst, in currency; NaN without a price.

    Args:
        order: What is bought. A limit is never exceeded, all else bears slippage.
        quantity: So many units.
        price: That of `reckoned_price`.
        view: Knows what the broker asks for.
    """
    paid = price if order.limit_price is not None else view.most_paid(order.symbol, price)
    return float(quantity) * paid + view.fee(order.symbol, quantity, paid)


def case_of(ticket: OrderTicket, view: AccountView, gate: GateState, monotonic: float) -> Case:
    """Return an order with what it would make of the account."""
    quote = view.quote(ticket.symbol)
    line = view.exposure.line(ticket.symbol)
    before = line if quote is None else replace(line, price=quote.price)
    market = None if quote is None else quote.price
    price = reckoned_price(ticket, market)
    after = before.with_order(ticket.side, ticket.quantity)
    exposure, symbol = view.exposure, ticket.symbol
    return Case(
        ticket=ticket,
        view=view,
        gate=gate,
        reduces=line.reduces(ticket.side, ticket.quantity),
        quote=quote,
        price=price,
        before=before,
        after=after,
        totals=(exposure.worst(), exposure.worst_with(symbol, after)),
        var=(exposure.worst_var(), exposure.worst_var_with(symbol, after)),
        fee=0.0 if price is None else view.fee(symbol, ticket.quantity, price),
        takes=None if price is None else cash_taken(ticket, ticket.quantity, price, view),
        monotonic=monotonic,
    )


def gate_rule(case: Case) -> Iterator[CheckFinding]:
    """Nothing in HALTED, only what reduces in REDUCING."""
    if case.gate is GateState.HALTED:
        text = "The gate is halted: no order is accepted, only cancels."
        yield _finding(CheckCode.GATE_HALTED, "deny", text)
    elif case.gate is GateState.REDUCING and not case.reduces:
        text = f"The gate lets through only what reduces. {_held(case)}"
        yield _finding(CheckCode.GATE_REDUCING, "deny", text)


def ticket_rule(case: Case) -> Iterator[CheckFinding]:
    """What the ticket says of itself."""
    if case.ticket.reduce_only and not case.reduces:
        text = f"The order may only reduce, and would not. {_held(case)}"
        yield _finding(CheckCode.NOT_REDUCING, "deny", text)


def price_rule(case: Case) -> Iterator[CheckFinding]:
    """A known symbol with a fresh price near to which the order is."""
    ticket, quote = case.ticket, case.quote
    if not case.view.knows(ticket.symbol):
        text = f"Market data does not serve {ticket.symbol}."
        yield _finding(CheckCode.UNKNOWN_SYMBOL, case.severity, text)
    elif quote is None:
        text = f"No price of {ticket.symbol} has come yet."
        yield _finding(CheckCode.NO_PRICE, case.severity, text)
    elif quote.is_stale:
        text = f"The newest price of {ticket.symbol} is {quote.age_seconds:.0f} s old."
        yield _finding(CheckCode.STALE_PRICE, case.severity, text)
    if case.view.is_market_open is False:
        text = "The market is closed; the order waits for it to open."
        yield _finding(CheckCode.MARKET_CLOSED, "warn", text)


def distance_rule(case: Case, allowed: float | None) -> Iterator[CheckFinding]:
    """No limit price so far on the wrong side that it must be a slip."""
    ticket, quote = case.ticket, case.quote
    if allowed is None or quote is None or ticket.limit_price is None:
        return
    limit = float(ticket.limit_price)
    distance = limit / quote.price - 1 if ticket.side == "buy" else 1 - limit / quote.price
    if distance > allowed:
        yield CheckFinding(
            code=CheckCode.PRICE_TOO_FAR,
            severity=case.severity,
            message=f"The limit price is {distance * 100:.1f} % worse than the market's "
            f"{quote.price:,.2f}; {allowed * 100:g} % are allowed.",
            limit=allowed,
            after=distance,
            unit="fraction",
        )


def cash_rule(case: Case, *, allows_borrowing: bool) -> Iterator[CheckFinding]:
    """What is bought can be paid, with open buys, slippage and the fee."""
    takes = case.takes
    if allows_borrowing or takes is None or case.ticket.side == "sell":
        return
    before = case.view.cash - case.view.exposure.buying
    after = round(before - takes, 6)  # cents in cash, floats in what is held back
    if math.isnan(after):
        yield CheckFinding(
            code=CheckCode.INSUFFICIENT_CASH,
            severity=case.severity,
            message="What open buys will take is not known before their prices are.",
            limit=0.0,
        )
    elif after < 0:
        yield CheckFinding(
            code=CheckCode.INSUFFICIENT_CASH,
            severity=case.severity,
            message=f"It takes up to {takes:,.2f} with slippage and fee; {before:,.2f} of cash is "
            "free.",
            limit=0.0,
            before=before,
            after=after,
            unit="currency",
        )


def limit_rules(case: Case, limits: LimitBook, pace: Pace) -> Iterator[CheckFinding]:
    """Every limit, with what it bounds before and after the order."""
    for kind in LimitKind:
        limit = limits.find(kind, case.ticket.symbol)
        if limit is None or (limit.soft is None and limit.hard is None):
            continue
        pair = _pair(limit, case, pace)
        yield from _judge(limit, case, *(in_unit(figure, limit, case.view) for figure in pair))


def _pair(limit: Limit, case: Case, pace: Pace) -> tuple[Figure, Figure]:
    """Return what a limit bounds, before and after."""
    kind, view = limit.kind, case.view
    if kind is LimitKind.ORDERS_PER_MINUTE:
        count = float(pace.count(case.monotonic))
        return Figure(count), Figure(count + 1)
    if kind is LimitKind.ORDER_VOLUME:
        return Figure(0.0), _share_of_volume(case)
    if kind is LimitKind.VAR:
        why = "" if None not in case.var else _why_no_var(case)
        return Figure(case.var[0], why), Figure(case.var[1], why)
    if kind is LimitKind.SYMBOL:
        return _line_value(case.before), _line_value(case.after)
    if kind in (LimitKind.DRAWDOWN, LimitKind.DAILY_LOSS):
        now = figure_of(limit, view, pace, case.monotonic, ())
        return now, now
    return _of_totals(kind, case.totals[0]), _of_totals(kind, case.totals[1])


def _judge(limit: Limit, case: Case, before: Figure, after: Figure) -> Iterator[CheckFinding]:
    value, hard, soft = after.value, limit.hard, limit.soft
    name = NAMES[limit.kind]
    bound: float | None
    if value is None:
        if hard is None:
            return
        # What cannot be told is as good as breached: nobody knows that it is not.
        text, bound, severity = f"{name} cannot be told: {after.why}.", hard, case.severity
    elif hard is not None and value > hard * (1 + _SLACK) and _worsens(limit, before, after):
        text = f"{name} would be {_told(value, limit)}; {shown(hard, limit.unit)} are allowed."
        bound, severity = hard, case.severity
    elif soft is not None and value > soft * (1 + _SLACK):
        text = f"{name} would be {_told(value, limit)}, above the warning at "
        text, bound, severity = text + f"{shown(soft, limit.unit)}.", soft, "warn"
    else:
        return
    yield CheckFinding(
        code=CODES[limit.kind],
        severity=severity,
        message=text,
        limit=bound,
        before=_finite(before.value),
        after=_finite(value),
        unit=limit.unit,
    )


def _worsens(limit: Limit, before: Figure, after: Figure) -> bool:
    """Return whether an order takes what is breached further; a loss bars all that increases."""
    if limit.kind in (LimitKind.DRAWDOWN, LimitKind.DAILY_LOSS) or after.value is None:
        return True
    return before.value is None or after.value > before.value * (1 + _SLACK)


def _of_totals(kind: LimitKind, totals: Totals | None) -> Figure:
    if totals is None:
        return Figure(None, NO_PRICES)
    if kind is LimitKind.GROSS:
        return Figure(totals.gross)
    if kind is LimitKind.NET:
        return Figure(abs(totals.net))
    return Figure(totals.largest / totals.gross if totals.gross else 0.0)


def _line_value(line: Line) -> Figure:
    value = abs(line.worst)
    return Figure(None, NO_PRICES) if math.isnan(value) else Figure(value)


def _share_of_volume(case: Case) -> Figure:
    volume = case.view.average_volume(case.ticket.symbol)
    if not volume:
        return Figure(None, f"the volume of {case.ticket.symbol} is not known")
    return Figure(float(case.ticket.quantity) / volume)


def _why_no_var(case: Case) -> str:
    symbol = case.ticket.symbol
    why = case.view.exposure.why_no_var()
    if "in common" in why:
        why = f"the holdings and {symbol} have too few days of history in common"
    return why


def _held(case: Case) -> str:
    """Say what is held and what is already on its way out."""
    ticket, line = case.ticket, case.before
    pending = line.sells if ticket.side == "sell" else line.buys
    verb = "selling" if ticket.side == "sell" else "buying"
    return (
        f"Held: {_number(line.quantity)} {ticket.symbol}; open orders are {verb} "
        f"{_number(pending)}, this one {_number(ticket.quantity)}."
    )


def _number(value: object) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


def _told(value: float, limit: Limit) -> str:
    return shown(value, limit.unit) if math.isfinite(value) else f"beyond measure ({NO_EQUITY})"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _finding(code: CheckCode, severity: Literal["deny", "warn"], message: str) -> CheckFinding:
    return CheckFinding(code=code, severity=severity, message=message)
