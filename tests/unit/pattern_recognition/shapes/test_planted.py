"""Planted patterns are found under their own name, and not where nothing was planted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.planted_patterns import DRAWINGS, Score, plant, score, without_pattern
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPE_IDS
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

SETTINGS = ShapeSettings()
SEEDS = range(20_000, 20_030)
"""Others than those the thresholds were chosen with."""
NOISE = 0.01


def detect(bars: Bars) -> list[ShapeDetection]:
    return detect_shapes(bars, SETTINGS)


def test_every_pattern_of_the_catalogue_is_drawn() -> None:
    assert set(DRAWINGS) == SHAPE_IDS


@pytest.mark.parametrize("pattern", sorted(DRAWINGS))
def test_a_planted_pattern_is_found_under_its_name(pattern: str) -> None:
    total = score(pattern, SEEDS, NOISE, detect)
    assert total.planted == len(SEEDS)
    assert total.recall >= 0.9, total
    assert total.precision >= 0.9, total


def test_nothing_is_recalled_where_nothing_was_planted() -> None:
    """The control arm: the same places in random walks of the same volatility."""
    total = Score()
    for number, pattern in enumerate(sorted(DRAWINGS)):
        for seed in SEEDS[:10]:
            empty = without_pattern(plant(pattern, seed, NOISE), 1_000 * number + seed, NOISE)
            total.add(empty, detect(empty.bars))
    assert total.planted == 230
    assert total.recall <= 0.01


def test_a_detector_of_another_name_is_wrong_each_time() -> None:
    """The control arm of the names: right place, right time, another pattern."""

    def misnamed(bars: Bars) -> list[ShapeDetection]:
        found = detect(bars)
        for one in found:
            one.pattern = "rectangle" if one.pattern == "double_top" else "double_top"
        return found

    total = score("double_top", SEEDS[:10], NOISE, misnamed)
    assert (total.recall, total.precision) == (0, 0)
    assert total.wrong >= 9


def test_the_generator_draws_what_it_says() -> None:
    planted = plant("head_and_shoulders", 3, 0.0)
    close = planted.bars.close
    head = planted.first + int(np.argmax(close[planted.first : planted.last]))
    assert close[head] == close.max()
    assert close[planted.first] < close[head]
    assert close[planted.last + 5] < close[planted.last] < close[planted.last - 5]
    again = plant("head_and_shoulders", 3, 0.0)
    assert np.array_equal(close, again.bars.close)
    rough = plant("head_and_shoulders", 3, 0.01).bars.close
    stretch = slice(planted.first, planted.last)
    assert 0.5 < float(np.std(rough[stretch] - close[stretch])) < 2
