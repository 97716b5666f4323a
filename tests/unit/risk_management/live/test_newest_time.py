"""How far in market time the account has come: what a replay's clock must not fall behind."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.risk_management.ledger import START
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.memory import remember
from trading_dashboard.agents.risk_management.store.store import AccountStore


def moved(seconds: float) -> Draft:
    at = START + timedelta(seconds=seconds)
    return entries.cash_moved(Decimal(1), actor="test", reason="so", at=at)


def day(seconds: float) -> Draft:
    at = START + timedelta(seconds=seconds)
    return entries.day_started(at.date(), Decimal(100), at=at)


OPENED = [entries.account_opened(Decimal(100), actor="test", at=START), day(0)]


@pytest.mark.parametrize(
    ("drafts", "newest"),
    [
        ([moved(5), moved(3)], 5),  # two symbols' prices, filled out of order
        ([moved(50), moved(3), day(2), moved(4), moved(3)], 4),  # set back: another run
    ],
)
def test_it_never_falls_but_with_another_run(
    drafts: list[Draft], newest: float, tmp_path: Path
) -> None:
    with AccountStore.open(None, tmp_path) as store:
        book = store.load()
        account = LiveAccount(book, lambda *_: 0.0, max_price_age_seconds=60)
        for entry in store.append([*OPENED, *drafts]):
            account.apply(entry)
        expected = START + timedelta(seconds=newest)
        assert (account.newest_at, remember(store).newest_at) == (expected, expected)
