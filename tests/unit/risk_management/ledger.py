"""A journal in memory: drafts become entries and are played into a book."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.account.state import Change
from trading_dashboard.models.risk.account import JournalEntry, OrderTicket, Side

START = datetime(2003, 1, 2, 15, 0, tzinfo=UTC)
"""Market time of the first entry: a Thursday, the exchange is open."""
WALL = datetime(2026, 1, 1, tzinfo=UTC)


def ticket(
    symbol: str = "IBM", side: Side = "buy", quantity: str = "10", **more: Any
) -> OrderTicket:
    return OrderTicket.model_validate(
        {"symbol": symbol, "side": side, "quantity": quantity, **more}
    )


class Ledger:
    """An account that has cash, and market time that goes on by hand."""

    def __init__(self, cash: str = "100000") -> None:
        self.book = Book()
        self.entries: list[JournalEntry] = []
        self.now = START
        self._orders = 0
        self.add(entries.account_opened(Decimal(cash), actor="test", at=START))

    def add(self, draft: Draft) -> Change:
        """Number a draft and play it."""
        entry = JournalEntry(
            seq=self.book.seq + 1, kind=draft.kind, actor=draft.actor, reason=draft.reason,
            at=draft.at, recorded_at=WALL, data=draft.data,
        )  # fmt: skip
        change = self.book.apply(entry)
        self.entries.append(entry)
        return change

    def add_all(self, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            self.add(draft)

    def wait(self, **duration: float) -> datetime:
        """Let market time go on."""
        self.now += timedelta(**duration)
        return self.now

    def place(self, order: OrderTicket, order_id: str | None = None) -> str:
        """Place an order; return its id."""
        self._orders += 1
        name = order_id or f"o{self._orders}"
        self.add(entries.order_placed(name, order, actor="test", at=self.now))
        return name

    def fill(self, order_id: str, quantity: str, price: str, fee: str = "0") -> Change:
        """Fill a part of an order."""
        return self.add(
            entries.order_filled(
                order_id, quantity=Decimal(quantity), price=Decimal(price),
                market_price=Decimal(price), fee=Decimal(fee), source="demo", at=self.now,
            )
        )  # fmt: skip

    def trade(
        self, side: Side, quantity: str, price: str, symbol: str = "IBM", fee: str = "0"
    ) -> Change:
        """Place an order and fill it whole."""
        return self.fill(self.place(ticket(symbol, side, quantity)), quantity, price, fee)

    def balance(self) -> list[Decimal]:
        """Return what cash and holdings miss of what they must be, by average cost and by lots."""
        book = self.book
        earned = book.dividends - book.fees
        return [
            book.cash + book.cost - book.contributed - book.realised - earned,
            book.cash + book.cost_fifo - book.contributed_fifo - book.realised_fifo - earned,
        ]
