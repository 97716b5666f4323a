"""Adjusted series agree with the demo's, and never know the future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from tests.unit.market_data.aggregation.exchanges import EPOCH, at, exchange
from trading_dashboard.agents.market_data.aggregation.adjusting import (
    Adjustments,
    AsOf,
    session_days,
)
from trading_dashboard.agents.market_data.aggregation.grid import DAY
from trading_dashboard.agents.market_data.aggregation.resampling import resample
from trading_dashboard.agents.market_data.demo.dataset import Action
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.market import Adjusted
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent

HOWS: tuple[Adjusted, ...] = ("none", "splits", "all")


def raw_bars(series: DailySeries, rows: int) -> Bars:
    part = slice(0, rows)
    columns = (series.open, series.high, series.low, series.close, series.volume)
    values = zip(*(column[part].tolist() for column in columns), strict=True)
    starts = (series.day[part] * DAY).tolist()
    rows_ = [(start, *row) for start, row in zip(starts, values, strict=True)]
    return Bars.of("demo", series.listing.symbol, "1d", rows_)


def events_of(symbol: str, actions: Sequence[Action]) -> list[CorporateEvent]:
    return [
        CorporateEvent(
            source="demo",
            symbol=symbol,
            ex_day=(date.fromisoformat(action.ex_date) - EPOCH).days,
            ratio=action.ratio,
            amount=action.amount,
        )
        for action in actions
    ]


@pytest.mark.parametrize("adjusted", HOWS)
@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_all_of_the_demo_is_adjusted_alike(
    market: DemoMarket, actions: Mapping[str, Sequence[Action]], symbol: str, adjusted: Adjusted
) -> None:
    series = market.series[symbol]
    timeline = market.timeline
    interesting = [timeline.start_of(item.session) for item in series.actions]
    moments = [timeline.start_of(int(series.session[0])) + 23_400 * 5, timeline.total]
    moments += [position + shift for position in interesting for shift in (-1, 0, 23_399, 23_400)]
    for position in moments:
        instant = timeline.at(position)
        raw = raw_bars(series, series.closed_rows(instant))
        day = (timeline.sessions[instant.session].day - EPOCH).days
        as_of = AsOf(day, is_over=instant.finished)
        mine = Adjustments(events_of(symbol, actions[symbol]), raw, as_of, dividends="ex_close")
        sessions = series.session[: len(raw)]
        prices = series.price_factors(sessions, instant, adjusted)
        bars = mine.apply(raw, raw.start // DAY, adjusted)
        # The demo's dividends are rounded to a millionth of a dollar.
        tolerance = 1e-6 if adjusted == "all" else 0.0
        for name in ("open", "high", "low", "close"):
            wanted = getattr(raw, name) * prices
            np.testing.assert_allclose(getattr(bars, name), wanted, rtol=tolerance)
        shares = series.share_factors(sessions, instant) if adjusted != "none" else 1.0
        np.testing.assert_array_equal(bars.volume, raw.volume * shares)


NEW_YORK = exchange("America/New_York", date(2024, 3, 4), 12, ("09:30", "16:00"))
DAYS = [int(day) for day in NEW_YORK.day]


def daily(closes: Sequence[float]) -> Bars:
    rows = [
        (day * DAY, close, close + 1, close - 1, close, 100.0)
        for day, close in zip(DAYS, closes, strict=False)
    ]
    return Bars.of("fake", "NY", "1d", rows)


def event(session: int, **what: float) -> CorporateEvent:
    return CorporateEvent(source="fake", symbol="NY", ex_day=DAYS[session], **what)


def test_a_split_is_unknown_the_evening_before_and_known_at_the_open() -> None:
    raw = daily([100.0, 100.0, 50.0])
    split = [event(2, ratio=2.0)]
    evening = AsOf.at(NEW_YORK, int(NEW_YORK.open_at[2]) - 1)
    assert evening == AsOf(DAYS[1], is_over=True)
    before = Adjustments(split, raw, evening).apply(raw, raw.start // DAY, "splits")
    np.testing.assert_array_equal(before.close, raw.close)
    at_open = AsOf.at(NEW_YORK, int(NEW_YORK.open_at[2]))
    after = Adjustments(split, raw, at_open).apply(raw, raw.start // DAY, "splits")
    assert after.close.tolist() == [50.0, 50.0, 50.0]
    assert after.volume.tolist() == [200.0, 200.0, 100.0]


def test_a_dividend_is_compared_with_the_close_before_it() -> None:
    raw = daily([100.0, 80.0, 78.0])
    paid = [event(2, amount=2.0)]
    bars = Adjustments(paid, raw, AsOf(DAYS[2], is_over=True)).apply(raw, raw.start // DAY, "all")
    np.testing.assert_allclose(bars.close, [97.5, 78.0, 78.0], rtol=1e-15)
    assert bars.volume.tolist() == [100.0] * 3
    splits = Adjustments(paid, raw, AsOf(DAYS[2], is_over=True))
    assert splits.apply(raw, raw.start // DAY, "splits").close.tolist() == raw.close.tolist()


def test_the_close_of_the_ex_date_is_not_used_before_it_is_known() -> None:
    raw = daily([100.0, 80.0, 78.0])
    paid = [event(2, amount=2.0)]
    during = AsOf(DAYS[2], is_over=False)
    early = Adjustments(paid, raw, during, dividends="ex_close")
    assert early.price_factors(raw.start // DAY, "all").tolist() == [0.975, 0.975, 1.0]
    later = Adjustments(paid, raw, AsOf(DAYS[2], is_over=True), dividends="ex_close")
    assert later.price_factors(raw.start // DAY, "all").tolist() == [0.975, 0.975, 1.0]  # 78 / 80


def test_an_event_before_all_bars_changes_nothing() -> None:
    raw = daily([100.0]).take(slice(0, 1))
    factors = Adjustments([event(0, amount=1.0)], raw, AsOf(DAYS[0], is_over=True))
    assert factors.price_factors(raw.start // DAY, "all").tolist() == [1.0]


def test_minutes_take_the_factor_of_their_session() -> None:
    sydney = exchange("Australia/Sydney", date(2024, 3, 4), 5, ("10:00", "16:00"))
    # 10:00 in Sydney is 23:00 UTC of the day before.
    starts = [at(f"2024-03-0{day} 10:00", "Australia/Sydney") for day in (5, 6)]
    minutes = Bars.of("fake", "SYD", "1m", [(start, 8.0, 8.0, 8.0, 8.0, 3.0) for start in starts])
    days = session_days(minutes, sydney)
    assert [EPOCH + timedelta(int(day)) for day in days] == [date(2024, 3, 5), date(2024, 3, 6)]
    split = CorporateEvent(source="fake", symbol="SYD", ex_day=int(days[1]), ratio=4.0)
    known = Adjustments([split], daily([]), AsOf(int(days[1]), is_over=False))
    assert known.apply(minutes, days, "splits").close.tolist() == [2.0, 8.0]


def test_weeks_are_adjusted_by_day_and_then_grouped() -> None:
    raw = daily([100.0, 100.0, 50.0, 50.0, 50.0, 51.0])
    known = Adjustments([event(2, ratio=2.0)], raw, AsOf(DAYS[5], is_over=True))
    with pytest.raises(ValueError, match="group them"):
        known.apply(resample(raw, "1w", NEW_YORK), raw.start[:2] // DAY, "splits")
    weeks = resample(known.apply(raw, raw.start // DAY, "splits"), "1w", NEW_YORK)
    assert weeks.open.tolist() == [50.0, 51.0]
    assert weeks.high.tolist() == [51.0, 52.0]  # 50.5 of the days before, halved
    assert weeks.volume.tolist() == [700.0, 100.0]
    assert weeks.closed.tolist() == [True, False]
    assert weeks.start.tolist() == [DAYS[0] * DAY, DAYS[5] * DAY]
