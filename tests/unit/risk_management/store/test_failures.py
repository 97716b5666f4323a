"""Stores that cannot be opened or written: said clearly, nothing lost, and gone on from."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.unit.risk_management.ledger import START
from tests.unit.risk_management.store.conftest import Opener
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.store import sqlite
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError, AccountStoreInUse

Live = Callable[[AccountStore, int], Book]


def move(cents: int, reason: str = "so") -> Draft:
    return entries.cash_moved(Decimal(cents) / 100, actor="test", reason=reason, at=START)


def test_a_second_opening_is_refused_also_within_a_process(opened: Opener) -> None:
    first = opened()
    first.append([move(100)])
    with pytest.raises(AccountStoreInUse, match="in use by another process") as caught:
        opened()
    assert "--data-directory" in str(caught.value.next_step)
    first.append([move(200)])
    first.close()
    assert opened().load().cash == 3


TRIES = """
import sys, pathlib
from trading_dashboard.agents.risk_management.store import sqlite
from trading_dashboard.agents.risk_management.store.store import AccountStore
sqlite.LOCK_SECONDS = 0.01
from trading_dashboard.models.risk.errors import AccountStoreInUse
for _ in sys.stdin:
    try:
        AccountStore.open(None, pathlib.Path(sys.argv[1])).close()
    except AccountStoreInUse as error:
        print(error.code, flush=True)
    else:
        print("opened", flush=True)
"""


def test_a_second_process_is_refused(opened: Opener, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TRIES, str(tmp_path)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ) as other:  # fmt: skip

        def try_it() -> str:
            assert other.stdin is not None
            assert other.stdout is not None
            print(file=other.stdin, flush=True)
            return other.stdout.readline().strip()

        store = opened()
        assert try_it() == "account_store_in_use"
        with pytest.raises(AccountStoreInUse):
            opened()  # a refused opening in this process does not give the lock away
        assert try_it() == "account_store_in_use"
        store.close()
        assert try_it() == "opened"  # the control
        assert other.stdin is not None
        other.stdin.close()


def test_a_reader_neither_waits_for_who_writes_nor_holds_them_up(opened: Opener) -> None:
    store = opened()
    store.append([move(100)])
    with contextlib.closing(store.reader()) as reader:
        with reader._database.transaction() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM journal").all()
            store.append([move(200)])  # while a page is being read
        with store._database.transaction() as writing:
            writing.exec_driver_sql("UPDATE meta SET value = value")
            assert [entry.seq for entry in reader.journal().entries] == [2, 1]
        with pytest.raises(AccountStoreError), reader._database.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM journal")
        with pytest.raises(AccountStoreInUse):
            opened()  # reading beside it gives the lock away to nobody
        store.append([move(300)])
    assert opened_after(store, opened) == 6


def opened_after(store: AccountStore, opened: Opener) -> object:
    store.close()
    return opened().load().cash


def test_another_program_that_writes_is_noticed(opened: Opener, tmp_path: Path) -> None:
    store = opened()
    store.append([move(100)])
    with contextlib.closing(sqlite3.connect(tmp_path / "account.db")) as other:
        assert other.execute("SELECT count(*) FROM journal").fetchone() == (1,)
        store.append([move(200)])  # one that reads is no harm
        other.execute("DELETE FROM journal WHERE seq = 1")
        other.commit()
    with pytest.raises(AccountStoreError, match="Another program has written"):
        store.append([move(300)])
    store.close()
    with pytest.raises(AccountStoreError, match="is damaged"):
        opened()


def test_a_file_that_others_write_is_in_use(opened: Opener, tmp_path: Path) -> None:
    opened().close()
    with contextlib.closing(sqlite3.connect(tmp_path / "account.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AccountStoreInUse):
            opened()
    opened()


def test_a_full_disk_loses_nothing_and_is_gone_on_from(opened: Opener) -> None:
    """SQLite's own limit on pages answers as a full disk does."""
    store = opened()
    store.append([move(100)])
    raw = sqlite._raw(store._database._connection)
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")
    acknowledged = 1

    def go_on() -> None:
        nonlocal acknowledged
        for _ in range(200):
            store.append([move(100, "x" * 400)])
            acknowledged += 1

    with pytest.raises(AccountStoreError, match="nothing of this change was kept") as caught:
        go_on()
    assert "full" in str(caught.value.observed)
    assert "Free some space" in str(caught.value.next_step)
    with pytest.raises(AccountStoreError):
        store.append([move(100, "y" * 5000)])

    assert store.load().cash == acknowledged == store.seq
    raw.execute("PRAGMA max_page_count = 1000000")
    store.append([move(100)])

    assert store.load().cash == acknowledged + 1
    assert store.check() == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"not a database at all" * 100,
        lambda data: data[: len(data) // 2],
        lambda data: data[:4096] + b"\xff" * 8192 + data[12288:],
    ],
    ids=["another file", "cut in half", "overwritten"],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(
    opened: Opener, live: Live, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    store = opened()
    live(store, 150)
    store.close()
    path = tmp_path / "account.db"
    spoiled = spoil(path.read_bytes())
    path.write_bytes(spoiled)

    with pytest.raises(AccountStoreError, match="is damaged") as caught:
        opened()

    assert "backup" in str(caught.value.next_step)
    assert path.read_bytes() == spoiled


def test_another_program_s_database_is_refused(opened: Opener, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "account.db")) as other:
        other.executescript("CREATE TABLE theirs (x)")
    with pytest.raises(AccountStoreError, match="of another program"):
        opened()


def test_a_newer_version_is_refused_and_left_as_it_is(opened: Opener, tmp_path: Path) -> None:
    opened().close()
    with contextlib.closing(sqlite3.connect(tmp_path / "account.db")) as other:
        other.executescript("UPDATE meta SET value = '99'; ALTER TABLE account ADD COLUMN x")
    with pytest.raises(AccountStoreError, match="schema version 99") as caught:
        opened()
    assert "Use the version that wrote it" in str(caught.value.next_step)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(opened: Opener, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(AccountStoreError):
        opened(folder)


def test_a_path_that_is_no_folder(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AccountStoreError, match="cannot be reached"):
        opened(tmp_path / "file")


def test_a_file_that_was_deleted_acknowledges_nothing_more(opened: Opener, tmp_path: Path) -> None:
    """What is written to a file without a name is lost at the end."""
    store = opened()
    store.append([move(100)])
    (tmp_path / "account.db").unlink()
    with pytest.raises(AccountStoreError, match="moved or deleted"):
        store.append([move(100)])
    assert store.load().cash == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql+pymysql://u:secret@h/d", "cannot be kept in mysql"),
        ("sqlite://", "cannot be kept in"),
        ("nonsense", "needs a database driver|cannot be"),
    ],
)
def test_urls_of_other_kinds(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(AccountStoreError, match=says) as caught:
        AccountStore.open(url, tmp_path)
    assert "secret" not in f"{caught.value} {caught.value.observed}"


def test_a_url_names_a_file_of_its_own(tmp_path: Path) -> None:
    with AccountStore.open(f"sqlite:///{tmp_path}/elsewhere/a.db", tmp_path) as store:
        store.append([move(100)])
    assert (tmp_path / "elsewhere" / "a.db").is_file()
    assert not (tmp_path / "account.db").exists()


def test_a_backup_that_cannot_be_written_leaves_the_older_one(
    opened: Opener, tmp_path: Path
) -> None:
    store = opened()
    store.append([move(100)])
    (tmp_path / "full").write_text("in the way")
    with pytest.raises(AccountStoreError):
        store.backup(tmp_path / "full" / "copy.db")
    assert store.load().cash == 1
