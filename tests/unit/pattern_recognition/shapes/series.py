"""Series of bars for the tests of chart patterns: real, random, and with something wrong."""

from __future__ import annotations

from functools import cache

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars

DAY = 86_400_000_000


def walk(length: int, seed: int, volatility: float = 0.015) -> Bars:
    """Return a geometric random walk with gaps between days, about as rough as a share."""
    source = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(source.normal(0, volatility, length)))
    before = np.concatenate(([100.0], close[:-1]))
    opened = before * np.exp(source.normal(0, 0.4 * volatility, length))
    high = np.maximum(opened, close) * np.exp(abs(source.normal(0, 0.4 * volatility, length)))
    low = np.minimum(opened, close) * np.exp(-abs(source.normal(0, 0.4 * volatility, length)))
    volume = source.lognormal(12, 0.4, length)
    return Bars(np.arange(length, dtype=np.int64) * DAY, opened, high, low, close, volume)


@cache
def real(symbol: str) -> Bars:
    """Return the daily bars of a share, 2000 to 2013, as `bokeh_sampledata` has them."""
    from bokeh_sampledata import stocks

    rows = getattr(stocks, symbol)
    opened, high, low, close, volume = (
        np.array(rows[name], dtype=np.float64)
        for name in ("open", "high", "low", "close", "volume")
    )
    return Bars(np.arange(len(volume), dtype=np.int64) * DAY, opened, high, low, close, volume)


def changed(bars: Bars, **columns: np.ndarray) -> Bars:
    """Return bars with some columns replaced."""
    names = ("time", "open", "high", "low", "close", "volume")
    return Bars(**{name: columns.get(name, getattr(bars, name)) for name in names})


def damaged(bars: Bars, seed: int) -> Bars:
    """Return bars with gap rows, also at the start, flat stretches and days without volume."""
    source = np.random.default_rng(seed)
    opened, high, low, close = (
        column.copy() for column in (bars.open, bars.high, bars.low, bars.close)
    )
    volume = bars.volume.copy()
    gaps = np.flatnonzero(source.random(len(bars)) < 0.03)
    for column in (opened, high, low, close, volume):
        column[gaps] = np.nan
        column[:3] = np.nan
    high[source.choice(len(bars), 5)] = np.inf
    for first in source.choice(len(bars) - 40, 3):
        flat = close[first]
        for column in (opened, high, low, close):
            column[first : first + 30] = flat
    volume[source.random(len(bars)) < 0.1] = 0
    return changed(bars, open=opened, high=high, low=low, close=close, volume=volume)


def turned_over(bars: Bars) -> Bars:
    """Return the mirror image: highs for lows around a fixed price."""
    middle = float(np.nanmax(bars.high)) * 2
    return changed(
        bars,
        open=middle - bars.open,
        high=middle - bars.low,
        low=middle - bars.high,
        close=middle - bars.close,
    )
