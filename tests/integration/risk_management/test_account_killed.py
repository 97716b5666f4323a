"""An account whose process is killed while it fills orders loses nothing it has acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.support import PUPPETS, ROOT
from tests.unit.risk_management.random_account import Accountant, audit
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError

ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
FILLS = 1_000


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, str(PUPPETS / "fills_orders.py"), *map(str, arguments)]


def run_until_killed(folder: Path, commits: int) -> tuple[int, int]:
    """Run the puppet and kill it once it has said so many commits; return what it said last.

    Returns:
        The newest entry it said was durable, and its exit status.
    """
    with subprocess.Popen(
        command(folder, str(FILLS)), stdout=subprocess.PIPE, env=ENVIRONMENT, text=True
    ) as puppet:
        assert puppet.stdout is not None
        for _ in range(commits):
            if not puppet.stdout.readline():
                break
        puppet.kill()
        said = puppet.stdout.read().split()
        status = puppet.wait()
    return int(said[-1]) if said else -1, status


def examined(folder: Path) -> tuple[int, int, list[str]]:
    """Return the newest entry, the fills kept, and everything that does not agree."""
    with AccountStore.open(None, folder) as store:
        found = store.check()
        entries = []
        before = None
        while True:
            page = store.journal(before, 1_000)
            entries += page.entries
            before = page.next_before
            if before is None:
                break
        book, accountant = Book(), Accountant()
        for entry in reversed(entries):
            book.apply(entry)
            accountant.read(entry)
        found += audit(book, accountant)
        if store.load() != book:
            found.append("what is loaded is not what the journal comes to")
        return store.seq, store.fills(limit=1).total, found


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    random, kills, fills = Random(6), 0, 0
    while fills < FILLS:
        commits = random.randint(20, 120) if kills < 3 else 10_000
        said, status = run_until_killed(tmp_path, commits)
        seq, fills, found = examined(tmp_path)
        assert found == []
        assert seq >= said
        kills += status == -signal.SIGKILL
    assert kills >= 2


def test_a_kill_within_a_transaction_leaves_none_of_it(tmp_path: Path) -> None:
    said = self_killed(tmp_path, "half")
    seq, _, found = examined(tmp_path)
    assert (seq, found) == (said, [])


def test_half_a_transaction_would_be_noticed(tmp_path: Path) -> None:
    """The control of agreement: a journal that is ahead of its copies."""
    self_killed(tmp_path, "torn")
    with pytest.raises(AccountStoreError, match="is damaged") as caught:
        examined(tmp_path)
    assert "account" in str(caught.value.observed)


def test_a_lost_acknowledgement_would_be_noticed(tmp_path: Path) -> None:
    """The control of durability: an acknowledgement before the commit."""
    said = self_killed(tmp_path, "hasty")
    seq, _, found = examined(tmp_path)
    assert seq < said
    assert found == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PUPPETS / "fills_account_disk.py"), str(tmp_path)],
        capture_output=True, text=True, check=True, env=ENVIRONMENT,
    )  # fmt: skip
    acknowledged, refused, full, after, findings = json.loads(done.stdout)

    assert acknowledged > 50
    assert len(refused) == 3
    assert all("nothing of this change was kept. Free some space" in said for said in refused)
    assert (full, after) == (f"{acknowledged}.00", f"{acknowledged + 10}.00")
    assert findings == []
    assert examined(tmp_path)[2] == []


def self_killed(folder: Path, mode: str) -> int:
    """Run the puppet until it dies by itself; return what it said last."""
    done = subprocess.run(
        command(folder, str(FILLS), mode), stdout=subprocess.PIPE, env=ENVIRONMENT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    return int(done.stdout.split()[-1])
