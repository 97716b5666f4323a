"""Resampling, against an independent computation."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.unit.market_data.conftest import answered, position_at
from trading_dashboard.agents.market_data.api.historical import MAX_JSON_BARS
from trading_dashboard.agents.market_data.demo.bars import SECONDS, DayBars
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.market import BarsQuestion

FULL_DAY = date(2012, 11, 21)
HALF_DAY = date(2012, 11, 23)
DST_DAYS = (date(2012, 3, 9), date(2012, 3, 12), date(2012, 11, 2), date(2012, 11, 5))


def frame_of(bars: DayBars) -> pd.DataFrame:
    columns = ("open", "high", "low", "close", "volume")
    data = {name: getattr(bars, name) for name in columns}
    return pd.DataFrame(data, index=pd.to_datetime(bars.start, unit="s", utc=True))


RULES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


@pytest.mark.parametrize("day", [FULL_DAY, HALF_DAY, *DST_DAYS])
@pytest.mark.parametrize("interval", list(SECONDS))
def test_intraday_bars_start_at_the_open(market: DemoMarket, day: date, interval: str) -> None:
    series = market.series["IBM"]
    index = market.timeline.index_from(day)
    row = series.row_of(index)
    assert row is not None
    found = frame_of(market.intraday.bars("IBM", row, SECONDS[interval]))
    seconds = frame_of(market.intraday.bars("IBM", row, 1))
    expected = seconds.resample(f"{SECONDS[interval]}s", origin="start").agg(RULES)
    assert found.index.tolist() == expected.index.tolist()
    for column in RULES:
        assert found[column].tolist() == expected[column].tolist(), column
    local = found.index.tz_convert("America/New_York")
    assert (local[0].hour, local[0].minute) == (9, 30)
    assert found["volume"].sum() == series.volume[row]


def test_hours_are_exchange_hours_and_the_last_is_short(market: DemoMarket) -> None:
    series = market.series["IBM"]
    for day, count in ((FULL_DAY, 7), (HALF_DAY, 4)):
        row = series.row_of(market.timeline.index_from(day))
        assert row is not None
        hours = frame_of(market.intraday.bars("IBM", row, 3600))
        local = hours.index.tz_convert("America/New_York")
        assert [stamp.strftime("%H:%M") for stamp in local[:3]] == ["09:30", "10:30", "11:30"]
        assert len(hours) == count


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG"])
@pytest.mark.parametrize("interval", ["1w", "1M"])
def test_weeks_and_months(market: DemoMarket, symbol: str, interval: str) -> None:
    series = market.series[symbol]
    instant = market.timeline.at(market.timeline.total)
    question = BarsQuestion(
        symbol=symbol, interval=interval, limit=MAX_JSON_BARS, include_partial=True
    )
    data = answered(market, question, series, instant)["data"]
    daily = pd.DataFrame(
        {name: getattr(series, name) for name in RULES},
        index=pd.to_datetime(series.day, unit="D"),
    )
    period = daily.index.to_period("W-SUN" if interval == "1w" else "M")
    expected = daily.groupby(period).agg(RULES)
    starts = daily.index.to_series().groupby(period).min()
    assert [bar["timestamp"][:10] for bar in data] == [f"{day:%Y-%m-%d}" for day in starts]
    for column in RULES:
        assert [bar[column] for bar in data] == expected[column].tolist(), column
    # 2013-03-01 was a Friday: the week is complete, the month is not.
    assert data[-1]["closed"] is (interval == "1w")
    assert all(bar["closed"] for bar in data[:-1])


def test_a_forming_week_holds_the_days_so_far(market: DemoMarket) -> None:
    series = market.series["MSFT"]
    instant = market.timeline.at(position_at(market.timeline, date(2012, 9, 6), 100.0))
    question = BarsQuestion(symbol="MSFT", interval="1w", limit=1, include_partial=True)
    (bar,) = answered(market, question, series, instant)["data"]
    row = series.row_of(market.timeline.index_from(date(2012, 9, 4)))
    assert row is not None
    today = market.intraday.path("MSFT", row + 2)
    assert bar["closed"] is False
    assert bar["timestamp"] == "2012-09-04T00:00:00Z"
    assert bar["high"] == max(series.high[row : row + 2].max(), today.high[100])
    assert bar["low"] == min(series.low[row : row + 2].min(), today.low[100])
    assert bar["close"] == today.price[100]
    assert bar["volume"] == series.volume[row : row + 2].sum() + today.traded[100]


def test_minutes_and_their_multiples_agree(market: DemoMarket) -> None:
    direct = market.intraday.bars("GOOG", 0, 30)
    minutes = market.intraday.bars("GOOG", 0, 60)
    assert np.array_equal(np.maximum.reduceat(direct.high, range(0, 780, 2)), minutes.high)
