"""What an outcome is: where it begins and ends, and when there is none."""

from __future__ import annotations

import numpy as np

from tests.unit.pattern_recognition.worth.markets import bars_of
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import (
    CandleHits,
    Change,
    ShapeDetection,
)
from trading_dashboard.agents.pattern_recognition.worth.outcomes import (
    Occurrences,
    average_true_range,
    occurrences_of,
    outcomes_of,
)
from trading_dashboard.models.patterns import PatternState


def walk(length: int = 60) -> Bars:
    return bars_of(np.random.default_rng(3).normal(0, 0.01, length))


def with_gap(bars: Bars, at: int) -> Bars:
    """Insert a row without prices before bar `at`."""
    time = np.arange(len(bars) + 1, dtype=np.int64) * int(bars.time[1])
    columns = [
        np.insert(column, at, np.nan)
        for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)
    ]
    return Bars(time, *columns)


def test_the_range_is_the_mean_of_the_last_fourteen_true_ranges() -> None:
    bars = walk()
    found = average_true_range(bars.high, bars.low, bars.close)
    assert np.isnan(found[:14]).all()
    for at in range(14, len(bars)):
        ranges = [
            max(
                bars.high[i] - bars.low[i],
                abs(bars.high[i] - bars.close[i - 1]),
                abs(bars.low[i] - bars.close[i - 1]),
            )
            for i in range(at - 13, at + 1)
        ]
        np.testing.assert_allclose(found[at], np.mean(ranges), rtol=1e-12)


def test_a_move_runs_from_the_confirming_close_in_the_patterns_direction() -> None:
    bars = walk()
    occurrences = Occurrences.of([(0, 1, 30), (0, -1, 30), (0, 1, 58), (0, 0, 30)])
    moves = outcomes_of(bars, occurrences, (5,))[5]
    average = average_true_range(bars.high, bars.low, bars.close)[30]
    assert occurrences.direction.tolist() == [-1, 1, 1], "without a direction there is no move"
    expected = (bars.close[35] - bars.close[30]) / average
    np.testing.assert_allclose(moves[:2], [-expected, expected])
    assert np.isnan(moves[2]), "it is not over"


def test_a_row_without_prices_is_no_bar() -> None:
    bars = walk()
    plain = outcomes_of(bars, Occurrences.of([(0, 1, 30)]), (5,))[5]
    gapped = outcomes_of(with_gap(bars, 33), Occurrences.of([(0, 1, 30)]), (5,))[5]
    on_the_gap = outcomes_of(with_gap(bars, 33), Occurrences.of([(0, 1, 33)]), (5,))[5]
    np.testing.assert_array_equal(plain, gapped)
    assert np.isnan(on_the_gap).all()


def test_prices_that_stand_still_have_no_move() -> None:
    bars = Bars(np.arange(40, dtype=np.int64), *(np.full(40, 7.0) for _ in range(5)))
    assert np.isnan(outcomes_of(bars, Occurrences.of([(0, 1, 20)]), (5,))[5]).all()


def test_only_confirmed_patterns_with_a_direction_occur() -> None:
    hits = CandleHits(
        np.array([0, 1, 1], np.int16),
        np.array([3, 4, 9], np.int32),
        np.array([1, 1, 1], np.int16),
        np.array([1, 0, -1], np.int8),
        np.ones(3, np.float32),
    )
    shape = ShapeDetection("flag", 1, 0, 7, 5, (), (), 1.0, 1.0, 0.0, 0.0, 0.0)
    never = ShapeDetection("flag", 1, 0, 7, 5, (), (), 1.0, 1.0, 0.0, 0.0, 0.0)
    shape.confirmed_at = 7
    never.changes.append(Change(PatternState.EXPIRED, 9, 1.0))
    index = {"flag": 0, "doji": 1, "hammer": 2}
    found = occurrences_of(index, ["hammer", "doji"], hits, [shape, never])
    rows = zip(found.pattern.tolist(), found.direction.tolist(), found.bar.tolist(), strict=True)
    assert list(rows) == [(2, 1, 3), (0, 1, 7), (1, -1, 9)]
