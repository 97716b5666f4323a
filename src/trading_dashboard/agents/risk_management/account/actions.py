"""Corporate actions that are due: splits and dividends not applied yet to what is held or ordered.

Owns which, and in which order. That each is applied once is the book's: it refuses a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from fractions import Fraction

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import (
    Draft,
    dividend_paid,
    split_applied,
)
from trading_dashboard.agents.risk_management.account.money import from_float
from trading_dashboard.models.market import CorporateAction

LARGEST_TERM = 10_000
"""Splits are fractions with smaller terms; a feed tells them as floats."""


def midnight(_: str, ex_date: date) -> datetime:
    """Return the first instant of a date in UTC: before the open of most exchanges."""
    return datetime.combine(ex_date, time.min, UTC)


def due(
    book: Book,
    actions: Iterable[CorporateAction],
    *,
    at: datetime,
    opens: Callable[[str, date], datetime] = midnight,
) -> list[Draft]:
    """Return what is to be journalled for actions that are effective at a market time.

    Actions not yet effective, about nothing that is held or ordered, or applied before give
    nothing. They follow each other by date; on one date splits come first, since a dividend is
    told per share as of its ex-date.

    Args:
        book: The account.
        actions: In any order, the same one more than once, too.
        at: Market time.
        opens: When a symbol's session of a date opens: what came in before it is entitled.
    """
    drafts: dict[tuple[str, str, str], Draft] = {}
    for action in sorted(actions, key=lambda one: (one.ex_date, one.kind == "dividend")):
        effective_at = opens(action.symbol, action.ex_date)
        key = (action.symbol, action.kind, action.ex_date.isoformat())
        if effective_at > at or key in drafts or not book.is_due(key, effective_at):
            continue
        draft = _draft(action, effective_at, at)
        if draft is not None:
            drafts[key] = draft
    return list(drafts.values())


def split_ratio(value: float) -> Fraction:
    """Return the fraction a feed's float stands for, such as 2, 3/2 or 1/10."""
    return Fraction(value).limit_denominator(LARGEST_TERM)


def _draft(action: CorporateAction, effective_at: datetime, at: datetime) -> Draft | None:
    if action.kind == "split" and action.ratio and split_ratio(action.ratio) > 0:
        return split_applied(
            action.symbol, action.ex_date, split_ratio(action.ratio),
            effective_at=effective_at, source=action.source, at=at,
        )  # fmt: skip
    if action.kind == "dividend" and action.amount and action.amount > 0:
        return dividend_paid(
            action.symbol, action.ex_date, from_float(action.amount),
            effective_at=effective_at, source=action.source, at=at,
        )  # fmt: skip
    return None
