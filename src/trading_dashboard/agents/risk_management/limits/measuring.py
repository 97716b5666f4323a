"""What each limit bounds, measured: one figure a kind, in currency or as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from trading_dashboard.agents.risk_management.limits.pace import Pace
from trading_dashboard.agents.risk_management.limits.view import AccountView
from trading_dashboard.models.risk.gate import Limit, LimitKind

NO_PRICES = "a holding has no price"
NO_EQUITY = "equity is not known"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value.

    Attributes:
        value: None where it cannot be told; infinite where equity is used up.
        why: Then: because of what.
        symbol: Whose it is, if it is one symbol's.
    """

    value: float | None
    why: str = ""
    symbol: str = ""


def figure_of(
    limit: Limit, view: AccountView, pace: Pace, monotonic: float, own: Collection[str]
) -> Figure:
    """Return what a limit bounds, of what is held: in currency, else in the limit's unit.

    Args:
        limit: Which.
        view: The account.
        pace: Orders of the last minute.
        monotonic: Now.
        own: Symbols that have a limit of their own, so that the one for all is not theirs.
    """
    if limit.kind is LimitKind.ORDERS_PER_MINUTE:
        return Figure(float(pace.count(monotonic)))
    if limit.kind is LimitKind.SYMBOL:
        return _symbol(limit.subject, view, own)
    return _MEASURES[limit.kind](view)


def in_unit(figure: Figure, limit: Limit, view: AccountView) -> Figure:
    """Return the figure in the limit's unit: a share of equity where it is one."""
    if limit.unit != "fraction_of_equity" or figure.value is None:
        return figure
    equity = view.equity
    if equity is None:
        return Figure(None, NO_EQUITY, figure.symbol)
    if limit.kind is LimitKind.DAILY_LOSS:
        equity -= view.day_pnl or 0.0  # of what the day began with
    return Figure(share(figure.value, equity), figure.why, figure.symbol)


def share(value: float, equity: float) -> float:
    """Return a value as a share of equity; nothing is no share even where there is no equity."""
    if equity > 0:
        return value / equity
    return math.inf if value > 0 else 0.0


def _symbol(subject: str, view: AccountView, own: Collection[str]) -> Figure:
    if subject != "*":
        value = abs(view.exposure.line(subject).value)
        return Figure(None if math.isnan(value) else value, NO_PRICES, subject)
    totals = view.exposure.held()
    if totals is None:
        return Figure(None, NO_PRICES)
    if totals.symbol not in own:
        return Figure(totals.largest, symbol=totals.symbol)
    largest, symbol = view.exposure.largest_but(own)
    return Figure(largest, symbol=symbol)


def _gross(view: AccountView) -> Figure:
    totals = view.exposure.held()
    return Figure(None, NO_PRICES) if totals is None else Figure(totals.gross)


def _net(view: AccountView) -> Figure:
    totals = view.exposure.held()
    return Figure(None, NO_PRICES) if totals is None else Figure(abs(totals.net))


def _concentration(view: AccountView) -> Figure:
    totals = view.exposure.held()
    if totals is None:
        return Figure(None, NO_PRICES)
    return Figure(totals.largest / totals.gross if totals.gross else 0.0, symbol=totals.symbol)


def _var(view: AccountView) -> Figure:
    value = view.exposure.held_var()
    return Figure(value, view.exposure.why_no_var() if value is None else "")


def _drawdown(view: AccountView) -> Figure:
    return Figure(view.drawdown, "the peak of equity is not known")


def _daily_loss(view: AccountView) -> Figure:
    pnl = view.day_pnl
    return Figure(None, "the day's profit is not known") if pnl is None else Figure(max(0.0, -pnl))


def _order_volume(view: AccountView) -> Figure:
    """The largest of the open orders."""
    largest, symbol = 0.0, ""
    for order in view.exposure.orders.values():
        volume = view.average_volume(order.symbol)
        if not volume:
            return Figure(None, f"the volume of {order.symbol} is not known", order.symbol)
        if float(order.remaining) / volume > largest:
            largest, symbol = float(order.remaining) / volume, order.symbol
    return Figure(largest, symbol=symbol)


_MEASURES: dict[LimitKind, Callable[[AccountView], Figure]] = {
    LimitKind.GROSS: _gross,
    LimitKind.NET: _net,
    LimitKind.CONCENTRATION: _concentration,
    LimitKind.VAR: _var,
    LimitKind.DRAWDOWN: _drawdown,
    LimitKind.DAILY_LOSS: _daily_loss,
    LimitKind.ORDER_VOLUME: _order_volume,
}
