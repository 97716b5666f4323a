"""One detection's way from forming to its end, each change at its own bar."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from trading_dashboard.agents.pattern_recognition.detections import Pivot, ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate, level
from trading_dashboard.agents.pattern_recognition.shapes.life import TRANSITIONS, Living, as_of
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import Track
from trading_dashboard.models.patterns import PatternState

SETTINGS = ShapeSettings(breakout_atr=0.5, confirmed_min_bars=5, confirmed_share=0.1)
TOP, BOTTOM, HEIGHT = 110.0, 100.0, 10.0
START = 20
EXPIRES = 30


def lived(
    closes: Iterable[float], direction: int = 1, volume: float = 1_000, **changes: object
) -> ShapeDetection:
    """Return a pattern between two levels after bars of these closes, each 2 tall, ATR 2."""
    track = Track()
    for _ in range(START):
        track.push((105, 106, 104, 105, 1_000))
    candidate = Candidate(
        pattern="rectangle",
        direction=direction,
        pivots=(Pivot(5, TOP, True, 8), Pivot(10, BOTTOM, False, 12)),
        lines=(level("upper", 5, 10, TOP), level("lower", 5, 10, BOTTOM)),
        above=level("upper", 5, 10, TOP),
        below=level("lower", 5, 10, BOTTOM),
        height=HEIGHT,
        fit=0.8,
        touches=6,
        expires=EXPIRES,
    )
    for name, value in changes.items():
        setattr(candidate, name, value)
    living = Living(candidate, START - 1, SETTINGS)
    for bar, close in enumerate(closes, START):
        track.push((close, close + 1, close - 1, close, volume))
        if not living.is_over:
            living.push(track, bar)
    return living.detection


def states(detection: ShapeDetection) -> list[tuple[str, int]]:
    return [(change.state.value, change.bar) for change in detection.changes]


def test_a_close_just_beyond_the_level_is_no_breakout() -> None:
    assert states(lived([110.5])) == []
    assert lived([110.5]).end == START - 1


def test_a_breakout_sets_what_it_brings() -> None:
    found = lived([113], volume=2_000)
    assert states(found) == [("confirmed", START)]
    assert (found.confirmed_at, found.end) == (START, START)
    assert (found.breakout_level, found.invalidation, found.target) == (TOP, BOTTOM, 120)
    assert found.volume_ratio == pytest.approx(2)
    assert found.volume_confirms is True


def test_volume_that_is_unknown_or_small_does_not_confirm() -> None:
    assert lived([113], volume=float("nan")).volume_confirms is None
    assert lived([113], volume=0).volume_ratio is None
    assert lived([113], volume=900).volume_confirms is False


def test_downward_breakouts_ask_for_no_volume() -> None:
    found = lived([97], direction=0)
    assert (found.direction, found.target, found.invalidation) == (-1, 90, TOP)
    assert found.volume_ratio == pytest.approx(1)
    assert found.volume_confirms is None


def test_the_target_counts_within_a_bar() -> None:
    found = lived([113, 116, 119.5])
    assert states(found)[-1] == ("target_reached", START + 2)
    assert found.changes[-1].price == 120
    assert found.end == START


def test_a_bar_that_reaches_the_target_and_fails_has_failed() -> None:
    found = lived([113, 99.5], target=100.2)
    assert states(found)[-1] == ("failed", START + 1)


@pytest.mark.parametrize(
    ("closes", "state", "bar"),
    [
        ([97], "failed", START),
        ([105] * 20, "expired", EXPIRES),
        ([113, 99], "failed", START + 1),
        ([113, *[112] * 20], "expired", START + 5),
    ],
)
def test_it_ends_once(closes: list[float], state: str, bar: int) -> None:
    found = lived([*closes, 97, 130, 90])
    assert states(found)[-1] == (state, bar)
    assert not found.is_open


def test_too_early_a_breakout_is_none() -> None:
    assert states(lived([113], earliest=START + 3)) == [("expired", START)]


def test_as_of_forgets_what_came_later() -> None:
    whole = lived([105, 97, 93, 89.5], direction=0)
    assert states(whole) == [("confirmed", START + 1), ("target_reached", START + 3)]
    assert as_of(whole, START - 1) is None
    for length in (START, START + 1):
        assert as_of(whole, length) == lived([105][: length - START], direction=0)
    for length in (START + 2, START + 3, START + 4):
        assert as_of(whole, length) == lived([105, 97, 93, 89.5][: length - START], direction=0)


def test_only_open_states_have_ways_out() -> None:
    ends = {PatternState.TARGET_REACHED, PatternState.FAILED, PatternState.EXPIRED}
    assert not any(state in ends for state, _ in TRANSITIONS)
    assert set(TRANSITIONS.values()) == {*ends, PatternState.CONFIRMED}
