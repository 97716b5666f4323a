"""Market regime: trend × volatility of one timeframe, as known at the last bar.

Trend: Wilder's ADX says whether there is one (New Concepts in Technical Trading Systems, 1978,
section 4), the least-squares line through the newest closes which way, its rise measured in
average true ranges so that one threshold fits every market.

Volatility: Yang and Zhang's estimator (Drift-independent volatility estimation based on high, low,
open and close prices, Journal of Business 73, 2000), ranked among its own trailing values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import talib

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.context.recent import average_true_range, recent
from trading_dashboard.agents.pattern_recognition.context.settings import RegimeSettings
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import INDICATORS

Trend = Literal["up", "down", "sideways", "unknown"]
Volatility = Literal["low", "normal", "high", "unknown"]


@dataclass(frozen=True, slots=True)
class Regime:
    """What one timeframe does.

    Attributes:
        bars: Sound bars it was judged by.
        bar: Number of the newest of them, None if there is none.
        trend_strength: ADX over 100, 0 to 1.
        slope_atr: Rise of the regression line over its bars, in average true ranges.
        volatility_percentile: 0 to 100.
        volatility_per_bar: Yang and Zhang's, standard deviation of log returns of one bar.
        note: What is missing, where something is unknown.
    """

    bars: int
    bar: int | None
    trend: Trend = "unknown"
    trend_strength: float | None = None
    slope_atr: float | None = None
    volatility: Volatility = "unknown"
    volatility_percentile: float | None = None
    volatility_per_bar: float | None = None
    note: str | None = None

    @property
    def words(self) -> str:
        """Trend × volatility, such as ``up, low volatility``."""
        if self.trend == "unknown" and self.volatility == "unknown":
            return "unknown"
        trend = "trend unknown" if self.trend == "unknown" else self.trend
        return f"{trend}, volatility unknown" if self.volatility == "unknown" else (
            f"{trend}, {self.volatility} volatility"
        )  # fmt: skip


def bars_needed(settings: RegimeSettings) -> int:
    """Return how many bars decide: so many of the newest are read, if there are as many."""
    settled = INDICATORS["adx"].settling_bars({"period": settings.adx_bars})
    spread = settings.percentile_bars + settings.volatility_bars
    return max(settled, settings.trend_bars, spread) + 1


def regime(bars: Bars, settings: RegimeSettings) -> Regime:
    """Return the regime at the close of the last bar, from `bars_needed` sound bars."""
    used, row = recent(bars, bars_needed(settings))
    trend, strength, slope = _trend(used, settings)
    volatility, percentile, newest = _volatility(used, settings)
    notes = []
    if trend == "unknown":
        needed = max(2 * settings.adx_bars, settings.trend_bars)
        notes.append(f"Trend needs {needed} bars and there are {len(used)}.")
    if volatility == "unknown":
        needed = settings.volatility_bars + settings.least_percentile_bars
        notes.append(
            f"Volatility needs {needed} bars with positive prices and there are {len(used)}."
        )
    return Regime(
        len(used),
        int(row[-1]) if len(row) else None,
        trend,
        strength,
        slope,
        volatility,
        percentile,
        newest,
        " ".join(notes) or None,
    )


def _trend(used: Bars, settings: RegimeSettings) -> tuple[Trend, float | None, float | None]:
    count = settings.trend_bars
    if len(used) < max(2 * settings.adx_bars, count):
        return "unknown", None, None
    adx = float(talib.ADX(used.high, used.low, used.close, settings.adx_bars)[-1])
    atr = average_true_range(used, settings.adx_bars)
    if not atr:
        return "sideways", 0.0, 0.0
    steps = np.arange(count) - (count - 1) / 2
    slope = float(steps @ used.close[-count:] / (steps @ steps))
    rise = slope * (count - 1) / atr
    strength = min(max(adx / 100, 0.0), 1.0)
    if adx < settings.trend_adx or abs(rise) < settings.trend_slope_atr:
        return "sideways", strength, rise
    return ("up" if rise > 0 else "down"), strength, rise


def _volatility(
    used: Bars, settings: RegimeSettings
) -> tuple[Volatility, float | None, float | None]:
    if len(used) < settings.volatility_bars + settings.least_percentile_bars:
        return "unknown", None, None
    if min(float(used.low.min()), float(used.open.min()), float(used.close.min())) <= 0:
        return "unknown", None, None
    values = yang_zhang(used, settings.volatility_bars)[-settings.percentile_bars :]
    newest = float(values[-1])
    # Ties count half, so that a market that never changes is at 50.
    below, equal = np.count_nonzero(values < newest), np.count_nonzero(values == newest)
    percentile = float(100 * (below + equal / 2) / len(values))
    if percentile <= settings.low_percentile:
        return "low", percentile, newest
    if percentile >= settings.high_percentile:
        return "high", percentile, newest
    return "normal", percentile, newest


def yang_zhang(bars: Bars, count: int) -> Floats:
    """Return Yang and Zhang's volatility of each window of `count` bars, per bar.

    Standard deviation of log returns, shape ``(len(bars) - count,)``: the first window ends at bar
    `count`, since an opening is measured from the close before it. Prices are positive.
    """
    opened, high, low, close = (np.log(p) for p in (bars.open, bars.high, bars.low, bars.close))
    overnight = opened[1:] - close[:-1]
    through = close[1:] - opened[1:]
    up, down = high[1:] - opened[1:], low[1:] - opened[1:]
    rogers_satchell = up * (up - through) + down * (down - through)
    weight = 0.34 / (1.34 + (count + 1) / (count - 1))
    windows = np.lib.stride_tricks.sliding_window_view
    variance = (
        windows(overnight, count).var(axis=1, ddof=1)
        + weight * windows(through, count).var(axis=1, ddof=1)
        + (1 - weight) * windows(rogers_satchell, count).mean(axis=1)
    )
    return np.asarray(np.sqrt(np.maximum(variance, 0)))
