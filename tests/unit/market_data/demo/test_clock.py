"""The replay clock and its record."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.agents.market_data.demo.clock import RESERVE_SECONDS, ReplayClock
from trading_dashboard.agents.market_data.demo.journal import ReplayRecord
from trading_dashboard.agents.market_data.demo.timeline import Session, Timeline

TIMELINE = Timeline(
    [
        Session(date(2001, 1, 2), 100_000, 123_400),
        Session(date(2001, 1, 3), 200_000, 212_600),
        Session(date(2001, 1, 4), 300_000, 323_400),
        Session(date(2001, 1, 5), 400_000, 423_400),
    ]
)


class Wall:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class MemoryJournal:
    """Keeps the newest record; can refuse."""

    def __init__(self) -> None:
        self.record: ReplayRecord | None = None
        self.is_full = False

    def write(self, record: ReplayRecord) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.record = record

    @property
    def position(self) -> float:
        assert self.record is not None
        index = TIMELINE.index_from(date.fromisoformat(self.record.session))
        return TIMELINE.start_of(index) + self.record.offset


def make(
    wall: Wall, journal: MemoryJournal, position: float = 0.0, speed: float = 60.0
) -> ReplayClock:
    clock = ReplayClock(
        TIMELINE, journal, position=position, speed=speed, configured="test", monotonic=wall
    )
    clock.set()
    return clock


def test_it_runs_at_its_speed() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal)
    for _ in range(10):
        wall.now += 0.5
        clock.renew()
    assert clock.position() == pytest.approx(300.0)


def test_it_never_passes_its_record() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal)
    wall.now += 100.0
    assert clock.position() == journal.position == 60.0 * RESERVE_SECONDS
    clock.renew()
    wall.now += 0.25
    assert clock.position() == pytest.approx(75.0)


@given(
    steps=st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=30),
    speed=st.sampled_from([1.0, 60.0, 1000.0]),
)
def test_a_restart_never_falls_behind_what_was_served(
    steps: list[tuple[float, bool]], speed: float
) -> None:
    """Whenever it dies, the record is not behind, and at most the reserve ahead."""
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal, speed=speed)
    served = 0.0
    for seconds, renews in steps:
        wall.now += seconds
        if renews:
            clock.renew()
        position = clock.position()
        assert position >= served
        served = position
        assert served <= journal.position <= served + speed * RESERVE_SECONDS + 1e-6


def test_control_arm_a_record_of_the_position_alone_falls_behind() -> None:
    """Without the reserve, what was served after the last write would come again."""
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal)
    recorded_plainly = clock.position()
    wall.now += 0.4
    assert clock.position() > recorded_plainly
    assert clock.position() <= journal.position


def test_pause_and_speed() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal)
    wall.now += 0.5
    clock.set(paused=True)
    wall.now += 1000
    assert clock.position() == journal.position == pytest.approx(30.0)
    assert not clock.is_moving
    clock.set(paused=False, speed=2.0)
    wall.now += 0.5
    assert clock.position() == pytest.approx(31.0)


def test_a_change_that_cannot_be_recorded_changes_nothing() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal)
    journal.is_full = True
    with pytest.raises(OSError, match="No space"):
        clock.set(speed=5.0, position=1000.0)
    assert clock.speed == 60.0
    assert clock.position() == 0.0


def test_it_stops_at_the_end_of_the_data() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal, position=TIMELINE.total - 30.0)
    wall.now += 1.0
    clock.renew()
    assert clock.position() == TIMELINE.total
    assert not clock.is_moving
    state = clock.state()
    assert (state.finished, state.market, state.next_open) == (True, "closed", None)
    assert state.now == state.end


def test_settle_records_the_exact_position() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal)
    wall.now += 0.3
    clock.settle()
    assert journal.position == pytest.approx(18.0)


def test_state_across_a_close() -> None:
    wall, journal = Wall(), MemoryJournal()
    clock = make(wall, journal, position=23_399.0)
    assert clock.state().session == date(2001, 1, 2)
    clock.set(position=23_400.0, paused=True)
    state = clock.state()
    assert state.session == date(2001, 1, 3)
    assert state.now.timestamp() == 200_000
    assert state.next_close is not None
    assert state.next_close.timestamp() == 212_600
