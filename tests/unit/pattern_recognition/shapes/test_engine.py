"""The engine: order of bars, numbers, snapshots, scale, mirror images."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.planted_patterns import plant
from tests.unit.pattern_recognition.shapes.series import (
    changed,
    damaged,
    pushed,
    real,
    turned_over,
    walk,
)
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import GROUPS
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.engine import ShapeEngine
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import MAX_LOOKBACK, SPARE, Track
from trading_dashboard.models.patterns import PatternState

SETTINGS = ShapeSettings()
MIRRORS = {
    "double_top": "double_bottom",
    "triple_top": "triple_bottom",
    "head_and_shoulders": "inverse_head_and_shoulders",
    "cup_and_handle": "inverse_cup_and_handle",
    "ascending_triangle": "descending_triangle",
    "ascending_channel": "descending_channel",
    "rising_wedge": "falling_wedge",
    "bull_flag": "bear_flag",
    "bull_pennant": "bear_pennant",
}
MIRRORS |= {mirror: name for name, mirror in MIRRORS.items()}


def outline(one: ShapeDetection) -> tuple[object, ...]:
    """Return what does not depend on the price scale."""
    bars = tuple((pivot.bar, pivot.is_high, pivot.known_at) for pivot in one.pivots)
    changes = tuple((change.state, change.bar) for change in one.changes)
    return one.pattern, one.direction, one.start, one.end, one.known_at, bars, changes


def test_an_open_detection_is_the_one_that_changes_later() -> None:
    bars = real("AAPL").between(0, 1500)
    engine = ShapeEngine(SETTINGS)
    told: list[ShapeDetection] = []
    states: list[PatternState] = []
    for bar in range(len(bars)):
        for one in engine.push(bars, bar):
            assert one.known_at == bar or one.changes[-1].bar == bar
            if one.known_at == bar:
                told.append(one)
                states.append(one.state)
            place = next(place for place, other in enumerate(told) if other is one)
            states[place] = one.state
        still_open = [one for one in told if one.is_open]
        assert sorted(map(id, engine.open)) == sorted(map(id, still_open))
        assert [one.known_at for one in engine.open] == [one.known_at for one in still_open]
        assert states == [one.state for one in told]
    assert {PatternState.TARGET_REACHED, PatternState.FAILED, PatternState.EXPIRED} <= {*states}


def test_bars_are_pushed_once_and_in_order() -> None:
    bars = walk(10, 1)
    engine = ShapeEngine(SETTINGS)
    engine.push(bars, 0)
    for wrong in (0, 2):
        with pytest.raises(ValueError, match=f"Bar {wrong} was pushed, but the next one is 1"):
            engine.push(bars, wrong)


def test_a_moving_window_keeps_its_numbers() -> None:
    bars = walk(400, 12)
    engine = ShapeEngine(SETTINGS)
    told: list[ShapeDetection] = []
    for bar in range(len(bars)):
        first = max(bar - 5, 0)
        window = bars.between(first, bar + 1)
        told += [one for one in engine.push(window, bar - first, bar) if one.known_at == bar]
    assert told == detect_shapes(bars, SETTINGS)


@pytest.mark.parametrize("at", [0, 13, 250, MAX_LOOKBACK + SPARE - 1, MAX_LOOKBACK + SPARE, 1100])
def test_a_restored_engine_goes_on_exactly(at: int) -> None:
    bars = damaged(walk(1500, 7), 7)
    engine = ShapeEngine(SETTINGS)
    for bar in range(at):
        engine.push(bars, bar)
    other = ShapeEngine(SETTINGS)
    other.restore(json.loads(json.dumps(engine.snapshot(), allow_nan=False)))
    assert other.open == engine.open
    for bar in range(at, len(bars)):
        assert other.push(bars, bar) == engine.push(bars, bar)
    assert other.snapshot() == engine.snapshot()


def test_a_snapshot_of_other_settings_is_refused() -> None:
    state = ShapeEngine(SETTINGS).snapshot()
    with pytest.raises(ValueError, match="another settings"):
        ShapeEngine(ShapeSettings(breakout_atr=2)).restore(state)
    with pytest.raises(ValueError, match="another patterns"):
        ShapeEngine(SETTINGS, ["rectangle"]).restore(state)
    with pytest.raises(ValueError, match="another version"):
        ShapeEngine(SETTINGS).restore({**state, "version": 0})


def test_an_unknown_pattern_is_named() -> None:
    with pytest.raises(ValueError, match="No such chart pattern: diamond"):
        ShapeEngine(SETTINGS, ["rectangle", "diamond"])


def test_only_the_patterns_asked_for() -> None:
    found = detect_shapes(real("IBM"), SETTINGS, ["double_top", "runaway_gap"])
    assert {one.pattern for one in found} == {"double_top", "runaway_gap"}
    assert not detect_shapes(real("IBM"), SETTINGS, [])


@pytest.mark.parametrize("bars", [real("MSFT"), damaged(walk(1500, 8), 8)])
@pytest.mark.parametrize("factor", [1000.0, 1 / 64])
def test_the_price_scale_does_not_matter(bars: Bars, factor: float) -> None:
    scaled = changed(
        bars,
        **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")},
    )
    before, after = detect_shapes(bars, SETTINGS), detect_shapes(scaled, SETTINGS)
    assert [outline(one) for one in after] == [outline(one) for one in before]
    assert np.allclose(
        [one.target for one in after], [one.target * factor for one in before], rtol=1e-9
    )
    assert len(before) > 10


@pytest.mark.parametrize("bars", [real("GOOG"), walk(2000, 9)])
def test_a_mirror_image_has_the_mirrored_patterns(bars: Bars) -> None:
    before, after = detect_shapes(bars, SETTINGS), detect_shapes(turned_over(bars), SETTINGS)
    mirrored = [
        replace(
            one,
            pattern=MIRRORS.get(one.pattern, one.pattern),
            direction=-one.direction,
            pivots=tuple(pivot._replace(is_high=not pivot.is_high) for pivot in one.pivots),
        )
        for one in before
    ]
    assert sorted(map(outline, after), key=repr) == sorted(map(outline, mirrored), key=repr)
    assert {GROUPS[one.pattern] for one in before} >= {"reversal", "range"}


def test_gap_rows_at_the_start_only_shift_the_numbers() -> None:
    """Nothing is seen in them: no trend from a price of nought, no foot of a pole."""
    bars = plant("runaway_gap", 5, 0.005).bars
    rows = 30
    nothing = np.full(rows, np.nan)
    later = changed(
        bars,
        time=np.arange(len(bars) + rows, dtype=np.int64),
        **{
            name: np.concatenate((nothing, getattr(bars, name)))
            for name in ("open", "high", "low", "close", "volume")
        },
    )
    before, after = detect_shapes(bars, SETTINGS), detect_shapes(later, SETTINGS)
    assert [one.pattern for one in before].count("runaway_gap") == 1
    assert [(one.pattern, one.start, one.known_at, one.target) for one in after] == [
        (one.pattern, one.start + rows, one.known_at + rows, one.target) for one in before
    ]


def test_a_gap_right_after_empty_rows_is_no_trend(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = walk(40, 3, 0.002)
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for column in columns.values():
        column[:8] = np.nan
        column[24:] *= 1.1
    damaged_bars = changed(bars, **columns)
    assert not detect_shapes(damaged_bars, SETTINGS, ["runaway_gap"])
    assert not pushed(damaged_bars, SETTINGS, ["runaway_gap"])
    monkeypatch.setattr(Track, "_fill", lambda *_: None)
    assert pushed(damaged_bars, SETTINGS, ["runaway_gap"]), "the control arm saw none"


def test_what_is_confirmed_very_late_is_not_read_from_bars_long_forgotten() -> None:
    """Nothing moves for longer than is remembered; then a turn confirms the old ones."""
    bars = walk(1500, 21)
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for column in columns.values():
        column[300:900] = bars.close[300]
    still = changed(bars, **columns)
    whole = detect_shapes(still, SETTINGS)
    engine, other = ShapeEngine(SETTINGS), ShapeEngine(SETTINGS)
    for bar in range(880):
        engine.push(still, bar)
    other.restore(json.loads(json.dumps(engine.snapshot())))
    for bar in range(880, len(still)):
        assert other.push(still, bar) == engine.push(still, bar)
    assert all(one.known_at - one.start <= MAX_LOOKBACK for one in whole)
