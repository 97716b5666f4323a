"""Gaps of a whole series: a `GapWatch` asked only where one opens, and while one may be filled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate
from trading_dashboard.agents.pattern_recognition.shapes.gaps import GapWatch
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.whole import Whole


def find_gaps(whole: Whole, settings: ShapeSettings) -> Iterator[tuple[int, Candidate]]:
    """Yield bar and candidate of each gap that means something, oldest first."""
    watch = GapWatch(settings)
    place = 0
    for opened in _opened(whole, settings):
        if opened < place:
            continue
        place = opened
        while True:
            bar = int(whole.bars[place])
            for candidate in watch.push(whole, bar):
                yield bar, candidate
            place += 1
            if not watch.gaps or place >= len(whole.bars):
                break


def _opened(whole: Whole, settings: ShapeSettings) -> list[int]:
    """Return the places of bars that open a gap out of a range or within a trend."""
    first = int(np.searchsorted(whole.bars, settings.gap_bars, "right"))
    bar = whole.bars[first:]
    high, low, close = whole.all_high, whole.all_low, whole.all_close
    least = settings.gap_atr * whole.all_atrs[bar - 1]
    is_up = low[bar] - high[bar - 1] >= least
    is_gap = (is_up | (low[bar - 1] - high[bar] >= least)) & (least > 0)
    place = np.flatnonzero(is_gap)
    bar, is_up = bar[place], is_up[place]
    # The same operations as the recogniser's, for all gaps at once.
    before = bar - np.arange(settings.gap_bars, 0, -1)[:, np.newaxis]
    top, bottom = high[before].max(axis=0), low[before].min(axis=0)
    atr, height = whole.all_atrs[bar - 1], top - bottom
    net = np.where(is_up, 1, -1) * (close[bar - 1] - close[bar - settings.gap_bars])
    is_trend = (net >= settings.gap_trend_atr * atr) & (net >= settings.gap_efficiency * height)
    is_beyond = np.where(is_up, close[bar] > top, close[bar] < bottom)
    is_breakaway = is_beyond & (height <= settings.gap_range_atr * atr)
    places: list[int] = (first + place[is_trend | is_breakaway]).tolist()
    return places
