"""Whatever is changed behind the store's back is found, and never repaired by itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.risk_management.store.conftest import Opener
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.store import chain
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError

Live = Callable[[AccountStore, int], Book]
FILL = "(SELECT min(seq) FROM journal WHERE kind = 'order_filled')"
TAMPERED = {
    "a fill's price": f"""UPDATE journal SET data = replace(data, '"price":"', '"price":"1')
                          WHERE seq = {FILL}""",
    "who did it": f"UPDATE journal SET actor = 'nobody' WHERE seq = {FILL}",
    "why": f"UPDATE journal SET reason = 'because' WHERE seq = {FILL}",
    "market time": f"UPDATE journal SET at = at + 1 WHERE seq = {FILL}",
    "wall time": f"UPDATE journal SET recorded_at = recorded_at - 1 WHERE seq = {FILL}",
    "its kind": "UPDATE journal SET kind = 'order_expired' WHERE kind = 'order_cancelled'",
    "an entry removed": f"DELETE FROM journal WHERE seq = {FILL}",
    "two exchanged": "UPDATE journal SET seq = 0 WHERE seq = 10; UPDATE journal SET seq = 10 "
    "WHERE seq = 11; UPDATE journal SET seq = 11 WHERE seq = 0",
}  # fmt: skip
COPIES = {
    "cash": "UPDATE account SET cash = '1.00'",
    "no account": "DELETE FROM account",
    "a quantity": "UPDATE positions SET quantity = '7' WHERE symbol = 'IBM'",
    "a position more": "INSERT INTO positions SELECT 'XXX', currency, quantity, cost, cost_fifo, "
    "realised, realised_fifo, dividends, is_sample FROM positions LIMIT 1",
    "an open order": "UPDATE orders SET quantity = '99999' WHERE status = 'working'",
    "an open order less": "DELETE FROM orders WHERE status = 'working'",
}
LATER = {
    "a fill": "UPDATE fills SET price = '1' WHERE seq = (SELECT min(seq) FROM fills)",
    "a fill less": "DELETE FROM fills WHERE seq = (SELECT min(seq) FROM fills)",
    "a fill more": "INSERT INTO fills SELECT 999999, order_id, symbol, side, quantity, price, "
    "market_price, fee, realised, realised_fifo, at, recorded_at, source FROM fills LIMIT 1",
    "an ended order": "UPDATE orders SET fees = '0' WHERE status = 'filled'",
    "an ended order less": "DELETE FROM orders WHERE status = 'filled'",
    "a snapshot": "UPDATE snapshots SET state = replace(state, 'USD', 'EUR')",
}


def tamper(folder: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "account.db")) as connection:
        before = connection.total_changes
        connection.executescript(script)
        assert connection.total_changes > before


@pytest.fixture
def kept(opened: Opener, live: Live, tmp_path: Path) -> Path:
    """Return the folder of an account that is at rest."""
    store = opened()
    live(store, 250)
    store.close()
    return tmp_path


@pytest.mark.parametrize("script", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_journal_is_found(kept: Path, opened: Opener, script: str) -> None:
    tamper(kept, script)
    store = opened()  # the snapshot is newer than that: only the full check reads so far back
    findings = store.check()
    assert findings
    assert "journal entry" in findings[0]

    store.close()
    tamper(kept, "DELETE FROM snapshots")
    with pytest.raises(AccountStoreError, match="is damaged") as caught:
        opened()
    assert "journal entry" in str(caught.value.observed)


@pytest.mark.parametrize("what", ["who did it", "why", "wall time"])
def test_without_the_chain_nobody_would_know(
    kept: Path, opened: Opener, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what does not change any sum is found by the digests alone."""
    monkeypatch.setattr(chain, "_digest", lambda _, row: row["digest"])
    tamper(kept, TAMPERED[what])
    findings = opened().check()
    assert not any("journal entry" in finding for finding in findings)


@pytest.mark.parametrize("script", COPIES.values(), ids=COPIES)
def test_copies_that_differ_from_the_journal_are_refused_at_the_start(
    kept: Path, opened: Opener, script: str
) -> None:
    book = opened_and_closed(opened)
    tamper(kept, script)
    with pytest.raises(AccountStoreError, match="is damaged") as caught:
        opened()
    assert "store rebuild DIRECTORY" in str(caught.value.next_step)

    store = opened(rebuild=True)

    assert store.load() == book
    assert store.check() == []


@pytest.mark.parametrize("script", LATER.values(), ids=LATER)
def test_the_past_is_held_against_the_journal_by_the_check(
    kept: Path, opened: Opener, script: str
) -> None:
    tamper(kept, script)
    store = opened()
    assert store.check() != []
    store.rebuild()
    assert store.check() == []


def test_a_journal_cut_off_at_its_end_is_refused_at_the_start(kept: Path, opened: Opener) -> None:
    tamper(kept, "DELETE FROM journal WHERE seq > (SELECT max(seq) - 3 FROM journal)")
    with pytest.raises(AccountStoreError, match="is damaged") as caught:
        opened()
    assert "account: seq is" in str(caught.value.observed)


def test_a_journal_that_was_tampered_with_is_never_rebuilt_from(kept: Path, opened: Opener) -> None:
    tamper(kept, TAMPERED["a fill's price"])
    store = opened()
    with pytest.raises(AccountStoreError, match="is damaged"):
        store.rebuild()
    assert "journal entry" in store.check()[0]
    assert store.fills().total > 0


def opened_and_closed(opened: Opener) -> Book:
    store = opened()
    book = store.load()
    store.close()
    return book
