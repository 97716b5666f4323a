"""Care for an account from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.risk_management.store.conftest import Opener
from tests.unit.risk_management.store.test_damage import COPIES, TAMPERED, tamper
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.store.__main__ import main
from trading_dashboard.agents.risk_management.store.store import AccountStore

Live = Callable[[AccountStore, int], Book]


@pytest.fixture
def kept(opened: Opener, live: Live, tmp_path: Path) -> Path:
    store = opened()
    live(store, 100)
    store.close()
    return tmp_path


def test_a_sound_account(kept: Path, opened: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(kept)]) == 0
    assert main(["backup", str(kept), "--to", str(kept / "copy" / "account.db")]) == 0
    assert capsys.readouterr().out.splitlines() == ["check: all is well", "backup: all is well"]
    assert opened(kept / "copy").load() == opened(kept).load()


def test_copies_that_differ_are_made_anew(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(kept, COPIES["cash"])
    assert main(["check", str(kept)]) == 1
    assert "cash is 1.00" in capsys.readouterr().out
    assert main(["rebuild", str(kept)]) == 0
    assert main(["check", str(kept)]) == 0


def test_a_tampered_journal_is_told(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(kept, TAMPERED["who did it"])
    for action in ("check", "rebuild"):
        assert main([action, str(kept)]) == 1
        assert "is not what was written: its digest differs" in capsys.readouterr().out


def test_an_account_in_use(kept: Path, opened: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    opened(kept)
    assert main(["check", str(kept)]) == 1
    assert "in use by another process" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "folder", "says"),
    [("backup", ".", "backup needs --to"), ("check", "nowhere", "there is no account in")],
)
def test_mistakes(
    kept: Path, action: str, folder: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([action, str(kept / folder)])
    assert says in capsys.readouterr().err
    assert not (kept / "nowhere").exists()
