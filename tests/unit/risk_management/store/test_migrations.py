"""From one schema version to the next: the journal is brought along, copies are made anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from tests.unit.risk_management.store.conftest import Opener
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.store import migrations
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError

Live = Callable[[AccountStore, int], Book]


def add_a_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE journal ADD COLUMN origin TEXT"))


def fail(connection: Connection) -> None:
    add_a_column(connection)
    raise OSError("the power went")


def columns(store: AccountStore) -> set[str]:
    with store._database.transaction() as connection:
        return {column["name"] for column in inspect(connection).get_columns("journal")}


@pytest.fixture
def old(opened: Opener, live: Live) -> Book:
    """Keep an account of version 1; return its book."""
    store = opened()
    book = live(store, 200)
    store.close()
    return book


def test_every_step_is_taken_once(
    opened: Opener, old: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def first(_: Connection) -> None:
        taken.append(1)

    def second(connection: Connection) -> None:
        taken.append(2)
        add_a_column(connection)

    monkeypatch.setattr(migrations, "STEPS", [first, second])
    for _ in range(2):
        store = opened()
        assert taken == [1, 2]
        assert "origin" in columns(store)
        assert store.load() == old
        assert store.check() == []
        store.close()

    monkeypatch.undo()
    with pytest.raises(AccountStoreError, match="version 3"):
        opened()
    (tmp_path / "before").mkdir()
    (tmp_path / "account.version-1.db").rename(tmp_path / "before" / "account.db")
    assert opened(tmp_path / "before").load() == old


def test_one_that_fails_leaves_all_as_it_was(
    opened: Opener, old: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "STEPS", [fail])
    with pytest.raises(AccountStoreError) as caught:
        opened()
    assert "the power went" in str(caught.value.observed)
    monkeypatch.undo()

    store = opened()
    assert "origin" not in columns(store)
    assert store.load() == old
    assert store.check() == []


def test_one_that_spoils_the_journal_is_not_kept(
    opened: Opener, old: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil = text("UPDATE journal SET data = '{}' WHERE seq = 2")
    monkeypatch.setattr(migrations, "STEPS", [lambda connection: connection.execute(spoil)])
    with pytest.raises(AccountStoreError, match="is damaged"):
        opened()
    monkeypatch.undo()
    assert opened().load() == old
