"""Activity bars equal the plain way, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.market_data.aggregation.exchanges import at, exchange, ticks_of
from trading_dashboard.agents.market_data.aggregation.activity_bars import Activity, ActivityBars
from trading_dashboard.agents.market_data.aggregation.changes import BarChange

US = 1_000_000
NEW_YORK = exchange("America/New_York", date(2024, 3, 4), 20, ("09:30", "16:00"))
OPEN = at("2024-03-08 09:30", "America/New_York")
KINDS = ("3t", "100v", "5000d")

Row = tuple[str, int, float, float]
State = tuple[float, float, float, float, float, bool]


def activity_bars(kinds: Sequence[str] = KINDS) -> ActivityBars:
    bars = ActivityBars(lambda _: NEW_YORK)
    for kind in kinds:
        bars.add("fake", "NY", kind)
    return bars


def kept(changes: Iterable[BarChange]) -> dict[tuple[str, int], State]:
    states: dict[tuple[str, int], State] = {}
    for change in changes:
        bars = change.bars
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.closed)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for start, row in zip(bars.start.tolist(), rows, strict=True):
            states[bars.interval, start] = row
    return states


def plain(rows: Sequence[Row], kind: str) -> dict[tuple[str, int], State]:
    """Return bars made one tick at a time."""
    activity = Activity.parse(kind)
    bars: dict[tuple[str, int], State] = {}
    session, total, start, last_start = -1, 0.0, None, 0
    for _, when, price, size in rows:
        [found] = NEW_YORK.index_at(ticks_of([("NY", when, price, size)]).at).tolist()
        if found < 0 or found < session:
            continue
        if found > session:
            if start is not None:
                bars[kind, start] = (*bars[kind, start][:5], True)
            session, total, start = found, 0.0, None
        before = total // activity.size
        total += {"t": 1.0, "v": size, "d": price * size}[activity.measure]
        is_closed = total // activity.size != before
        if start is None:
            last_start = start = max(when, last_start + 1)
            bars[kind, start] = (price, price, price, price, 0.0, False)
        open_, high, low, _, volume, _ = bars[kind, start]
        bars[kind, start] = (
            open_, max(high, price), min(low, price), price, volume + size, is_closed
        )  # fmt: skip
        start = None if is_closed else start
    return bars


@st.composite
def ticks_of_days(draw: st.DrawFn) -> list[Row]:
    now = OPEN
    rows = []
    steps = st.sampled_from(
        [0, 0, 500_000, US, -US, 3 * 3600 * US, 20 * 3600 * US, -20 * 3600 * US]
    )
    for _ in range(draw(st.integers(1, 60))):
        now += draw(steps)
        price = draw(st.integers(900, 1100)) / 10
        rows.append(("NY", now, price, draw(st.sampled_from([0.0, 0.1, 7.3, 40.0, 350.0]))))
    return rows


@given(rows=ticks_of_days(), data=st.data())
def test_bars_equal_the_plain_way_to_the_last_digit(rows: list[Row], data: st.DataObject) -> None:
    bars = activity_bars()
    changes: list[BarChange] = []
    first = 0
    while first < len(rows):
        count = data.draw(st.integers(1, len(rows) - first))
        changes += bars.push(ticks_of(rows[first : first + count]))
        first += count
    expected = {key: state for kind in KINDS for key, state in plain(rows, kind).items()}
    assert kept(changes) == expected


def test_the_tick_that_reaches_the_size_completes_the_bar() -> None:
    bars = activity_bars(["100v"])
    rows = [("NY", OPEN + i * US, 10.0 + i, 40.0) for i in range(3)]
    [forming] = kept(bars.push(ticks_of(rows[:2]))).values()
    assert forming == (10.0, 11.0, 10.0, 11.0, 80.0, False)
    [state] = kept(bars.push(ticks_of(rows[2:]))).values()
    assert state == (10.0, 12.0, 10.0, 12.0, 120.0, True)


def test_bars_of_one_moment_have_starts_of_their_own() -> None:
    bars = activity_bars(["3t"])
    found = kept(bars.push(ticks_of([("NY", OPEN, 10.0, 1.0)] * 9)))
    assert [start for _, start in found] == [OPEN, OPEN + 1, OPEN + 2]


def test_the_last_bar_of_a_session_is_closed_by_the_clock() -> None:
    bars = activity_bars(["3t"])
    bars.push(ticks_of([("NY", OPEN, 10.0, 1.0)]))
    close = at("2024-03-08 16:00", "America/New_York")
    assert bars.advance(close + US) == []
    [change] = bars.advance(close + 2 * US)
    assert change.bars.closed.tolist() == [True]
    assert bars.advance(close + 3 * US) == []


def test_a_removed_series_is_gone() -> None:
    bars = activity_bars(["3t"])
    bars.remove("fake", "NY", "3t")
    assert len(bars) == 0
    assert bars.push(ticks_of([("NY", OPEN, 10.0, 1.0)])) == []


@pytest.mark.parametrize("text", ["1d", "0t", "t", "-5v", "5.5v", "10x", "1h", "9" * 20 + "t"])
def test_what_is_no_activity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="written like"):
        activity_bars([text])
