"""A whole series at once says exactly what the engine says that takes its bars one by one.

So does the compiled kernel, where there is one: `both` asks it, too, and the search in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planted_patterns import DRAWINGS, plant
from tests.unit.pattern_recognition.shapes.series import (
    DAY,
    changed,
    damaged,
    extreme,
    pushed,
    real,
    turned_over,
    walk,
)
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes import batch, points
from trading_dashboard.agents.pattern_recognition.shapes.ahead import Ahead
from trading_dashboard.agents.pattern_recognition.shapes.batch import LARGEST_PRICE, detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPE_IDS
from trading_dashboard.agents.pattern_recognition.shapes.detect import search
from trading_dashboard.agents.pattern_recognition.shapes.pivots import ZigZag
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import Track
from trading_dashboard.agents.pattern_recognition.shapes.turning import find_turns
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole

SETTINGS = ShapeSettings()
MANY = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def both(
    bars: Bars, chosen: ShapeSettings, patterns: Sequence[str] | None = None
) -> list[ShapeDetection]:
    """Return what Python finds; what the kernel finds is the same, or it leaves it to Python."""
    found, kernel = detect_shapes(bars, chosen, patterns), search().kernel
    if kernel is not None:
        wanted = SHAPE_IDS if patterns is None else frozenset(patterns)
        largest = np.nanmax(np.abs([bars.high, bars.low]), initial=0.0)
        told = kernel.detect(bars, chosen, wanted)
        assert told == found or (told is None and not largest < LARGEST_PRICE)
    return found


def planted() -> list[Bars]:
    return [plant(pattern, 7, 0.01).bars for pattern in sorted(DRAWINGS)]


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_real_series(symbol: str) -> None:
    found = both(real(symbol), SETTINGS)
    assert found == pushed(real(symbol), SETTINGS)
    assert len(found) > 5


@pytest.mark.parametrize("pattern", sorted(DRAWINGS))
def test_planted_series(pattern: str) -> None:
    for seed in range(3):
        bars = plant(pattern, seed, 0.01).bars
        found = both(bars, SETTINGS)
        assert found == pushed(bars, SETTINGS)
        assert pattern in {one.pattern for one in found}


@MANY
@given(
    seed=st.integers(0, 2**31),
    names=st.sets(st.sampled_from(sorted(ShapeSettings.model_fields)), max_size=12),
    is_high=st.booleans(),
    patterns=st.none() | st.sets(st.sampled_from(sorted(SHAPE_IDS))),
    volatility=st.sampled_from([0.004, 0.015, 0.05]),
    is_damaged=st.booleans(),
)
def test_any_series_settings_and_patterns(
    seed: int,
    names: set[str],
    is_high: bool,
    patterns: set[str] | None,
    volatility: float,
    is_damaged: bool,
) -> None:
    values = {name: bound for name in names if (bound := extreme(name, is_high)) is not None}
    chosen = ShapeSettings.model_validate(values)
    bars = walk(900, seed, volatility)
    if is_damaged:
        bars = damaged(bars, seed)
    wanted = None if patterns is None else sorted(patterns)
    assert both(bars, chosen, wanted) == pushed(bars, chosen, wanted)


@MANY
@given(
    rows=st.lists(
        st.tuples(*[st.floats(allow_nan=True, allow_infinity=True) for _ in range(5)]),
        max_size=60,
    ),
    scale=st.sampled_from([1e-200, 1e-9, 1.0, 1e99, 1e101, 1e180]),
)
def test_any_numbers(rows: list[tuple[float, ...]], scale: float) -> None:
    """Odd rows in a series of any size: beyond `LARGEST_PRICE` bar by bar, else at once."""
    with np.errstate(over="ignore"):
        table = np.array(walk(300, len(rows)).close) * scale
    columns = [table.copy() for _ in range(5)]
    for place, row in enumerate(rows, 40):
        for column, value in zip(columns, row, strict=True):
            column[place] = value
    bars = Bars(np.arange(300, dtype=np.int64) * DAY, *columns)
    assert both(bars, SETTINGS) == pushed(bars, SETTINGS)


@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 40])
def test_short_series(count: int) -> None:
    for bars in (walk(count, 1), changed(walk(count, 1), close=np.full(count, np.nan))):
        assert both(bars, SETTINGS) == pushed(bars, SETTINGS)


def test_the_scale_at_which_bars_are_taken_one_by_one() -> None:
    for factor in (LARGEST_PRICE / 1e3, LARGEST_PRICE):
        bars = walk(700, 5)
        columns = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
        huge = changed(bars, **columns)
        found = both(huge, SETTINGS)
        assert found == pushed(huge, SETTINGS)
        assert found


@pytest.mark.parametrize(
    "bars", [walk(1500, 3), damaged(walk(1500, 3), 3), turned_over(walk(900, 4))]
)
def test_turning_points_and_columns(bars: Bars) -> None:
    whole, track = Whole(bars), Track()
    factors = (0.5, 1.25, 2.5, 5.0, 20.0)
    zigzags = [ZigZag(factor) for factor in factors]
    seen: list[list[tuple[object, ...]]] = [[] for _ in factors]
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    for bar, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if track.push(row) and track.atr > 0:
            for zigzag, own in zip(zigzags, seen, strict=True):
                pivot = zigzag.push(bar, row[1], row[2], track.atr)
                if pivot is not None:
                    own.append(tuple(pivot))
    newest = slice(track.base, None)
    for name in ("high", "low", "close", "volume", "atrs"):
        assert getattr(whole, name)[newest] == getattr(track, name)
    for factor, own in zip(factors, seen, strict=True):
        turns = find_turns(whole, factor)
        assert [tuple(turns.pivots(place, 1)[0]) for place in range(len(turns))] == own
        if len(own) > 7:
            assert [tuple(one) for one in turns.pivots(6, 4)] == own[3:7]


def late(ahead: Ahead, *arguments: Any) -> int:
    return next_change(ahead, *arguments) + 1


def nearly(whole: Whole, factor: float) -> object:
    return find_turns(whole, factor * 1.01)


def no_first(name: str) -> Callable[..., object]:
    """Return a search that overlooks the first thing it finds."""
    search = getattr(batch, name)

    def overlooks(*arguments: Any) -> object:
        found = search(*arguments)
        if isinstance(found, dict):
            return dict(list(found.items())[1:])
        return iter(list(found)[1:])

    return overlooks


next_change = Ahead.next_change
WRONG: dict[str, tuple[object, str, object]] = {
    "a change is seen a bar late": (Ahead, "next_change", late),
    "turning points are a little off": (batch, "find_turns", nearly),
    "what must be so is asked too strictly": (points, "ROOM", -0.02),
    **{
        f"one is overlooked by {name}": (batch, name, no_first(name))
        for name in (
            "may_be_reversals",
            "may_be_ranges",
            "may_be_cups",
            "find_poles",
            "find_gaps",
        )
    },
}


@pytest.mark.parametrize("what", WRONG)
def test_these_tests_would_notice(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control arm: each way to be wrong makes a difference in the series above."""
    right = [detect_shapes(bars, SETTINGS) for bars in planted()]
    monkeypatch.setattr(*WRONG[what])
    assert [detect_shapes(bars, SETTINGS) for bars in planted()] != right
