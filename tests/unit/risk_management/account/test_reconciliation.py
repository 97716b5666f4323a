"""Cash and holdings reconcile to the cent over random lives of an account."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.risk_management.ledger import WALL, Ledger, ticket
from tests.unit.risk_management.random_account import Accountant, RandomLife, audit
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft, order_filled
from trading_dashboard.agents.risk_management.account.holdings import Holding
from trading_dashboard.models.risk.account import JournalEntry


def played(book: Book, drafts: Sequence[Draft], accountant: Accountant) -> list[JournalEntry]:
    entries = []
    for draft in drafts:
        entry = JournalEntry(
            seq=book.seq + 1, kind=draft.kind, actor=draft.actor, reason=draft.reason,
            at=draft.at, recorded_at=WALL, data=draft.data,
        )  # fmt: skip
        book.apply(entry)
        accountant.read(entry)
        entries.append(entry)
    return entries


def live(seed: int, moments: int) -> tuple[Book, Accountant, list[JournalEntry]]:
    book, accountant, life = Book(), Accountant(), RandomLife(seed)
    entries = played(book, life.opened(), accountant)
    for _ in range(moments):
        entries += played(book, life.next(book), accountant)
    return book, accountant, entries


@given(seed=st.integers(0, 2**32), moments=st.integers(1, 250))
@settings(max_examples=60)
def test_any_life_reconciles_to_the_cent(seed: int, moments: int) -> None:
    book, accountant, entries = live(seed, moments)

    assert audit(book, accountant) == []
    again = Book()
    again.play(entries)
    assert again == book == Book.restore(book.snapshot())


@given(
    fills=st.lists(
        st.tuples(
            st.sampled_from(["buy", "sell"]),
            st.decimals("0.00000001", 1_000_000, places=8),
            st.decimals("0.00000001", 1_000_000, places=8),
            st.decimals(0, 100, places=2),
        ),
        max_size=30,
    )
)
@settings(max_examples=150)
def test_any_fills_reconcile_to_the_cent(
    fills: list[tuple[str, Decimal, Decimal, Decimal]],
) -> None:
    ledger, accountant = Ledger(), Accountant()
    for side, quantity, price, fee in fills:
        name = ledger.place(ticket(side="buy" if side == "buy" else "sell", quantity=str(quantity)))
        ledger.add(
            order_filled(
                name, quantity=quantity, price=price, market_price=price, fee=fee, source="demo",
                at=ledger.now,
            )
        )  # fmt: skip
    for entry in ledger.entries:
        accountant.read(entry)

    assert audit(ledger.book, accountant) == []


def test_a_long_life_has_all_that_can_happen() -> None:
    """What is drawn above is worth something: every kind of event is in it, and many fills."""
    book, accountant, entries = live(seed=4, moments=3_000)

    kinds = {entry.kind.value for entry in entries}
    assert kinds >= {
        "account_opened", "cash_moved", "order_placed", "order_triggered", "order_filled",
        "order_cancelled", "order_expired", "position_imported", "position_cleared",
        "split_applied", "dividend_paid", "day_started",
    }  # fmt: skip
    assert sum(entry.kind == "order_filled" for entry in entries) > 700
    assert audit(book, accountant) == []


def test_a_cent_that_goes_astray_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: an account that keeps the remainder of a division is caught."""
    honest = Holding._close

    def careless(self: Holding, quantity: Decimal, money: Decimal) -> object:
        realised = honest(self, quantity, money)
        if self.quantity:
            self.cost += Decimal("0.01")
        return realised

    monkeypatch.setattr(Holding, "_close", careless)
    book, accountant, _ = live(seed=4, moments=300)

    assert "cash and costs are not what came in and was earned" in audit(book, accountant)


def test_cash_that_goes_astray_is_found() -> None:
    book, accountant, _ = live(seed=4, moments=100)
    book.cash += Decimal("0.01")

    assert [finding.split()[0] for finding in audit(book, accountant)] == ["cash", "cash", "cash"]
