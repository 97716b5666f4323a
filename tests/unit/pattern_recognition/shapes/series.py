"""Series of bars for the tests of chart patterns: real, random, and with something wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from annotated_types import Ge, Le

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.engine import ShapeEngine
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

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


def pushed(
    bars: Bars, settings: ShapeSettings, patterns: Sequence[str] | None = None
) -> list[ShapeDetection]:
    """Return what the engine finds that is given one bar after the other."""
    engine = ShapeEngine(settings, patterns)
    return [
        one for bar in range(len(bars)) for one in engine.push(bars, bar) if one.known_at == bar
    ]


def extreme(name: str, is_high: bool) -> float | int | None:
    """Return a setting's bound; None for one that is no number."""
    field = ShapeSettings.model_fields[name]
    lows = [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
    highs = [bound.le for bound in field.metadata if isinstance(bound, Le)]
    bounds: list[Any] = highs if is_high else lows
    return bounds[0] if bounds else None
