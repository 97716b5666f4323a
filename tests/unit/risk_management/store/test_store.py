"""The store as its callers see it: all or none, what is read is what was written, one writer."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.risk_management.ledger import START, ticket
from tests.unit.risk_management.store.conftest import Opener
from trading_dashboard.agents.risk_management.account import entries, playing
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.store import recovery
from trading_dashboard.agents.risk_management.store.sqlite import _raw
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.account import JournalKind, OrderStatus
from trading_dashboard.models.risk.errors import (
    AccountStoreError,
    DuplicateOrder,
    InvalidOrder,
    OrderFinal,
    UnknownOrder,
)

D = Decimal
Live = Callable[[AccountStore, int], Book]


def opening() -> Draft:
    return entries.account_opened(D(100000), actor="test", at=START)


def placed(name: str, client_order_id: str | None = None) -> Draft:
    order = ticket(client_order_id=client_order_id)
    return entries.order_placed(name, order, actor="test", at=START)


def filled(name: str, quantity: str = "10", price: str = "80.12345678") -> Draft:
    return entries.order_filled(
        name, quantity=D(quantity), price=D(price), market_price=D(price), fee=D("1.25"),
        source="demo", at=START + timedelta(microseconds=1),
    )  # fmt: skip


def test_a_new_store_is_empty_and_private(opened: Opener, tmp_path: Path) -> None:
    store = opened()
    assert (store.seq, store.load(), store.check()) == (0, Book(), [])
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "account.db").stat().st_mode) == 0o600


def test_what_is_opened_again_is_equal(opened: Opener, live: Live) -> None:
    store = opened()
    book = live(store, 400)
    assert store.load() == book
    assert store.check() == []
    store.close()

    store = opened()

    assert store.load() == book
    assert store.seq == book.seq
    assert store.check() == []


def test_so_is_what_was_not_closed_in_order(opened: Opener, live: Live, tmp_path: Path) -> None:
    """Without the snapshot that closing writes, and with one on the way."""
    store = opened()
    book = live(store, 100)
    store._database.close()
    assert opened().load() == book


def test_a_snapshot_saves_playing_all(
    opened: Opener, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "SNAPSHOT_EVERY", 50)
    store = opened()
    book = live(store, 300)
    store._database.close()
    plays = []
    monkeypatch.setattr(Book, "play", lambda self, some: plays.extend(some))
    with pytest.raises(AccountStoreError, match="damaged"):
        opened()  # what came after the snapshot was not played
    monkeypatch.undo()

    store = opened()
    assert 0 < len(plays) < 60
    assert store.load() == book
    assert store.check() == []


def test_what_is_loaded_is_the_callers_own(opened: Opener) -> None:
    store = opened()
    store.append([opening()])
    mine = store.load()
    mine.cash += 1
    assert store.load().cash == D(100000)


def test_entries_come_back_as_they_are_kept(opened: Opener) -> None:
    store = opened()
    entries_made = store.append([opening(), placed("a"), filled("a", "4")])
    assert [entry.seq for entry in entries_made] == [1, 2, 3]
    assert store.journal().entries == entries_made[::-1]


class TestAllOrNone:
    def test_a_batch_the_account_refuses_leaves_nothing(self, opened: Opener) -> None:
        store = opened()
        store.append([opening(), placed("a"), filled("a")])
        book, total = store.load(), store.orders().total
        with pytest.raises(OrderFinal):
            store.append([placed("b"), filled("b", "3"), filled("a", "1")])

        assert (store.seq, store.load(), store.orders().total) == (3, book, total)
        assert store.check() == []
        store.append([placed("b"), filled("b", "3")])
        assert store.check() == []

    def test_many_batches_share_a_commit_and_fail_alone(self, opened: Opener) -> None:
        store = opened()
        outcomes = store.append_all(
            [
                [opening()],
                [placed("a"), filled("a", "4")],
                [placed("b"), filled("b", "11")],
                [filled("a", "6")],
                [filled("a", "1")],
                [placed("c")],
            ]
        )

        kinds = [
            [entry.kind for entry in one] if isinstance(one, list) else type(one).__name__
            for one in outcomes
        ]
        assert kinds == [
            [JournalKind.ACCOUNT_OPENED],
            [JournalKind.ORDER_PLACED, JournalKind.ORDER_FILLED],
            "InvalidOrder",
            [JournalKind.ORDER_FILLED],
            "OrderFinal",
            [JournalKind.ORDER_PLACED],
        ]
        assert store.seq == 5
        assert set(store.load().orders) == {"a", "c"}
        assert store.check() == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"at": START.replace(tzinfo=None)},
            {"reason": "NUL \0"},
            {"actor": "half a pair \ud800"},
            {"data": {"amount": "1", "note": "\0"}},
            {"data": {"amount": object()}},
            {"data": {"amount": "1", "note": "\ud800"}},
        ],
    )
    def test_what_cannot_be_written_down_hurts_nobody_else(
        self, opened: Opener, changes: dict[str, Any]
    ) -> None:
        store = opened()
        good = entries.cash_moved(D(1), actor="test", reason="so", at=START)
        bad = replace(good, **changes)
        outcomes = store.append_all([[opening()], [good, bad], [bad], [good]])

        assert [isinstance(outcome, InvalidOrder) for outcome in outcomes] == [
            False, True, True, False,
        ]  # fmt: skip
        assert (store.seq, store.load().cash, store.check()) == (2, D(100001), [])

    def test_an_id_the_book_has_forgotten_is_still_used(
        self, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(playing, "KEPT_FINAL_ORDERS", 0)
        store = opened()
        store.append([opening(), placed("a", "mine"), filled("a")])
        assert store.load().orders == {}

        with pytest.raises(DuplicateOrder):
            store.append([placed("a")])
        with pytest.raises(DuplicateOrder, match="mine"):
            store.append([placed("b", "mine")])
        assert store.seq == 3
        assert store.check() == []

    def test_what_was_rejected_does_not_use_up_its_id(self, opened: Opener) -> None:
        store = opened()
        order = ticket(client_order_id="mine")
        for name in ("r1", "r2"):
            store.append([entries.order_rejected(name, order, actor="desk", reason="no", at=START)])
        store.append([placed("a", "mine")])

        found = store.order(client_order_id="mine")
        assert found is not None
        assert found.id == "a"
        assert store.check() == []


class TestQuestions:
    def test_orders_page_by_page(self, opened: Opener) -> None:
        store = opened()
        store.append([opening(), *(placed(f"o{number}") for number in range(5))])
        store.append([filled("o2"), filled("o3", "1")])

        first = store.orders(limit=2)
        assert ([order.id for order in first.orders], first.total) == (["o4", "o3"], 5)
        second = store.orders(first.next_before, limit=3)
        assert [order.id for order in second.orders] == ["o2", "o1", "o0"]
        assert second.next_before is None
        assert [o.id for o in store.orders(statuses=[OrderStatus.FILLED]).orders] == ["o2"]
        assert store.orders(symbol="MSFT").total == 0
        with pytest.raises(UnknownOrder, match="nobody"):
            store.orders("nobody")

    def test_an_order_is_what_the_book_says(self, opened: Opener) -> None:
        store = opened()
        store.append([opening(), placed("a"), filled("a", "4")])
        assert store.order("a") == store.load().orders["a"]
        assert store.order("b") is None
        assert store.order(client_order_id="b") is None

    def test_fills_page_by_page(self, opened: Opener) -> None:
        store = opened()
        store.append([opening(), placed("a"), *(filled("a", "1") for _ in range(3))])

        first = store.fills(limit=2, order_id="a")
        assert ([fill.id for fill in first.fills], first.total) == (["f5", "f4"], 3)
        assert first.fills[0].price == D("80.12345678")
        assert first.fills[0].at == START + timedelta(microseconds=1)
        assert [fill.id for fill in store.fills(first.next_before).fills] == ["f3"]
        for nonsense in ("5", "f", "fx", "f-1", "f" + "9" * 30):
            with pytest.raises(UnknownOrder):
                store.fills(nonsense)

    def test_the_journal_page_by_page_and_by_kind(self, opened: Opener) -> None:
        store = opened()
        store.append([opening(), *(placed(f"o{number}") for number in range(4))])

        page = store.journal(limit=3)
        assert [entry.seq for entry in page.entries] == [5, 4, 3]
        assert [entry.seq for entry in store.journal(page.next_before).entries] == [2, 1]
        kinds = [JournalKind.ACCOUNT_OPENED]
        assert [entry.seq for entry in store.journal(kinds=kinds).entries] == [1]


def test_a_backup_is_whole_and_opens_as_an_account(
    opened: Opener, live: Live, tmp_path: Path
) -> None:
    store = opened()
    book = live(store, 50)
    copy = tmp_path / "backups" / "account.db"
    store.backup(copy)
    store.append([entries.cash_moved(D(1), actor="test", reason="later", at=START)])
    store.close()

    kept = opened(copy.parent)
    assert kept.load() == book
    assert kept.check() == []
    assert [path.name for path in copy.parent.iterdir() if "partial" in path.name] == []


def test_a_commit_is_on_the_disk_when_it_returns(opened: Opener) -> None:
    """What `kill -9` cannot show: the settings that hold when the power goes, too."""
    raw = _raw(opened()._database._connection)
    found = {
        name: raw.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "locking_mode", "fullfsync")
    }
    full = 2
    assert found == {
        "journal_mode": "wal", "synchronous": full, "locking_mode": "normal", "fullfsync": 1,
    }  # fmt: skip


def test_a_store_that_was_closed_says_so(opened: Opener) -> None:
    store = opened()
    store.close()
    store.close()
    with pytest.raises(AccountStoreError, match="is closed"):
        store.append([opening()])
