"""Adjustment as of a moment: right at the end, and without look-ahead on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.unit.market_data.conftest import position_at
from trading_dashboard.agents.market_data.demo.dataset import LISTINGS, DailyRow, derive_actions
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.series import (
    FLAWED_QUALITY,
    SOUND_QUALITY,
    DailySeries,
    clamp,
)
from trading_dashboard.agents.market_data.demo.timeline import Timeline

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
Rows = Mapping[str, Sequence[DailyRow]]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_at_the_end_it_is_the_data_sets_own_chain(
    symbol: str, market: DemoMarket, rows: Rows
) -> None:
    end = market.timeline.at(market.timeline.total)
    series = market.series[symbol]
    adjusted = series.close * series.price_factors(series.session, end, "all")
    own = np.array([row.adjusted_close for row in rows[symbol]])
    later_actions = own[-1] / series.close[-1]
    assert adjusted == pytest.approx(own / later_actions, rel=1e-9)


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_after_each_close_it_is_the_chain_up_to_there(
    symbol: str, market: DemoMarket, rows: Rows
) -> None:
    series = market.series[symbol]
    own = np.array([row.adjusted_close for row in rows[symbol]])
    for last in range(10, len(series), 97):
        instant = market.timeline.at(market.timeline.start_of(int(series.session[last]) + 1) - 1e-6)
        known = series.closed_rows(instant)
        sessions = series.session[:known]
        adjusted = series.close[:known] * series.price_factors(sessions, instant, "all")
        today = [item for item in series.actions if item.session == instant.session]
        if not today:
            expected = own[:known] / (own[known - 1] / series.close[known - 1])
            assert adjusted == pytest.approx(expected, rel=1e-9)


def test_a_split_is_applied_from_its_open_on_and_not_before(market: DemoMarket) -> None:
    timeline, series = market.timeline, market.series["AAPL"]
    sessions = series.session[:10]
    open_ = position_at(timeline, date(2005, 2, 28))
    before = series.price_factors(sessions, timeline.at(open_ - 0.001), "splits")
    after = series.price_factors(sessions, timeline.at(open_), "splits")
    assert (before == 0.5).all()
    assert (after == 0.25).all()
    assert (series.share_factors(sessions, timeline.at(open_)) == 4.0).all()


def test_on_its_ex_date_a_dividends_factor_tells_nothing_of_the_close_to_come(
    rows: Rows, timeline: Timeline
) -> None:
    """Another close of the ex-date, same dividend: what is served before that close is the same."""
    ex = next(i for i, row in enumerate(rows["MSFT"]) if row.session == "2004-11-15")
    own = list(rows["MSFT"][: ex + 1])
    listing = LISTINGS[-1]
    factors = []
    for close in (own[ex].close, own[ex].close - 0.1):
        # The data set's adjusted close of the day before depends on the ex-date's close.
        shift = (close + 3.08) / close / ((own[ex].close + 3.08) / own[ex].close)
        other = [replace(row, adjusted_close=row.adjusted_close / shift) for row in own[:ex]]
        scale = own[ex].adjusted_close / own[ex].close
        other.append(replace(own[ex], close=close, adjusted_close=close * scale))
        series = DailySeries(listing, other, derive_actions(other), timeline)
        open_ = timeline.at(position_at(timeline, date(2004, 11, 15), 60))
        done = timeline.at(position_at(timeline, date(2004, 11, 16)))
        early = series.price_factors(series.session[:ex], open_, "all")
        late = series.price_factors(series.session[:ex], done, "all")
        factors.append((early, late))
    assert factors[0][0] == pytest.approx(factors[1][0], rel=1e-12)
    # Control arm: the data set's own factor does differ.
    assert factors[0][1] != pytest.approx(factors[1][1], rel=1e-6)


def test_previous_close_is_what_the_day_is_compared_with(market: DemoMarket) -> None:
    def previous(symbol: str, day: date) -> float | None:
        series = market.series[symbol]
        row = series.row_of(market.timeline.index_from(day))
        assert row is not None
        return series.previous_close(row)

    assert previous("AAPL", date(2005, 2, 28)) == pytest.approx(88.99 / 2)
    assert previous("MSFT", date(2004, 11, 15)) == pytest.approx(29.97 - 3.08)
    assert previous("AAPL", date(2012, 9, 4)) == 665.24
    assert previous("FB", date(2012, 5, 18)) is None


def test_a_flawed_row_is_clamped_and_scored_low(rows: Rows, timeline: Timeline) -> None:
    own = list(rows["IBM"][:5])
    flawed = replace(own[2], open=own[2].high + 1, volume=-5, flaws=("open is outside",))
    own[2] = flawed
    series = DailySeries(LISTINGS[3], own, [], timeline)
    assert series.quality.tolist() == [SOUND_QUALITY] * 2 + [FLAWED_QUALITY] + [SOUND_QUALITY] * 2
    bar = series.day_bar(2)
    assert bar.low <= bar.open <= bar.high == flawed.open
    assert bar.volume == 0
    assert clamp(replace(flawed, close=float("nan"))).close > 0
