"""Series the tests read: real days, and random walks with every kind of trouble."""

from __future__ import annotations

import numpy as np
from bokeh_sampledata import stocks

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import CandleHits

DAY = 86_400_000_000


def real(symbol: str, count: int) -> Bars:
    """Return the first real days of a symbol, as traded."""
    columns = getattr(stocks, symbol)
    opened, high, low, close, volume = (
        np.array(columns[name][:count], float)
        for name in ("open", "high", "low", "close", "volume")
    )
    return Bars(np.arange(count) * DAY, opened, high, low, close, volume)


def walk(
    seed: int,
    count: int = 400,
    *,
    volatility: float = 0.02,
    digits: int | None = None,
    gaps: float = 0.0,
    flats: float = 0.0,
    splits: int = 0,
) -> Bars:
    """Return a random walk: prices of `digits` decimals, shares of gap rows and of flat bars."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, volatility, count)))
    for at in rng.integers(0, count, splits):
        close[at:] *= 1_000
    opened = np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0, volatility / 3, count))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, volatility / 2, count)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, volatility / 2, count)))
    prices = [opened, high, low, close]
    if digits is not None:
        prices = [np.round(price, digits) for price in prices]
    luck = rng.random(count)
    for price in prices:
        is_flat = luck > 1 - flats
        price[is_flat] = prices[3][is_flat]
    prices[rng.integers(4)][luck < gaps] = np.nan
    opened, high, low, close = prices
    return Bars(np.arange(count) * DAY, opened, high, low, close, rng.lognormal(10, 1, count))


def rows_of(hits: CandleHits) -> list[tuple[float, ...]]:
    """Return hits as tuples that compare exactly."""
    columns = (hits.pattern, hits.bar, hits.span, hits.direction, hits.strength)
    return list(zip(*(column.tolist() for column in columns), strict=True))
