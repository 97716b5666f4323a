"""Many series at once are found to hold what each holds alone."""

from __future__ import annotations

import numpy as np

from tests.unit.pattern_recognition.live.walks import walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.live.candle_batch import latest_of


def alone(bars: Bars) -> list[tuple[int, int, int, float]]:
    hits = detect_candles(bars)
    last = hits.bar == len(bars) - 1
    columns = (hits.pattern, hits.span, hits.direction, hits.strength)
    return list(zip(*(column[last].tolist() for column in columns), strict=True))


def with_gap(bars: Bars, back: int) -> Bars:
    columns = [bars.open.copy(), bars.high.copy(), bars.low.copy(), bars.close.copy()]
    for column in columns:
        column[len(bars) - 1 - back] = np.nan
    opened, high, low, close = columns
    return Bars(bars.time, opened, high, low, close, bars.volume)


def test_each_series_gets_its_own() -> None:
    series = [walk(count, seed) for seed, count in enumerate([300, 60, 48, 47, 12, 3, 1] * 6)]
    series += [with_gap(walk(200, seed), back) for seed, back in enumerate([0, 1, 5, 20, 47, 60])]
    series.append(Bars.empty())
    found = latest_of(series)
    assert found == [alone(bars) for bars in series]
    assert sum(map(len, found)) > 30
