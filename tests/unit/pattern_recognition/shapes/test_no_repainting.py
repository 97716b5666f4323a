"""What was told of a prefix is what the whole series says of it, bar by bar and exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.pattern_recognition.shapes.series import changed, damaged, real, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.engine import ShapeEngine
from trading_dashboard.agents.pattern_recognition.shapes.life import as_of
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

SETTINGS = ShapeSettings()
SERIES = {
    "AAPL": lambda: real("AAPL").between(0, 600),
    "IBM": lambda: real("IBM").between(1200, 1800),
    "MSFT": lambda: real("MSFT").between(2000, 2600),
    "GOOG": lambda: real("GOOG").between(400, 1000),
    "walk": lambda: walk(1500, 1),
    "rough walk": lambda: walk(1500, 2, 0.05),
    "damaged": lambda: damaged(walk(1500, 3), 3),
    "flat": lambda: changed(
        walk(60, 4), **dict.fromkeys(("open", "high", "low", "close"), np.ones(60))
    ),
}


def cut(whole: Sequence[ShapeDetection], length: int) -> list[ShapeDetection]:
    """Return what of all detections was known after `length` bars, as it was known."""
    return [known for one in whole if (known := as_of(one, length)) is not None]


def differences(bars: Bars, whole: Sequence[ShapeDetection]) -> int:
    """Return after how many bars the engine had said something else than `whole` says of it."""
    engine = ShapeEngine(SETTINGS)
    told: list[ShapeDetection] = []
    count = 0
    for bar in range(len(bars)):
        # It is handed no more than the prefix: there is nothing later to look at.
        told += [one for one in engine.push(bars.prefix(bar + 1), bar) if one.known_at == bar]
        count += told != cut(whole, bar + 1)
    return count


@pytest.mark.parametrize("name", SERIES)
def test_a_prefix_says_what_the_whole_says_of_it(name: str) -> None:
    bars = SERIES[name]()
    whole = detect_shapes(bars, SETTINGS)
    assert differences(bars, whole) == 0
    if name != "flat":
        assert sum(one.confirmed_at is not None for one in whole) >= 3, "nothing to compare"
    for length in range(17, len(bars), 197):
        assert detect_shapes(bars.prefix(length), SETTINGS) == cut(whole, length)


def test_the_comparison_notices_what_was_known_too_early() -> None:
    """The control arm: one detection told a bar too soon, one price known a bar too soon."""
    bars = real("AAPL").between(0, 600)
    whole = detect_shapes(bars, SETTINGS)
    sooner = [replace(whole[0], known_at=whole[0].known_at - 1), *whole[1:]]
    assert differences(bars, sooner) > 0
    place = next(i for i, one in enumerate(whole) if one.confirmed_at is not None)
    leaked = list(whole)
    leaked[place] = replace(whole[place], formed=None, confirmed_at=whole[place].known_at)
    assert differences(bars, leaked) > 0


def test_later_bars_change_nothing_that_was_told() -> None:
    first, other = walk(600, 5), walk(600, 6)
    for length in (200, 350, 500):
        columns = {
            name: np.concatenate((getattr(first, name)[:length], getattr(other, name)[length:]))
            for name in ("open", "high", "low", "close", "volume")
        }
        mixed = detect_shapes(changed(first, **columns), SETTINGS)
        assert cut(mixed, length) == detect_shapes(first.prefix(length), SETTINGS)
