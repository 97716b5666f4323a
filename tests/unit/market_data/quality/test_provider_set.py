"""The bar: all bad rows of the provider test set quarantined, no good row lost; and the control."""

from __future__ import annotations

import itertools
from datetime import date

import pytest

from tests.unit.market_data.quality import provider_bars, provider_ticks
from tests.unit.market_data.quality.provider_ticks import Outcome
from trading_dashboard.agents.market_data.demo import dataset
from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent

SEEDS = range(6)


def missed(outcome: Outcome) -> dict[str, int]:
    return {
        k: n - outcome.quarantined[k] for k, n in outcome.bad.items() if n != outcome.quarantined[k]
    }


def lost(outcome: Outcome) -> dict[str, int]:
    return {kind: rows for kind, rows in outcome.lost.items() if rows}


@pytest.mark.parametrize("seed", SEEDS)
def test_ticks(seed: int) -> None:
    sessions = provider_ticks.weekdays()
    outcome = provider_ticks.judge_ticks(seed, TickGate(lambda _: sessions))
    assert sum(outcome.bad.values()) > 150
    assert sum(outcome.good.values()) > 10_000
    assert missed(outcome) == {}
    assert lost(outcome) == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_bars(seed: int) -> None:
    outcome = provider_bars.judge_bars(seed, BarGate())
    assert sum(outcome.bad.values()) > 350
    assert sum(outcome.good.values()) > 15_000
    assert missed(outcome) == {}
    assert lost(outcome) == {}


def test_without_the_gate_bad_rows_pass() -> None:
    ticks = provider_ticks.judge_ticks(0, provider_ticks.open_gate())
    bars = provider_bars.judge_bars(0, provider_bars.open_gate())
    for outcome in (ticks, bars):
        assert sum(outcome.quarantined.values()) == 0
        assert sum(outcome.bad.values()) > 150


def test_no_real_day_is_lost() -> None:
    """Twelve years of five shares with all their crashes, splits and dividends."""
    epoch = date(1970, 1, 1)
    total = 0
    for symbol, group in itertools.groupby(dataset.read_rows(), lambda row: row.symbol):
        rows = list(group)
        opens = [
            (date.fromisoformat(row.session) - epoch).days * provider_ticks.DAY for row in rows
        ]
        bars = Bars.of(
            "demo", symbol, "1d",
            [
                (day, row.open, row.high, row.low, row.close, float(row.volume))
                for day, row in zip(opens, rows, strict=True)
            ],
        )  # fmt: skip
        events = [
            CorporateEvent(
                source="demo",
                symbol=symbol,
                ex_day=(date.fromisoformat(action.ex_date) - epoch).days,
                ratio=action.ratio,
                amount=action.amount,
            )
            for action in dataset.derive_actions(rows)
        ]
        verdict = BarGate().check(bars, BarContext(now=2**60, actions=events))
        assert not verdict.bad
        assert len(verdict.good) == len(rows)
        assert len(verdict.actions) == len(events)
        # Without the list, AAPL's and MSFT's splits are noticed, and nothing else is.
        unlisted = BarGate().check(bars, BarContext(now=2**60)).reasons
        assert unlisted in ({}, {"split_not_listed": {"AAPL": 2, "MSFT": 1}.get(symbol)})
        total += len(rows)
    assert total == 12_154
