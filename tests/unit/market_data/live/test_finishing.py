"""Bars as they are answered: untouched where nothing happened, adjusted where something did."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.market_data.live.fakes import (
    DAY,
    MemoryArchive,
    instrument,
    micros,
    weekday_sessions,
)
from trading_dashboard.agents.market_data.live.finishing import Finishing
from trading_dashboard.agents.market_data.market import Adjusted, BarsQuestion, Columns
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, Bars, CorporateEvent
from trading_dashboard.agents.market_data.sources.contract import NotOffered
from trading_dashboard.agents.market_data.store.contract import Writing

MONDAY = micros(2026, 3, 2)
SPLIT = CorporateEvent(source="first", symbol="AAPL", ex_day=MONDAY // DAY + 2, ratio=4.0)
DIVIDEND = CorporateEvent(source="first", symbol="AAPL", ex_day=MONDAY // DAY + 1, amount=1.0)


def finished(
    prices: list[float], adjusted: Adjusted, *events: CorporateEvent, interval: str = "1d"
) -> Columns:
    rows = [(MONDAY + n * DAY, p, p, p, p, 100.0) for n, p in enumerate(prices)]
    bars = Bars.of("first", "AAPL", interval, rows)
    archive = MemoryArchive()
    archive.write(Writing(bars=[bars]))
    finish = Finishing(archive, lambda *_: None, lambda: micros(2026, 3, 20))
    table = pa.table({name: getattr(bars, name) for name in BAR_COLUMNS})
    question = BarsQuestion(symbol="AAPL", interval=interval, adjusted=adjusted)
    return finish(table, instrument(), weekday_sessions(), "first", question, events)


@pytest.mark.parametrize("adjusted", ["none", "splits", "all"])
def test_the_price_of_a_coin_of_many_zeros_is_answered_as_it_is(adjusted: Adjusted) -> None:
    table = finished([1.234567e-9, 2.5e-10], adjusted)
    for name in ("open", "high", "low", "close", "adjusted_close"):
        assert table[name].tolist() == [1.234567e-9, 2.5e-10]


def test_what_an_event_changes_is_adjusted_and_the_rest_is_not() -> None:
    raw = finished([40.0, 40.0, 10.0], "none", DIVIDEND, SPLIT)
    assert raw["close"].tolist() == [40.0, 40.0, 10.0]
    assert raw["adjusted_close"].tolist() == [9.75, 10.0, 10.0]
    splits = finished([40.0, 40.0, 10.0], "splits", DIVIDEND, SPLIT)
    assert splits["close"].tolist() == [10.0, 10.0, 10.0]
    assert splits["volume"].tolist() == [400.0, 400.0, 100.0]
    assert splits["adjusted_close"].tolist() == [9.75, 10.0, 10.0]


def test_a_week_with_an_event_has_no_comparable_close_and_no_adjustment() -> None:
    week = finished([40.0], "none", SPLIT, interval="1w")
    assert np.isnan(week["adjusted_close"]).all()
    with pytest.raises(NotOffered):
        finished([40.0], "all", SPLIT, interval="1w")
    assert finished([40.0], "all", interval="1w")["adjusted_close"].tolist() == [40.0]
