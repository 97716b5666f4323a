"""SQL that PostgreSQL takes, too.

With TRADING_DASHBOARD_TEST_POSTGRESQL set to the URL of an empty database it is really used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Dialect, text
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from tests.unit.risk_management.ledger import START
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.store.columns import ExactDecimal
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.schema import METADATA
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError, AccountStoreInUse

URL = os.environ.get("TRADING_DASHBOARD_TEST_POSTGRESQL")
DIALECTS: list[Dialect] = [
    make_url(name).get_dialect()() for name in ("postgresql+psycopg://", "sqlite://")
]
Live = Callable[[AccountStore, int], Book]


def test_tables_are_those_of_either_database() -> None:
    made = {
        dialect.name: "".join(
            str(CreateTable(table).compile(dialect=dialect)) for table in METADATA.sorted_tables
        )
        for dialect in DIALECTS
    }
    assert "NUMERIC(38, 8)" in made["postgresql"]
    assert "seq BIGINT NOT NULL" in made["postgresql"]
    assert "NUMERIC" not in made["sqlite"]
    assert "FLOAT" not in made["sqlite"] + made["postgresql"]


@pytest.mark.parametrize("value", ["0.00000001", "1000000000.12345678", "-0.01", "1E+9", "0E-8"])
def test_decimals_pass_through_no_binary_fractions(value: str) -> None:
    column = ExactDecimal()
    for dialect in DIALECTS:
        process = column.bind_processor(dialect)
        sent = process(Decimal(value)) if process else Decimal(value)
        assert isinstance(sent, str if dialect.name == "sqlite" else Decimal)
        assert column.process_result_value(sent, dialect) == Decimal(value)


def test_a_driver_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountStoreError, match="needs a database driver") as caught:
        AccountStore.open("postgresql+nodriver://u:secret@localhost/d", tmp_path)
    assert "psycopg" in str(caught.value.next_step)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccountStore]:
    with AccountStore.open(URL, tmp_path) as opened:
        yield opened
    database = Database.of(URL, tmp_path)
    with database.transaction() as connection:
        METADATA.drop_all(connection)
    database.close()


@pytest.mark.skipif(URL is None, reason="no PostgreSQL to use")
def test_postgresql_keeps_an_account(store: AccountStore, tmp_path: Path, live: Live) -> None:
    book = live(store, 300)
    assert store.load() == book
    assert store.check() == []
    with pytest.raises(AccountStoreInUse):
        AccountStore.open(URL, tmp_path)
    with pytest.raises(AccountStoreError, match="not copied from here"):
        store.backup(tmp_path / "copy.db")
    total, page = store.orders().total, store.orders(limit=3)
    assert (total > 50, len(page.orders)) == (True, 3)
    store.close()

    with AccountStore.open(URL, tmp_path) as again:
        assert again.load() == book
        again.rebuild()
        assert again.check() == []


@pytest.mark.skipif(URL is None, reason="no PostgreSQL to use")
def test_postgresql_that_drops_the_connection_is_gone_on_with(
    store: AccountStore, live: Live
) -> None:
    book = live(store, 50)
    with pytest.raises(AccountStoreError, match="cannot be reached"), \
            store._database.transaction() as connection:  # fmt: skip
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    assert store.load() == book
    draft = entries.cash_moved(Decimal(1), actor="test", reason="so", at=START)
    book.play(store.append([draft]))
    assert store.load() == book
    assert store.check() == []
