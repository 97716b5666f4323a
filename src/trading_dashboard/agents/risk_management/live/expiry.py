"""When day orders end: at their exchange's close, in market time.

A replay goes on with the next open at once, so a close may be seen only by the session after it.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from trading_dashboard.models.market import ClockState, MarketPhase, SymbolInfo
from trading_dashboard.models.risk.account import Order, TimeInForce


def is_over(order: Order, clock: ClockState, info: SymbolInfo | None) -> bool:
    """Return whether a day order's session has ended.

    Args:
        order: That works.
        clock: As last said.
        info: Of the order's symbol. One on another calendar than the clock's has days that begin
            at midnight of its time zone.
    """
    if order.time_in_force is not TimeInForce.DAY:
        return False
    if info is not None and info.calendar != clock.calendar:
        return _day(order.at, info.time_zone) < _day(clock.now, info.time_zone)
    if clock.session is None:
        return False
    is_early, placed = _placed_in(order, clock)
    if clock.market is MarketPhase.CLOSED:
        return not is_early and placed <= clock.session
    # One placed after a close works in the next session, which is the one now if it is open.
    return clock.session > placed and not (is_early and _is_first_after(placed, clock))


def _placed_in(order: Order, clock: ClockState) -> tuple[bool, date]:
    """Return whether an order was placed after its day's close, and its day."""
    zone = ZoneInfo(clock.time_zone)
    placed = order.at.astimezone(zone)
    close = None if clock.next_close is None else clock.next_close.astimezone(zone).timetz()
    return close is not None and placed.timetz() >= close, placed.date()


def _is_first_after(placed: date, clock: ClockState) -> bool:
    """Return whether the session in progress is the first after a day, weekends left out."""
    assert clock.session is not None  # noqa: S101 - the caller looked
    days = (clock.session - placed).days
    return days <= 1 or (placed.weekday() >= 4 and days <= 3)


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
