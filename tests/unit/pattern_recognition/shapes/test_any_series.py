"""Whatever the bars and the settings: no error, no repainting, a restart changes nothing."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planted_patterns import DRAWINGS, plant
from tests.unit.pattern_recognition.shapes.series import DAY, damaged, extreme, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.engine import ShapeEngine
from trading_dashboard.agents.pattern_recognition.shapes.life import as_of
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

FEW = settings(max_examples=15, deadline=None, derandomize=True, database=None)


def told_by_pushing(bars: Bars, chosen: ShapeSettings, restart_at: int) -> list[ShapeDetection]:
    """Return what an engine tells that is written down and read again on the way."""
    engine = ShapeEngine(chosen)
    told: list[ShapeDetection] = []
    for bar in range(len(bars)):
        if bar == restart_at:
            engine = restored(engine, chosen, told)
        told += [one for one in engine.push(bars, bar) if one.known_at == bar]
    return told


def restored(engine: ShapeEngine, chosen: ShapeSettings, told: list[ShapeDetection]) -> ShapeEngine:
    """Return another engine that goes on from a snapshot; its open ones take their places."""
    other = ShapeEngine(chosen)
    other.restore(json.loads(json.dumps(engine.snapshot(), allow_nan=False)))
    for old, new in zip(engine.open, other.open, strict=True):
        told[next(place for place, one in enumerate(told) if one is old)] = new
    return other


@FEW
@given(
    seed=st.integers(0, 2**31),
    pattern=st.sampled_from(sorted(DRAWINGS)),
    noise=st.sampled_from([0.0, 0.001, 0.01, 0.03]),
    is_damaged=st.booleans(),
)
def test_any_prefix_and_any_restart(
    seed: int, pattern: str, noise: float, is_damaged: bool
) -> None:
    bars = plant(pattern, seed, noise).bars
    if is_damaged:
        bars = damaged(bars, seed)
    chosen = ShapeSettings()
    whole = detect_shapes(bars, chosen)
    for length in (0, 1, len(bars) // 2, seed % len(bars), len(bars) - 1):
        cut = [known for one in whole if (known := as_of(one, length)) is not None]
        assert detect_shapes(bars.prefix(length), chosen) == cut
    assert told_by_pushing(bars, chosen, seed % len(bars)) == whole


@FEW
@given(
    seed=st.integers(0, 2**31),
    names=st.sets(st.sampled_from(sorted(ShapeSettings.model_fields)), max_size=25),
    is_high=st.booleans(),
)
def test_any_settings_within_their_bounds(seed: int, names: set[str], is_high: bool) -> None:
    values = {name: bound for name in names if (bound := extreme(name, is_high)) is not None}
    chosen = ShapeSettings.model_validate(values)
    bars = damaged(walk(700, seed), seed)
    whole = detect_shapes(bars, chosen)
    assert told_by_pushing(bars, chosen, 350) == whole
    for one in whole:
        assert one.start <= one.known_at <= one.end
        assert 0 <= one.fit <= 1
        assert 0 <= one.strength <= 1
        assert np.isfinite([one.breakout_level, one.target, one.invalidation]).all()


@FEW
@given(
    rows=st.lists(
        st.tuples(*[st.floats(allow_nan=True, allow_infinity=True) for _ in range(5)]),
        max_size=120,
    )
)
def test_any_numbers(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    bars = Bars(np.arange(len(table), dtype=np.int64) * DAY, *table.T)
    assert told_by_pushing(bars, ShapeSettings(), 60) == detect_shapes(bars, ShapeSettings())


def test_an_exhaustion_gap_is_not_told_before_it_is_filled() -> None:
    planted = plant("exhaustion_gap", 1, 0.002)
    found = [
        one
        for one in detect_shapes(planted.bars, ShapeSettings())
        if one.pattern == "exhaustion_gap"
    ]
    assert [(one.known_at, one.confirmed_at) for one in found] == [(planted.last, planted.last)]
    before = detect_shapes(planted.bars.prefix(planted.last), ShapeSettings())
    assert "exhaustion_gap" not in {one.pattern for one in before}
    runaway = [one for one in before if one.pattern == "runaway_gap"]
    assert [one.confirmed_at for one in runaway] == [None]


def test_a_target_is_never_behind_the_breakout() -> None:
    chosen = ShapeSettings(gap_follow_atr=8)
    found = [
        one
        for seed in range(20)
        for one in detect_shapes(plant("runaway_gap", seed, 0.01).bars, chosen)
    ]
    assert any(one.pattern == "runaway_gap" for one in found)
    for one in found:
        if one.direction:
            assert one.direction * (one.target - one.breakout_level) > 0, one
