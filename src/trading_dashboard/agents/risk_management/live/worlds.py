"""Which market an account lives in, and what becomes of it when market time is another one.

An account lives in the time of its market. A replay that is set back, or another one, begins
another run: the account begins anew in the same journal. An account of a real market is never
begun anew by itself; in a replay it stands still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import (
    DESK,
    Draft,
    cash_moved,
    day_started,
    order_cancelled,
    position_cleared,
)
from trading_dashboard.agents.risk_management.live.market import Label
from trading_dashboard.models.risk.account import JournalEntry, JournalKind

KEY = "market"
"""Under which an entry's data says in which market it was made."""
TELLING = (JournalKind.DAY_STARTED, JournalKind.ACCOUNT_OPENED)
"""The kinds of entries that say it."""
NEW_RUN = "Another run of the replay has begun."


@dataclass(frozen=True, slots=True)
class World:
    """A market and its time."""

    source: str
    replay: bool

    @classmethod
    def of(cls, label: Label) -> World:
        """Return the world market data is in."""
        return cls(label.source, label.replay)

    def told(self, draft: Draft) -> Draft:
        """Return a draft that says so."""
        return replace(draft, data={**draft.data, KEY: self.body()})

    def body(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"source": self.source, "replay": self.replay}


class Verdict(Enum):
    """What becomes of an account when market data says who it is."""

    GO_ON = "go_on"
    BEGIN_ANEW = "begin_anew"
    STAND_STILL = "stand_still"


def newest_world(entries: Iterable[JournalEntry]) -> World | None:
    """Return the world of the newest entry that says it; None if none does."""
    for entry in sorted(entries, key=lambda one: -one.seq):
        told = entry.data.get(KEY)
        if isinstance(told, dict):
            return World(str(told.get("source")), bool(told.get("replay")))
    return None


def judge(known: World | None, now: World, newest_at: datetime | None, at: datetime) -> Verdict:
    """Return what becomes of an account.

    Args:
        known: Its world; None of a new one.
        now: Market data's.
        newest_at: Market time of the newest thing the account has done.
        at: The market clock.
    """
    if known is None or (not known.replay and not now.replay):
        return Verdict.GO_ON
    if not known.replay:
        return Verdict.STAND_STILL
    is_set_back = newest_at is not None and at < newest_at
    return Verdict.BEGIN_ANEW if is_set_back or known != now else Verdict.GO_ON


def begun_anew(
    book: Book, world: World, *, opening_cash: Decimal, session: date | None, at: datetime
) -> list[Draft]:
    """Return what makes an account as it was at its opening, in one transaction.

    Profit, fees and dividends stay those of all runs; equity and the peak begin anew.
    """
    drafts = [
        order_cancelled(order.id, actor=DESK, reason=NEW_RUN, at=at) for order in book.open_orders()
    ]
    drafts += [
        position_cleared(symbol, actor=DESK, reason=NEW_RUN, at=at) for symbol in book.positions
    ]
    if book.cash != opening_cash:
        amount = opening_cash - book.cash
        drafts.append(cash_moved(amount, actor=DESK, reason=NEW_RUN, at=at))
    start = day_started(session or at.date(), opening_cash, at=at, peak_equity=opening_cash)
    return [*drafts, world.told(start)]
