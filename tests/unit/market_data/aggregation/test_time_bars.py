"""Time bars equal the plain way, whatever the order, the batches and the exchange."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.market_data.aggregation.exchanges import always_open, at, exchange, ticks_of
from tests.unit.market_data.aggregation.reference import PlainBars
from trading_dashboard.agents.market_data.aggregation.changes import BarChange, Changes
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars

US = 1_000_000
# Daylight saving begins in New York within them, on 10 March.
NEW_YORK = exchange("America/New_York", date(2024, 3, 1), 40, ("09:30", "16:00"))
TOKYO = exchange(
    "Asia/Tokyo", date(2024, 3, 1), 40, ("09:00", "15:00"), pause=("11:30", "12:30")
)  # fmt: skip
COINS = always_open(date(2024, 3, 1), 40)
SESSIONS = {"NY": NEW_YORK, "JP": TOKYO, "BTC": COINS}
INTERVALS = ("1s", "5s", "1m", "5m", "1h", "4h", "1d", "1w", "1M")
HORIZON = 60

Row = tuple[str, int, float, float]


def time_bars(**options: float) -> TimeBars:
    return TimeBars(SESSIONS.__getitem__, INTERVALS, horizon_seconds=HORIZON, **options)  # type: ignore[arg-type]


def kept(changes: Iterable[Changes]) -> dict[tuple[str, str, int], tuple[object, ...]]:
    """Return the newest state published of each bar."""
    states: dict[tuple[str, str, int], tuple[object, ...]] = {}
    for change in (change for batch in changes for change in batch):
        bars = change.bars
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.closed)
        rows = zip(*(column.tolist() for column in (*columns, bars.revision)), strict=True)
        for start, row in zip(bars.start.tolist(), rows, strict=True):
            states[bars.symbol, bars.interval, start] = row
    return states


@st.composite
def days_of_ticks(draw: st.DrawFn) -> list[Row]:
    """Ticks that move on by little or by days, and sometimes back."""
    now = at("2024-03-07 20:00") + draw(st.integers(0, 86_400)) * US
    rows: list[Row] = []
    steps = st.sampled_from([0, 1, 300_000, US, 7 * US, 45 * US, 1800 * US, 9 * 3600 * US])
    back = st.sampled_from([0, 0, 0, 500_000, 3 * US, 30 * US, 70 * US, 4000 * US])
    for _ in range(draw(st.integers(1, 40))):
        now += draw(steps)
        symbol = draw(st.sampled_from(sorted(SESSIONS)))
        price = draw(st.integers(9_000, 11_000)) / 100
        rows.append((symbol, now - draw(back), price, float(draw(st.integers(0, 500)))))
    return rows


@settings(max_examples=150, deadline=None)
@given(rows=days_of_ticks(), data=st.data())
def test_bars_equal_the_plain_way(rows: list[Row], data: st.DataObject) -> None:
    plain = PlainBars(SESSIONS, INTERVALS, horizon=HORIZON * US)
    fast = time_bars()
    changes = []
    rejected: list[tuple[str, int | None]] = []
    first = 0
    while first < len(rows):
        count = data.draw(st.integers(1, len(rows) - first))
        batch = rows[first : first + count]
        for row in batch:
            plain.tick(*row, delay=5)
        changes.append(fast.push(ticks_of(batch, delay=5)))
        rejected += [(item.symbol, item.at) for item in changes[-1].rejected]
        first += count
        if data.draw(st.booleans()):
            now = max(row[1] for row in rows[:first]) + data.draw(st.sampled_from([0, 3, 90])) * US
            plain.advance(now)
            changes += fast.advance(now)
    assert kept(changes) == plain.values()
    assert sorted(rejected) == sorted(plain.too_late)


def of(changes: Changes, symbol: str, interval: str) -> BarChange:
    [change] = changes.of(symbol, interval)
    return change


def starts(changes: Iterable[Changes], symbol: str, interval: str) -> list[int]:
    found = {key[2] for key in kept(changes) if key[:2] == (symbol, interval)}
    return sorted(found)


def test_hours_begin_with_the_session_before_and_after_daylight_saving() -> None:
    zone = "America/New_York"
    for day in ("2024-03-08", "2024-03-11"):
        times = ("09:30", "10:29:59.9", "10:30", "15:45", "15:59:59.9")
        fast = time_bars()
        changes = [fast.push(ticks_of([("NY", at(f"{day} {t}", zone), 1.0, 1.0) for t in times]))]
        hours = [at(f"{day} {t}", zone) for t in ("09:30", "10:30", "15:30")]
        assert starts(changes, "NY", "1h") == hours
        last = of(changes[0], "NY", "1h")
        assert not last.bars.closed[-1]
        [closed] = fast.advance(at(f"{day} 16:00:02", zone))
        assert of(closed, "NY", "1h").bars.start.tolist() == [hours[-1]]


def test_hours_end_at_a_pause_and_begin_again_after_it() -> None:
    zone = "Asia/Tokyo"
    times = ("11:00", "11:29:59", "11:30", "12:29", "12:30", "14:30")
    fast = time_bars()
    changes = fast.push(ticks_of([("JP", at(f"2024-03-08 {t}", zone), 1.0, 1.0) for t in times]))
    wanted = [at(f"2024-03-08 {t}", zone) for t in ("11:00", "12:30", "14:30")]
    assert starts([changes], "JP", "1h") == wanted
    assert fast.outside_sessions == 2


def test_a_market_that_never_closes_is_aligned_to_utc() -> None:
    times = ("2024-03-08 03:59:59", "2024-03-08 04:00", "2024-03-09 00:00")
    changes = time_bars().push(ticks_of([("BTC", at(t), 1.0, 1.0) for t in times]))
    wanted = [at(t) for t in ("2024-03-08 00:00", "2024-03-08 04:00", "2024-03-09 00:00")]
    assert starts([changes], "BTC", "4h") == wanted
    assert starts([changes], "BTC", "1d") == [at("2024-03-08 00:00"), at("2024-03-09 00:00")]


def test_a_week_begins_with_its_first_session_and_closes_with_its_last() -> None:
    holidays = [date(2024, 3, 4), date(2024, 3, 8)]
    sessions = exchange(
        "America/New_York", date(2024, 3, 1), 20, ("09:30", "16:00"), holidays=holidays
    )
    fast = TimeBars(lambda _: sessions, ("1w",))
    fast.push(ticks_of([("NY", at("2024-03-06 15:00"), 1.0, 1.0)]))
    assert fast.advance(at("2024-03-07 16:00:01", "America/New_York")) == []
    [closed] = fast.advance(at("2024-03-07 16:00:02", "America/New_York"))
    assert of(closed, "NY", "1w").bars.start.tolist() == [at("2024-03-05 00:00")]


def test_a_late_tick_amends_the_closed_bar_and_says_so() -> None:
    fast = time_bars()
    begin = at("2024-03-08 12:00")
    fast.watch("fake", ["BTC"], begin)
    fast.push(ticks_of([("BTC", begin, 10.0, 1.0), ("BTC", begin + 1_200_000, 11.0, 1.0)]))
    changes = fast.push(ticks_of([("BTC", begin + 900_000, 9.0, 2.0)]))
    amended = of(changes, "BTC", "1s")
    assert amended.is_amended.tolist() == [True]
    assert amended.bars.revision.tolist() == [1]
    assert amended.bars.low.tolist() == [9.0]
    assert amended.bars.close.tolist() == [9.0]
    assert amended.bars.volume.tolist() == [3.0]
    minute = of(changes, "BTC", "1m")
    assert not minute.bars.closed[0]  # still forming: nothing to amend
    assert minute.bars.close.tolist() == [11.0]


def test_a_tick_beyond_the_horizon_is_rejected_for_all_intervals() -> None:
    fast = time_bars()
    begin = at("2024-03-08 12:00")
    fast.push(ticks_of([("BTC", begin + 61 * US, 10.0, 1.0)]))
    changes = fast.push(ticks_of([("BTC", begin + US - 1, 9.0, 2.0)]))
    assert len(changes) == 0
    assert [item.reason for item in changes.rejected] == ["too_late"]
    assert fast.too_late == 1


def test_a_silent_minute_is_closed_by_the_clock_and_none_is_invented() -> None:
    fast = time_bars(grace_seconds=2.0)
    begin = at("2024-03-08 12:00")
    fast.push(ticks_of([("BTC", begin, 10.0, 1.0)]))
    assert not any(len(batch.of("BTC", "1m")) for batch in fast.advance(begin + 61 * US))
    [closed] = fast.advance(begin + 62 * US)
    assert of(closed, "BTC", "1m").bars.closed.tolist() == [True]
    assert starts(fast.advance(begin + 200 * US), "BTC", "1m") == []


def test_a_delayed_source_closes_its_bars_later_by_the_delay() -> None:
    fast = time_bars(grace_seconds=2.0)
    begin = at("2024-03-08 12:00")
    fast.push(ticks_of([("BTC", begin, 10.0, 1.0)], delay=900 * US))
    assert fast.advance(begin + 902 * US) == []
    [closed] = fast.advance(begin + 903 * US)
    assert [change.bars.interval for change in closed] == ["1s"]


def test_the_closing_auction_counts_to_the_last_bar_where_so_set() -> None:
    zone = "America/New_York"
    auction = [("NY", at("2024-03-08 15:59:59", zone), 10.0, 1.0),
               ("NY", at("2024-03-08 16:00:04", zone), 12.0, 500.0),
               ("NY", at("2024-03-08 16:00:05", zone), 13.0, 1.0)]  # fmt: skip
    fast = time_bars(after_close_seconds=5.0)
    day = of(fast.push(ticks_of(auction)), "NY", "1d").bars
    assert (day.close.tolist(), day.volume.tolist()) == ([12.0], [501.0])
    assert fast.outside_sessions == 1
    strict = time_bars()
    assert of(strict.push(ticks_of(auction)), "NY", "1d").bars.close.tolist() == [10.0]


def test_bars_begun_before_the_symbol_was_watched_are_not_kept() -> None:
    fast = time_bars()
    begin = at("2024-03-08 12:00")
    changes = fast.push(ticks_of([("BTC", begin + 30 * US, 1.0, 1.0),
                                  ("BTC", begin + 61 * US, 1.0, 1.0),
                                  ("BTC", begin + 121 * US, 1.0, 1.0)]))  # fmt: skip
    minutes = of(changes.closed(), "BTC", "1m").bars
    assert minutes.start.tolist() == [begin + 60 * US]
    watched = time_bars()
    watched.watch("fake", ["BTC"], begin)
    changes = watched.push(ticks_of([("BTC", begin + 30 * US, 1.0, 1.0),
                                     ("BTC", begin + 61 * US, 1.0, 1.0)]))  # fmt: skip
    assert of(changes.closed(), "BTC", "1m").bars.start.tolist() == [begin]


def test_after_a_restart_longer_bars_go_on_from_the_stored_ones() -> None:
    begin = at("2024-03-08 12:00")
    rows = [("BTC", begin + i * 10 * US, 100.0 + i % 7, 1.0) for i in range(40)]
    whole, first, second = time_bars(), time_bars(), time_bars()
    whole.watch("fake", ["BTC"], at("2024-03-01 00:00"))
    first.watch("fake", ["BTC"], at("2024-03-01 00:00"))
    expected = kept([whole.push(ticks_of(rows))])
    stored = first.push(ticks_of(rows[:31])).closed()  # the 31st closed the fifth minute
    minutes = of(stored, "BTC", "1m").bars
    second.watch("fake", ["BTC"], begin + 300 * US)
    second.restore(minutes, since=at("2024-03-01 00:00"))
    changes = second.push(ticks_of(rows[30:]))
    found = kept([changes])
    for interval in ("5m", "1h", "4h", "1d", "1w", "1M"):
        keys = [key for key in found if key[1] == interval]
        assert keys
        assert {key: found[key] for key in keys} == {key: expected[key] for key in keys}
    assert of(changes, "BTC", "1d").whole.all()
    late = second.push(ticks_of([rows[29]]))  # is in the stored minutes already
    assert [item.reason for item in late.rejected] == ["too_late"]


def test_of_many_changes_only_the_watched_series_are_looked_at() -> None:
    begin = at("2024-03-08 12:00")
    changes = time_bars().push(ticks_of([("BTC", begin, 1.0, 1.0), ("JP", begin, 1.0, 1.0)]))
    watched = changes.among([("BTC", "1m"), ("BTC", "1d"), ("NY", "1m"), ("BTC", "77s")])
    assert [change.bars.interval for change in watched] == ["1m", "1d"]


def test_the_bars_that_form_are_told_when_asked() -> None:
    made = time_bars()
    first = at("2024-03-07 20:00")
    changes = [made.push(ticks_of([("BTC", first + n * 7 * US, 1.0 + n, 2.0)])) for n in range(20)]
    source = changes[0].source
    newest = {key[1]: (key[2], row) for key, row in sorted(kept(changes).items())}
    expected = {name: (start, row[3]) for name, (start, row) in newest.items() if not row[5]}
    told = made.forming(source, "BTC")
    assert {b.interval: (int(b.start[0]), float(b.close[0])) for b in told} == expected
    assert {"1m", "1d", "1M"} <= expected.keys()
    made.advance(first + 3700 * US)
    assert {bars.interval for bars in made.forming(source, "BTC")} == {"4h", "1d", "1w", "1M"}
    assert made.forming(source, "NY") == made.forming("another", "BTC") == []


def test_until_its_sessions_are_known_a_symbol_has_no_bars() -> None:
    known = dict[str, object]()
    fast = TimeBars(lambda symbol: COINS if symbol in known else None, ("1m",))
    begin = at("2024-03-08 12:00")
    assert len(fast.push(ticks_of([("BTC", begin, 1.0, 1.0)]))) == 0
    assert fast.outside_sessions == 1
    known["BTC"] = True
    assert len(fast.push(ticks_of([("BTC", begin + 1, 1.0, 1.0)]))) == 1


def test_a_calendar_that_has_grown_is_taken_over() -> None:
    calendars = [always_open(date(2024, 3, 1), 8), always_open(date(2024, 3, 1), 9)]
    fast = TimeBars(lambda _: calendars[0], ("1m",))
    fast.push(ticks_of([("BTC", at("2024-03-08 23:59"), 1.0, 1.0)]))
    tomorrow = ticks_of([("BTC", at("2024-03-09 00:00"), 1.0, 1.0)])
    assert len(fast.push(tomorrow)) == 0
    del calendars[0]
    fast.renew()
    assert starts([fast.push(tomorrow)], "BTC", "1m") == [
        at("2024-03-08 23:59"), at("2024-03-09 00:00")
    ]  # fmt: skip


def test_with_too_many_closed_bars_the_horizon_shrinks_and_memory_does_not_grow() -> None:
    fast = time_bars(max_recent=100)
    begin = at("2024-03-08 12:00")
    for second in range(400):
        rows = [("BTC", begin + second * US + i * 1000, 1.0, 1.0) for i in range(2)]
        fast.push(ticks_of(rows))
    old = fast.push(ticks_of([("BTC", begin + 350 * US, 1.0, 1.0)]))
    assert len(old) or old.rejected  # amended, or refused; never a second bar in its place
    assert fast.remembered <= 300
