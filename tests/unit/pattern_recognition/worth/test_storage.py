"""The ledger on disk: exact, whole or not at all, and never silently another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.pattern_recognition.worth.markets import DAY, News, prefix, random_market
from trading_dashboard.agents.pattern_recognition.worth import storage
from trading_dashboard.agents.pattern_recognition.worth.ledger import Ledger
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.storage import load_ledger, save_ledger
from trading_dashboard.models.errors import LedgerDamaged

PATTERNS = tuple(f"P{number}" for number in range(10))
SETTINGS = WorthSettings(minimum_samples=10, minimum_blocks=5)


@pytest.fixture(scope="module")
def market() -> News:
    return random_market(21, symbols=3, bars=420, each=500)


def ledger_of(news: News) -> Ledger:
    ledger = Ledger(PATTERNS, SETTINGS)
    ledger.load("1d", news)
    return ledger


def read(path: Path) -> Ledger:
    found = load_ledger(path, PATTERNS, SETTINGS)
    assert found is not None
    return found


def step(ledger: Ledger, market: News, day: int) -> None:
    first = day + 1 - SETTINGS.lookback
    for symbol, (bars, occurrences) in market.items():
        here = occurrences.between(day, day + 1)
        numbered = Occurrences(here.pattern, here.direction, here.bar - first)
        ledger.extend(symbol, "1d", bars.between(first, day + 1), numbered)


def test_a_restart_is_exact(market: News, tmp_path: Path) -> None:
    path = tmp_path / "worth" / "ledger"
    running = restarted = ledger_of(prefix(market, 384))
    for day in range(384, 400):
        if day % 8 == 0:
            save_ledger(running, path)
            restarted = read(path)
        step(running, market, day)
        step(restarted, market, day)
    assert restarted.rows("1d", 400 * DAY) == running.rows("1d", 400 * DAY)
    assert restarted.reliability("1d") == running.reliability("1d")
    assert restarted.last("S1", "1d") == 399 * DAY
    save_ledger(running, path)
    once = path.read_bytes()
    save_ledger(restarted, path)
    assert path.read_bytes()[:200] == once[:200], "the digests of all columns"
    assert [file.name for file in path.parent.iterdir()] == ["ledger"]


def test_an_empty_ledger_and_none_at_all(tmp_path: Path) -> None:
    assert load_ledger(tmp_path / "none", PATTERNS, SETTINGS) is None
    save_ledger(Ledger(PATTERNS, SETTINGS), tmp_path / "empty")
    found = load_ledger(tmp_path / "empty", PATTERNS, SETTINGS)
    assert found is not None
    assert found.timeframes == {}


@pytest.mark.parametrize("damage", ["cut", "flip", "head", "empty", "list"])
def test_damage_is_noticed(market: News, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger"
    save_ledger(ledger_of(market), path)
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:-1],
        "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "head": b"\xff" + content,
        "empty": b"",
        "list": b"[]\n" + content,
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(LedgerDamaged, match="rebuilt from bars"):
        load_ledger(path, PATTERNS, SETTINGS)


def test_another_format_pattern_or_setting_is_not_taken(
    market: News, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    save_ledger(ledger_of(market), path)
    with pytest.raises(LedgerDamaged, match="other patterns or settings"):
        load_ledger(path, PATTERNS[::-1], SETTINGS)
    with pytest.raises(LedgerDamaged, match="other patterns or settings"):
        load_ledger(path, PATTERNS, WorthSettings())
    monkeypatch.setattr(storage, "FORMAT", storage.FORMAT + 1)
    with pytest.raises(LedgerDamaged, match="format"):
        load_ledger(path, PATTERNS, SETTINGS)


def test_a_writing_that_fails_leaves_the_old_one(
    market: News, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    save_ledger(ledger_of(prefix(market, 300)), path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_ledger(ledger_of(market), path)
    monkeypatch.undo()
    found = load_ledger(path, PATTERNS, SETTINGS)
    assert found is not None
    assert found.last("S0", "1d") == 299 * DAY
