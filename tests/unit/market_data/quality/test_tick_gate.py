"""Ticks: crashes are served, fat fingers are not, and what depends on time and order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.unit.market_data.quality.provider_ticks import DAY, FIRST_DAY, OPEN, weekdays
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.quality.tick_settings import TickSettings
from trading_dashboard.agents.market_data.quality.verdicts import TickVerdict
from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions

NOON = FIRST_DAY * DAY + OPEN + 3600 * MICROSECONDS
SESSIONS = weekdays()


def sessions_of(_: str) -> Sessions:
    return SESSIONS


def ticks(
    prices: Sequence[float],
    *,
    at: Sequence[int] | None = None,
    size: float = 10.0,
    symbol: str = "A",
    source: str = "s",
    received: int | None = None,
) -> Ticks:
    times = [NOON + place * MICROSECONDS for place in range(len(prices))] if at is None else at
    made = np.array(times, dtype=np.int64)
    came = made + 1000 if received is None else np.full(len(made), received)
    return Ticks(
        source=source,
        symbols=("B", symbol),
        symbol=np.ones(len(prices), dtype=np.int32),
        at=made,
        price=np.array(prices, dtype=np.float64),
        size=np.full(len(prices), size),
        received=came,
    )


def later(seconds: float, count: int = 1) -> list[int]:
    return [NOON + int((seconds + place) * MICROSECONDS) for place in range(count)]


def settled_gate() -> TickGate:
    gate = TickGate(sessions_of)
    verdict = gate.check(ticks([100.0, 100.1, 99.9, 100.0]))
    assert list(verdict.good.price) == [100.0, 100.1, 99.9, 100.0]
    return gate


def prices_of(verdict: TickVerdict) -> list[float]:
    return [float(price) for price in verdict.good.price]


# Jumps.


def test_a_fat_finger_is_never_served() -> None:
    gate = settled_gate()
    assert prices_of(gate.check(ticks([1000.0], at=later(10)))) == []
    verdict = gate.check(ticks([100.2], at=later(11)))
    assert prices_of(verdict) == [100.2]
    assert [row.reason for row in verdict.bad] == ["outlier"]
    assert '"price": 1000.0' in verdict.bad[0].row
    assert verdict.waiting == 0


def test_a_crash_is_served_whole_once_it_is_confirmed() -> None:
    gate = settled_gate()
    first = gate.check(ticks([80.0], at=later(10)))
    assert (prices_of(first), first.waiting, list(first.bad)) == ([], 1, [])
    second = gate.check(ticks([79.8], at=later(11)))
    assert (prices_of(second), second.waiting) == ([], 2)
    third = gate.check(ticks([80.1], at=later(12)))
    assert prices_of(third) == [80.0, 79.8, 80.1]
    assert (third.released, third.waiting, list(third.bad)) == (2, 0, [])
    assert prices_of(gate.check(ticks([80.2], at=later(13)))) == [80.2]


def test_a_crash_within_one_batch_is_served_in_order() -> None:
    gate = settled_gate()
    crash = [100.0, 80.0, 79.9, 79.8, 79.9]
    assert prices_of(gate.check(ticks(crash, at=later(10, 5)))) == crash


def test_a_slide_in_steps_is_served_whole() -> None:
    gate = settled_gate()
    slide = [95.0, 90.0, 85.0, 80.0, 80.1, 79.9]
    assert prices_of(gate.check(ticks(slide, at=later(10, 6)))) == slide


def test_a_fat_finger_within_a_crash_is_not_released_with_it() -> None:
    gate = settled_gate()
    verdict = gate.check(ticks([80.0, 800.0, 79.9, 80.1], at=later(10, 4)))
    assert prices_of(verdict) == [80.0, 79.9, 80.1]
    assert [row.reason for row in verdict.bad] == ["outlier"]


def test_copies_and_ticks_of_one_moment_confirm_nothing() -> None:
    gate = settled_gate()
    verdict = gate.check(ticks([80.0, 80.0, 80.0, 80.1], at=later(10) * 4))
    assert prices_of(verdict) == []
    assert [row.reason for row in verdict.bad] == ["duplicate", "duplicate"]
    assert prices_of(gate.check(ticks([100.0], at=later(11)))) == [100.0]


def test_a_late_tick_from_before_a_crash_does_not_undo_it() -> None:
    gate = settled_gate()
    gate.check(ticks([80.0], at=later(10)))
    assert prices_of(gate.check(ticks([100.1], at=later(9)))) == [100.1]
    verdict = gate.check(ticks([80.1, 80.0], at=later(11, 2)))
    assert prices_of(verdict) == [80.0, 80.1, 80.0]


def test_a_symbol_that_jumps_all_the_time_is_served_in_the_end() -> None:
    gate = TickGate(sessions_of)
    steps = [0.01, 0.01, 0.01, *([0.011, 0.01] * 100)]
    verdict = gate.check(ticks(steps, at=later(10, len(steps))))
    assert prices_of(verdict)[-4:] == [0.011, 0.01, 0.011, 0.01]


def test_the_first_trades_wait_for_each_other() -> None:
    gate = TickGate(sessions_of)
    assert prices_of(gate.check(ticks([5.0]))) == []
    verdict = gate.check(ticks([100.0, 100.1, 99.9], at=later(10, 3)))
    assert prices_of(verdict) == [100.0, 100.1, 99.9]
    assert [row.reason for row in verdict.bad] == ["outlier"]


def test_a_quote_without_a_trade_is_served_at_once_but_not_against_the_last_close() -> None:
    assert prices_of(TickGate(sessions_of).check(ticks([100.0], size=0.0))) == [100.0]
    gate = TickGate(sessions_of, reference_of=lambda source, symbol: 100.0)
    assert prices_of(gate.check(ticks([1000.0], size=0.0))) == []
    gate = TickGate(sessions_of)
    gate.seed("s", "A", 100.0)
    assert prices_of(gate.check(ticks([115.0], size=0.0))) == [115.0]  # overnight
    gate = TickGate(sessions_of)
    gate.seed("s", "A", 100.0)
    assert prices_of(gate.check(ticks([150.0], size=0.0))) == []


def test_what_still_waits_at_the_end_is_quarantined() -> None:
    gate = settled_gate()
    gate.check(ticks([80.0], at=later(10)))
    assert [row.reason for row in gate.give_up()] == ["outlier_unconfirmed"]
    assert gate.check(ticks([100.0], at=later(11))).waiting == 0


def test_waiting_is_bounded() -> None:
    gate = TickGate(sessions_of, TickSettings(max_waiting=5))
    gate.check(ticks([100.0, 100.0, 100.0], at=later(0, 3)))
    chaos = [200.0 * 2**place for place in range(20)]
    verdict = gate.check(ticks(chaos, at=later(10, 20)))
    assert verdict.waiting == 5
    assert [row.reason for row in verdict.bad] == ["outlier_unconfirmed"] * 15


def test_sources_and_symbols_are_judged_apart() -> None:
    gate = settled_gate()
    other = gate.check(ticks([50.0, 50.1, 50.0], at=later(10, 3), source="other"))
    assert prices_of(other) == [50.0, 50.1, 50.0]
    assert prices_of(gate.check(ticks([7.0, 7.0, 7.01], at=later(10, 3), symbol="C"))) == [
        7.0,
        7.0,
        7.01,
    ]
    assert prices_of(gate.check(ticks([100.0], at=later(20)))) == [100.0]


def test_released_ticks_keep_their_symbol_when_batches_name_others() -> None:
    gate = settled_gate()
    gate.check(ticks([80.0, 80.1], at=later(10, 2)))
    verdict = gate.check(
        Ticks(
            source="s",
            symbols=("Z", "A"),
            symbol=np.array([1], dtype=np.int32),
            at=np.array(later(12)),
            price=np.array([80.2]),
            size=np.array([1.0]),
            received=np.array(later(12)),
        )
    )
    good = verdict.good
    assert [good.symbols[place] for place in good.symbol] == ["A"] * 3
    assert prices_of(verdict) == [80.0, 80.1, 80.2]


# Time and order.


def test_late_ticks_are_good_within_an_hour() -> None:
    gate = settled_gate()
    assert prices_of(gate.check(ticks([100.0], at=later(-3000)))) == [100.0]
    verdict = gate.check(ticks([100.0], at=later(-3700)))
    assert [row.reason for row in verdict.bad] == ["too_late"]


def test_extended_hours_are_taken_and_marked() -> None:
    open_at, close_at = int(SESSIONS.open_at[1]), int(SESSIONS.close_at[1])
    hour = 3600 * MICROSECONDS
    gate = TickGate(sessions_of, TickSettings(late_seconds=1e6))
    at = [open_at - 6 * hour, open_at - 5 * hour, open_at, close_at, close_at + 4 * hour]
    verdict = gate.check(ticks([100.0] * 5, at=at))
    assert [row.reason for row in verdict.bad] == ["outside_sessions"] * 2
    assert list(verdict.is_extended) == [True, False, True]


def test_regular_hours_only_and_any_hours() -> None:
    at = [int(SESSIONS.open_at[1]) - 1 + place for place in range(3)] + [int(SESSIONS.close_at[1])]
    regular = TickSettings(before_open_seconds=0, after_close_seconds=0)
    verdict = TickGate(sessions_of, regular).check(ticks([100.0] * 4, at=at, size=0))
    assert verdict.good.at.tolist() == at[1:3]
    night = [int(SESSIONS.open_at[1]) - 40_000 * MICROSECONDS]
    anytime = TickGate(sessions_of, TickSettings(any_hours=True))
    assert len(anytime.check(ticks([100.0], at=night, size=0)).good) == 1


def test_the_pause_of_a_session_counts_as_extended() -> None:
    paused = weekdays(has_break=True)
    at = [int(paused.break_start[0]) - 1, int(paused.break_start[0]), int(paused.break_end[0])]
    verdict = TickGate(lambda _: paused).check(ticks([100.0, 100.1, 100.0], at=at))
    assert list(verdict.is_extended) == [False, True, False]


def test_sessions_not_known_yet_are_asked_for_again() -> None:
    answers: list[Sessions | None] = [None, SESSIONS]
    gate = TickGate(lambda _: answers.pop(0))
    night = [(FIRST_DAY + 1) * DAY + 2 * 3600 * MICROSECONDS + place for place in range(3)]
    assert len(gate.check(ticks([100.0] * 3, at=night)).good) == 3
    verdict = gate.check(ticks([100.0], at=[night[0] + 61 * MICROSECONDS]))
    assert [row.reason for row in verdict.bad] == ["outside_sessions"]


def test_a_poll_that_repeats_itself_is_neither_good_nor_bad() -> None:
    gate = TickGate(sessions_of)
    first = gate.check(ticks([100.0], size=0.0))
    again = gate.check(ticks([100.0], size=0.0, received=NOON + 5 * MICROSECONDS))
    assert (len(first.good), len(again.good), again.repeated, list(again.bad)) == (1, 0, 1, [])


def test_an_old_duplicate_is_found_among_many_ticks() -> None:
    gate = TickGate(sessions_of)
    rng = np.random.default_rng(1)
    made = [
        ticks(
            (100 + rng.normal(0, 0.1, 2000)).tolist(),
            at=[NOON + b * 20_000 + p * 10 for p in range(2000)],
        )
        for b in range(30)
    ]
    for batch in made:
        assert len(gate.check(batch).good) == 2000
    again = gate.check(made[20])
    assert len(again.good) == 0
    assert {row.reason for row in again.bad} == {"duplicate"}


# Hostile input.


@pytest.mark.parametrize("column", ["symbol", "at", "price", "size", "received"])
def test_columns_that_cannot_be_read_are_quarantined_as_one(column: str) -> None:
    whole = ticks([100.0, 100.0])
    columns = {name: getattr(whole, name) for name in ("symbol", "at", "price", "size", "received")}
    for wrong in (columns[column][:1], np.array(["x", "y"]), columns[column].reshape(2, 1)):
        broken = Ticks(source="s", symbols=("B", "A"), **(columns | {column: wrong}))
        verdict = TickGate(sessions_of).check(broken)
        assert [row.reason for row in verdict.bad] == ["unreadable"]
        assert len(verdict.good) == 0


def test_an_empty_batch_and_too_many_symbols() -> None:
    gate = TickGate(sessions_of, TickSettings(max_symbols=2))
    assert len(gate.check(ticks([])).good) == 0
    verdict = gate.check(ticks([1.0], symbol="C", size=0))
    assert len(verdict.good) == 1
    verdict = gate.check(ticks([1.0], symbol="D", size=0))
    assert [row.reason for row in verdict.bad] == ["unknown_symbol_index"]


def test_rows_that_jumps_do_not_touch_are_the_same_as_one_by_one() -> None:
    """The arrays and the loop agree."""
    rng = np.random.default_rng(3)
    price = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, 400)))
    price[200:] *= 1.5
    at = later(10, 400)
    whole = TickGate(sessions_of).check(ticks(price.tolist(), at=at))
    gate = TickGate(sessions_of)
    single: list[float] = []
    for place, one in enumerate(price.tolist()):
        single += prices_of(gate.check(ticks([one], at=[at[place]])))
    assert prices_of(whole) == single == price.tolist()
