"""Bars: what depends on neighbours, actions, order and hours; hostile input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.market_data.quality.provider_ticks import DAY, FIRST_DAY, weekdays
from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.bar_settings import BarSettings
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, CorporateEvent

SESSIONS = weekdays(120)
NOW = (FIRST_DAY + 300) * DAY
Row = tuple[int, float, float, float, float, float]


def days(closes: list[float], first: int = 0) -> list[Row]:
    return [
        (int(day) * DAY, close, close * 1.01, close * 0.99, close, 1000.0)
        for day, close in zip(SESSIONS.day[first:].tolist(), closes, strict=False)
    ]


def daily(rows: list[Row]) -> Bars:
    return Bars.of("s", "A", "1d", rows)


def context(**changes: object) -> BarContext:
    return replace(BarContext(now=NOW, sessions=SESSIONS), **changes)  # type: ignore[arg-type]


def event(row: Row, ratio: float | None = None, amount: float | None = None) -> CorporateEvent:
    return CorporateEvent(source="s", symbol="A", ex_day=row[0] // DAY, ratio=ratio, amount=amount)


def test_a_crash_that_stays_is_good_and_one_bar_alone_is_not() -> None:
    crash = [100.0] * 20 + [68.0] * 10
    assert len(BarGate().check(daily(days(crash)), context()).good) == 30
    spike = [100.0] * 20 + [68.0] + [100.0] * 9
    verdict = BarGate().check(daily(days(spike)), context())
    assert verdict.reasons == {"outlier": 1}
    assert len(verdict.good) == 29


def test_the_newest_bar_waits_for_a_later_price() -> None:
    bars = daily(days([100.0] * 20 + [68.0]))
    assert BarGate().check(bars, context()).reasons == {"outlier_unconfirmed": 1}
    assert BarGate().check(bars, context(confirmed_by=67.0)).reasons == {}
    assert BarGate().check(bars, context(confirmed_by=99.0)).reasons == {"outlier_unconfirmed": 1}
    followed = daily(days([100.0] * 20 + [68.0, 67.0]))
    assert BarGate().check(followed, context()).reasons == {}


def test_the_close_before_counts() -> None:
    bars = daily(days([10.0] + [100.0] * 10, first=5))
    assert BarGate().check(bars, context(previous_close=101.0)).reasons == {"outlier": 1}
    single = daily(days([68.0]))
    assert BarGate().check(single, context(previous_close=100.0)).reasons == {
        "outlier_unconfirmed": 1
    }


def test_a_split_explains_its_jump_also_at_the_first_bar() -> None:
    rows = days([100.0] * 10 + [25.0] * 10)
    bars = daily(rows)
    assert BarGate().check(bars, context()).reasons == {"split_not_listed": 1}
    verdict = BarGate().check(bars, context(actions=[event(rows[10], 4.0)]))
    assert (verdict.reasons, len(verdict.actions)) == ({}, 1)
    first = BarContext(now=NOW, actions=[event(rows[10], 4.0)], previous_close=100.0)
    verdict = BarGate().check(daily(rows[10:]), first)
    assert (verdict.reasons, len(verdict.actions)) == ({}, 1)


def test_an_invented_split_is_quarantined_and_the_prices_are_good() -> None:
    rows = days([100.0] * 20)
    verdict = BarGate().check(daily(rows), context(actions=[event(rows[10], 2.0)]))
    assert verdict.reasons == {"split_not_visible": 1}
    assert (len(verdict.good), len(verdict.actions), verdict.bad[0].interval) == (20, 0, "")


def test_a_split_that_nobody_can_judge_is_believed() -> None:
    rows = days([100.0] * 20)
    outside = CorporateEvent(source="s", symbol="A", ex_day=FIRST_DAY + 200, ratio=2.0)
    small = event(rows[10], 1.02)
    before_all = event(rows[0], 2.0)
    actions = [outside, small, before_all, small]
    verdict = BarGate().check(daily(rows), context(actions=actions))
    assert verdict.reasons == {}
    assert list(verdict.actions) == [outside, small, before_all]


def test_a_dividend_explains_its_fall() -> None:
    rows = days([100.0] * 10 + [68.0] * 2 + [100.0] * 8)
    assert BarGate().check(daily(rows), context()).reasons == {"outlier": 2}
    paid = event(days([68.0], first=10)[0], None, 32.0)
    verdict = BarGate().check(daily(rows[:12]), context(actions=[paid]))
    assert verdict.reasons == {}


def test_a_filler_row_only_where_trades_have_a_volume() -> None:
    flat = [(row[0], 100.0, 100.0, 100.0, 100.0, 0.0) for row in days([100.0] * 10)]
    assert BarGate().check(daily(flat), context()).reasons == {}
    assert BarGate().check(daily(flat[:1]), context(has_volume=True)).reasons == {
        "flat_without_volume": 1
    }
    rows = days([100.0] * 10)
    rows[4] = flat[4]
    assert BarGate().check(daily(rows), context()).reasons == {"flat_without_volume": 1}
    assert BarGate().check(daily(rows), context(has_volume=False)).reasons == {}


def test_a_closed_bar_replaces_a_forming_one_and_a_revision_an_earlier_one() -> None:
    rows = days([100.0, 100.0, 101.0, 102.0])
    rows[2] = (rows[1][0], *rows[2][1:])
    rows[3] = (rows[1][0], *rows[3][1:])
    bars = daily(rows)
    bars.closed[1] = False
    bars.revision[3] = 1
    verdict = BarGate().check(bars, context())
    assert verdict.good.close.tolist() == [100.0, 102.0]
    assert (verdict.reasons, verdict.repeated) == ({}, 2)


def test_contradicting_rows_are_settled_by_their_neighbours_or_not_at_all() -> None:
    rows = days([100.0] * 10)
    ten = (rows[5][0], 1000.0, 1010.0, 990.0, 1000.0, 1.0)
    for order in ([*rows, ten], [ten, *rows]):
        verdict = BarGate().check(daily(order), context())
        assert (verdict.reasons, len(verdict.good), verdict.reordered) == ({"outlier": 1}, 10, True)
    near = (rows[5][0], 100.5, 101.0, 99.0, 100.5, 1000.0)
    verdict = BarGate().check(daily([*rows, near]), context())
    assert (verdict.reasons, len(verdict.good)) == ({"conflicting_duplicate": 2}, 9)


def test_bars_of_weeks_and_months() -> None:
    monday, tuesday = int(SESSIONS.day[0]) * DAY, int(SESSIONS.day[1]) * DAY
    price = (100.0, 101.0, 99.0, 100.0, 5.0)
    weeks = Bars.of("s", "A", "1w", [(monday, *price), (monday + 7 * DAY, *price)])
    assert BarGate().check(weeks, context()).reasons == {}
    late = Bars.of("s", "A", "1w", [(tuesday, *price)])
    assert BarGate().check(late, context()).reasons == {"not_aligned": 1}
    holiday = replace(
        SESSIONS,
        **{
            name: getattr(SESSIONS, name)[1:]
            for name in ("day", "open_at", "close_at", "break_start", "break_end")
        },
    )
    for start in (monday, tuesday):  # both name the week
        week = Bars.of("s", "A", "1w", [(start, *price), (monday + 7 * DAY, *price)])
        assert "outside_sessions" not in BarGate().check(week, context(sessions=holiday)).reasons


def test_minutes_align_to_the_open_and_to_the_end_of_the_pause() -> None:
    sessions = weekdays(5, has_break=True)
    minute = 60 * MICROSECONDS
    open_at, pause = int(sessions.open_at[1]), int(sessions.break_start[1])
    resumed, close = int(sessions.break_end[1]), int(sessions.close_at[1])
    starts = [open_at - minute, open_at, pause - 30 * minute, pause, resumed, close]
    rows = [(start, 100.0, 100.5, 99.5, 100.0, 1.0) for start in starts]
    bars = Bars.of("s", "A", "1h", rows)
    verdict = BarGate().check(bars, context(sessions=sessions))
    assert verdict.good.start.tolist() == [open_at, pause - 30 * minute, resumed]
    assert verdict.reasons == {"outside_sessions": 3}
    off = Bars.of("s", "A", "1h", [(open_at + minute, 100.0, 100.5, 99.5, 100.0, 1.0)])
    assert BarGate().check(off, context(sessions=sessions)).reasons == {"not_aligned": 1}
    longer = BarSettings(before_open_seconds=3600, after_close_seconds=3600)
    verdict = BarGate(longer).check(bars, context(sessions=sessions))
    assert verdict.reasons["outside_sessions"] == 1  # the pause


def test_event_bars_are_anywhere_within_a_session() -> None:
    open_at = int(SESSIONS.open_at[1])
    rows = [(open_at + 7, 100.0, 101.0, 99.0, 100.0, 5.0)]
    for interval in ("100t", "5000v", "1000000d"):
        assert not BarGate().check(Bars.of("s", "A", interval, rows), context()).bad


def test_without_sessions_nothing_is_out_of_place() -> None:
    rows = [(FIRST_DAY * DAY + 5 * DAY, 100.0, 101.0, 99.0, 100.0, 5.0)]
    assert BarGate().check(daily(rows), context()).reasons == {"outside_sessions": 1}
    assert BarGate().check(daily(rows), context(sessions=None)).reasons == {}


@pytest.mark.parametrize("interval", ["1x", "", "0t", "7m", "1d; drop"])
def test_an_unknown_interval_is_quarantined(interval: str) -> None:
    verdict = BarGate().check(Bars.of("s", "A", interval, days([1.0])), context())
    assert verdict.reasons == {"unreadable": 1}


def test_columns_that_cannot_be_read_are_quarantined_as_one() -> None:
    whole = daily(days([100.0, 100.0]))
    for broken in (
        replace(whole, high=whole.high[:1]),
        replace(whole, open=np.array(["1", "2"])),
        replace(whole, close=whole.close.reshape(2, 1)),
    ):
        verdict = BarGate().check(broken, context())
        assert (verdict.reasons, len(verdict.good)) == ({"unreadable": 1}, 0)


def test_empty_and_wholly_bad_answers() -> None:
    assert BarGate().check(daily([]), context()).bad == []
    rows = [(row[0], *(math.nan,) * 5) for row in days([1.0, 2.0, 3.0])]
    verdict = BarGate().check(daily(rows), context())
    assert (verdict.reasons, len(verdict.good)) == ({"not_finite": 3}, 0)
    assert verdict.bad[0].row == (
        f'{{"start": {rows[0][0]}, "open": "nan", "high": "nan", "low": "nan", '
        '"close": "nan", "volume": "nan"}'
    )
