"""The book: entries in their order, once, whole or not at all; the same ones, the same book."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest

from tests.unit.risk_management.ledger import START, Ledger, ticket
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.actions import due, split_ratio
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.models.market import CorporateAction
from trading_dashboard.models.risk.account import JournalKind
from trading_dashboard.models.risk.errors import InvalidOrder

D = Decimal
EX = date(2003, 2, 18)
SPLIT = CorporateAction(symbol="MSFT", ex_date=EX, kind="split", ratio=2.0, source="demo")
DIVIDEND = CorporateAction(symbol="MSFT", ex_date=EX, kind="dividend", amount=0.08, source="demo")


def lived_in() -> Ledger:
    """Return an account to which all kinds of things have happened."""
    ledger = Ledger()
    ledger.add(entries.cash_moved(D("250.5"), actor="test", reason="more", at=ledger.now))
    imported = entries.position_imported(
        "MSFT", D(100), D("53.12"), actor="import", at=ledger.now, is_sample=True
    )
    ledger.add(imported)
    ledger.add(
        entries.day_started(START.date(), D("105000"), at=ledger.now, prices={"MSFT": D(53)})
    )
    ledger.trade("buy", "30", "80.11", fee="1")
    ledger.trade("sell", "45", "81.97", fee="1")
    name = ledger.place(ticket("GOOG", "sell", "5", type="stop", stop_price="500"))
    ledger.add(entries.order_triggered(name, D(499), at=ledger.now))
    ledger.place(ticket("MSFT", type="limit", limit_price="50", client_order_id="c"))
    rejected = entries.order_rejected("r", ticket(), actor="desk", reason="no", at=ledger.now)
    ledger.add(rejected)
    ledger.wait(days=60)
    ledger.add_all(due(ledger.book, [DIVIDEND, SPLIT], at=ledger.now))
    ledger.add(entries.position_cleared("IBM", actor="test", reason="clear", at=ledger.now))
    return ledger


def test_the_same_entries_give_an_equal_book() -> None:
    ledger = lived_in()
    again = Book()
    again.play(ledger.entries)

    assert again == ledger.book
    assert ledger.balance() == [0, 0]


def test_one_changed_entry_gives_another_book() -> None:
    """The control of the test above."""
    ledger = lived_in()
    places = [n for n, e in enumerate(ledger.entries) if e.kind is JournalKind.ORDER_FILLED]
    tampered = list(ledger.entries)
    entry = tampered[places[0]]
    tampered[places[0]] = entry.model_copy(update={"data": {**entry.data, "price": "80.12"}})
    again = Book()
    again.play(tampered)

    assert again != ledger.book


def test_a_snapshot_is_json_and_restores_an_equal_book() -> None:
    ledger = lived_in()
    state = orjson.loads(orjson.dumps(ledger.book.snapshot()))
    restored = Book.restore(state)

    assert restored == ledger.book
    restored.positions["MSFT"].lots[0].cost += 1
    assert restored != ledger.book
    with pytest.raises(ValueError, match="format 99"):
        Book.restore({**state, "format": 99})


def test_a_book_that_was_restored_goes_on_alike() -> None:
    ledger = lived_in()
    restored = Book.restore(ledger.book.snapshot())
    ledger.trade("sell", "500", "30", "MSFT")

    restored.play(ledger.entries[restored.seq :])

    assert restored == ledger.book


def test_every_kind_of_entry_is_played() -> None:
    kinds = {entry.kind for entry in lived_in().entries}
    others = {
        JournalKind.ORDER_CANCELLED, JournalKind.ORDER_EXPIRED, JournalKind.GATE_REOPENED,
        JournalKind.GATE_CAUSE_ENDED, JournalKind.KILL_SWITCH, JournalKind.GATE_CLOSED,
        JournalKind.LIMIT_CHANGED,
    }  # fmt: skip
    assert kinds | others == set(JournalKind)


def test_an_entry_out_of_its_order_is_refused() -> None:
    ledger = lived_in()
    for entry in (ledger.entries[-1], ledger.entries[0]):
        with pytest.raises(InvalidOrder, match="cannot follow"):
            ledger.book.apply(entry)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", "NaN"), ("price", "Infinity"), ("quantity", "ten"), ("fee", None),
        ("market_price", "NaN"), ("fee", "NaN"), ("fee", "0.001"), ("quantity", "0.000000001"),
        ("price", "80.123456789"), ("order_id", None), ("source", ...), ("at", None),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_understood_changes_nothing(name: str, value: Any) -> None:
    ledger = lived_in()
    order = ledger.place(ticket())
    draft = entries.order_filled(
        order,
        quantity=D(1),
        price=D(80),
        market_price=D(80),
        fee=D(1),
        source="demo",
        at=ledger.now,
    )
    data = {key: kept for key, kept in {**draft.data, name: value}.items() if kept is not ...}
    broken = replace(draft, at=None) if name == "at" else replace(draft, data=data)
    before = ledger.book.snapshot()

    with pytest.raises(Exception, match=r"understood|no order"):
        ledger.add(broken)

    assert ledger.book.snapshot() == before
    ledger.add(draft)


@pytest.mark.parametrize("symbol", ["", "A B", "X" * 33, 7, None])
def test_an_import_of_no_symbol_changes_nothing(symbol: Any) -> None:
    ledger = lived_in()
    draft = entries.position_imported("IBM", D(1), D(80), actor="import", at=ledger.now)
    before = ledger.book.snapshot()
    with pytest.raises(InvalidOrder, match="understood"):
        ledger.add(replace(draft, data={**draft.data, "symbol": symbol}))
    assert ledger.book.snapshot() == before


def test_an_account_is_opened_once() -> None:
    ledger = Ledger()
    with pytest.raises(InvalidOrder, match="opened before"):
        ledger.add(entries.account_opened(D(1), actor="test", at=START))


def test_an_import_takes_the_place_of_what_was_held() -> None:
    ledger = Ledger()
    ledger.trade("buy", "10", "80")
    for _ in range(2):
        ledger.add(
            entries.position_imported(
                "IBM", D(-7), D("82.5"), actor="import", at=ledger.now,
                opened_at=START - timedelta(days=900),
            )
        )  # fmt: skip
        holding = ledger.book.positions["IBM"]
        assert (holding.quantity, holding.cost, len(holding.lots)) == (D(-7), D("-577.50"), 1)
        assert holding.lots[0].opened_at == START - timedelta(days=900)
        assert ledger.balance() == [0, 0]
    assert ledger.book.cash == D(100000) - 800


def test_a_holding_that_is_flat_keeps_its_profit() -> None:
    ledger = Ledger()
    ledger.trade("buy", "10", "80")
    ledger.trade("sell", "10", "90")
    assert ledger.book.positions == {}
    assert ledger.book.closed["IBM"].realised == D(100)

    ledger.trade("buy", "1", "90")

    assert ledger.book.positions["IBM"].realised == D(100)
    assert ledger.book.closed == {}


class TestActions:
    def test_a_split_and_a_dividend_of_one_day(self) -> None:
        ledger = Ledger()
        ledger.trade("buy", "100", "50", "MSFT")
        ledger.wait(days=60)

        ledger.add_all(due(ledger.book, [DIVIDEND, SPLIT, SPLIT], at=ledger.now))

        # The dividend is per share as of that day: paid on 200.
        assert ledger.book.quantity("MSFT") == D(200)
        assert ledger.book.dividends == D(16)
        assert ledger.book.cash == D(100000) - 5000 + 16
        assert ledger.balance() == [0, 0]

    def test_a_short_is_charged(self) -> None:
        ledger = Ledger()
        ledger.trade("sell", "100", "50", "MSFT")
        ledger.wait(days=60)
        ledger.add_all(due(ledger.book, [DIVIDEND], at=ledger.now))

        assert ledger.book.dividends == ledger.book.positions["MSFT"].dividends == D(-8)

    def test_each_is_applied_once(self) -> None:
        ledger = Ledger()
        ledger.trade("buy", "100", "50", "MSFT")
        ledger.wait(days=60)
        drafts = due(ledger.book, [DIVIDEND, SPLIT], at=ledger.now)
        ledger.add_all(drafts)
        ledger.trade("buy", "1", "25", "MSFT")

        assert due(ledger.book, [DIVIDEND, SPLIT], at=ledger.now) == []
        for draft in drafts:
            with pytest.raises(InvalidOrder, match="applied before"):
                ledger.add(draft)
        assert ledger.book.quantity("MSFT") == D(201)

    def test_without_the_record_of_it_it_would_come_again(self) -> None:
        """The control: what holds the second one back is what the book remembers."""
        ledger = Ledger()
        ledger.trade("buy", "100", "50", "MSFT")
        ledger.wait(days=60)
        drafts = due(ledger.book, [SPLIT], at=ledger.now)
        ledger.add_all(drafts)
        ledger.book.actions.clear()
        ledger.add_all(drafts)

        assert ledger.book.quantity("MSFT") == D(400)

    def test_none_before_its_time_and_none_about_what_came_later(self) -> None:
        ledger = Ledger()
        ledger.trade("buy", "100", "50", "MSFT")
        assert due(ledger.book, [DIVIDEND, SPLIT], at=ledger.now) == []

        ledger = Ledger()
        ledger.wait(days=60)
        ledger.trade("buy", "100", "25", "MSFT")
        ledger.place(ticket("MSFT", type="limit", limit_price="20"))
        assert due(ledger.book, [DIVIDEND, SPLIT], at=ledger.now) == []

    def test_one_known_late_passes_over_what_was_bought_since(self) -> None:
        ledger = Ledger()
        ledger.trade("buy", "100", "50", "MSFT")
        ledger.wait(days=60)
        ledger.trade("buy", "10", "25", "MSFT")

        ledger.add_all(due(ledger.book, [SPLIT], at=ledger.now))

        assert ledger.book.quantity("MSFT") == D(210)

    def test_set_back_in_time_it_comes_again_for_what_was_bought_there(self) -> None:
        ledger = Ledger()
        ledger.trade("buy", "100", "50", "MSFT")
        ledger.wait(days=60)
        ledger.add_all(due(ledger.book, [SPLIT], at=ledger.now))
        ledger.wait(days=-59)
        ledger.trade("buy", "10", "50", "MSFT")
        ledger.wait(days=60)

        ledger.add_all(due(ledger.book, [SPLIT], at=ledger.now))

        assert ledger.book.quantity("MSFT") == D(220)
        assert due(ledger.book, [SPLIT], at=ledger.now) == []

    @pytest.mark.parametrize(
        ("told", "ratio"),
        [
            (2.0, Fraction(2)),
            (1.5, Fraction(3, 2)),
            (0.333333, Fraction(1, 3)),
            (0.1, Fraction(1, 10)),
        ],
    )
    def test_a_ratio_is_the_fraction_meant(self, told: float, ratio: Fraction) -> None:
        assert split_ratio(told) == ratio


class TestDay:
    def test_what_is_brought_in_is_no_profit(self) -> None:
        ledger = Ledger()
        ledger.add(entries.day_started(START.date(), D(100000), at=START))
        ledger.add(entries.cash_moved(D(500), actor="test", reason="in", at=START))
        ledger.add(entries.position_imported("IBM", D(10), D(80), actor="import", at=START))
        ledger.trade("buy", "1", "80", "IBM", fee="1")

        day = ledger.book.day
        assert day is not None
        assert (day.equity, day.flows, ledger.book.peak_equity) == (D(100000), D(1300), D(101300))

    def test_the_peak_rises_and_can_be_set(self) -> None:
        ledger = Ledger()
        for equity, peak in (("100", "100"), ("120", "120"), ("90", "120")):
            ledger.add(entries.day_started(START.date(), D(equity), at=START))
            assert ledger.book.peak_equity == D(peak)
        ledger.add(entries.day_started(START.date(), None, at=START, peak_equity=D(95)))
        assert ledger.book.peak_equity == D(95)


@pytest.mark.parametrize(
    "kind",
    [
        JournalKind.LIMIT_CHANGED, JournalKind.GATE_CLOSED, JournalKind.GATE_CAUSE_ENDED,
        JournalKind.GATE_REOPENED, JournalKind.KILL_SWITCH,
    ],
)  # fmt: skip
def test_entries_of_limits_and_the_gate_change_nothing_here(kind: JournalKind) -> None:
    ledger = lived_in()
    before = replace(ledger.book, seq=ledger.book.seq + 1)
    ledger.add(Draft(kind=kind, actor="gate", at=None, data={"kind": "any", "subject": "thing"}))
    assert ledger.book == before
