"""Many series at once are found to hold what each holds alone."""

from __future__ import annotations

import numpy as np

from tests.unit.pattern_recognition.live.walks import walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.live.candle_batch import latest_of
from trading_dashboard.agents.pattern_recognition.live.series import LiveSeries


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


def times(bars: Bars, factor: float, shift: float = 0.0) -> Bars:
    columns = (bars.open, bars.high, bars.low, bars.close)
    opened, high, low, close = (column * factor + shift for column in columns)
    return Bars(bars.time, opened, high, low, close, bars.volume)


def flat(bars: Bars, back: int) -> Bars:
    place = len(bars) - 1 - back
    for column in (bars.open, bars.high, bars.low):
        column[place] = bars.close[place]
    return bars


def contradicting(bars: Bars, back: int) -> Bars:
    bars.high[len(bars) - 1 - back] = bars.low[len(bars) - 1 - back] * 0.99
    return bars


def test_prices_of_every_size_beside_each_other() -> None:
    # The last are too near zero, or below, for their sums to be exact among others.
    shifts = [(1, 0), (1e-3, 0), (1e5, 0), (0.37, 0), (2.0**-30, 0), (1, -95), (1, -100), (1, -200)]
    series = [
        times(walk(130, seed), *shift) for seed in range(12) for shift in (*shifts, (1e300, 0))
    ]
    series += [flat(walk(130, seed), back) for seed, back in enumerate([0, 1, 9, 25, 39, 40])]
    series += [contradicting(walk(130, seed), back) for seed, back in enumerate([0, 3, 30, 50])]
    np.random.default_rng(5).shuffle(series)
    found = latest_of([LiveSeries(bars) for bars in series])
    assert found == [alone(bars) for bars in series]
    assert sum(map(len, found)) > 100


def test_each_series_gets_its_own() -> None:
    series = [walk(count, seed) for seed, count in enumerate([300, 60, 48, 47, 12, 3, 1] * 6)]
    series += [with_gap(walk(200, seed), back) for seed, back in enumerate([0, 1, 5, 20, 47, 60])]
    series.append(Bars.empty())
    found = latest_of([LiveSeries(bars) for bars in series])
    assert found == [alone(bars) for bars in series]
    assert sum(map(len, found)) > 30
