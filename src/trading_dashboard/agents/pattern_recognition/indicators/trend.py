"""Trend: averages, MACD, ADX, Ichimoku, VWAP."""

from __future__ import annotations

import numpy as np
import talib

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.indicators.kinds import (
    IndicatorKind,
    LineKind,
    Parameters,
    Rows,
    period,
)


def _sma(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    return (talib.SMA(rows.bars.close, int(chosen["period"])),)


def _ema(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    return (talib.EMA(rows.bars.close, int(chosen["period"])),)


def _macd(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    fast, slow, signal = (int(chosen[name]) for name in ("fast", "slow", "signal"))
    lines: tuple[Floats, ...] = talib.MACD(rows.bars.close, fast, slow, signal)
    return lines


def _adx(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    bars, count = rows.bars, int(chosen["period"])
    prices = (bars.high, bars.low, bars.close)
    return (
        talib.ADX(*prices, count),
        talib.PLUS_DI(*prices, count),
        talib.MINUS_DI(*prices, count),
    )


def _ichimoku(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    def middle(name: str) -> Floats:
        count = int(chosen[name])
        high, low = talib.MAX(rows.bars.high, count), talib.MIN(rows.bars.low, count)
        return np.asarray((high + low) / 2)

    conversion, base = middle("conversion"), middle("base")
    return conversion, base, (conversion + base) / 2, middle("leading"), rows.bars.close.copy()


def _vwap(rows: Rows, _: Parameters) -> tuple[Floats, ...]:
    bars = rows.bars
    typical = (bars.high + bars.low + bars.close) / 3
    values = np.full(len(bars), np.nan)
    starts = np.flatnonzero(np.diff(rows.session, prepend=rows.session[:1] - 1))
    for start, stop in zip(starts, [*starts[1:], len(bars)], strict=True):
        part = slice(start, stop)
        # Each session is summed on its own: nothing of the one before stays in its rounding.
        traded = np.cumsum(bars.volume[part])
        money = np.cumsum(typical[part] * bars.volume[part])
        np.divide(money, traded, out=values[part], where=traded > 0)
    return (values,)


TREND = (
    IndicatorKind(
        "sma", "Simple moving average", "trend", "price",
        (period(20, "Bars averaged"),),
        (LineKind("sma", "price"),),
        "Mean of the last `period` closes.",
        "TA-Lib SMA; Murphy, Technical Analysis of the Financial Markets (1999), chapter 9",
        "window", lambda chosen: int(chosen["period"]) - 1, _sma,
    ),
    IndicatorKind(
        "ema", "Exponential moving average", "trend", "price",
        (period(20, "Bars whose mean age is that of the average: the newest weighs 2 / (n + 1)"),),
        (LineKind("ema", "price"),),
        "Average of closes whose weights fade by 1 − 2 / (`period` + 1) a bar, begun with the "
        "simple average of the first `period`.",
        "TA-Lib EMA; Murphy (1999), chapter 9",
        "fading", lambda chosen: int(chosen["period"]) - 1, _ema,
        fading_weight=lambda chosen: 2 / (chosen["period"] + 1),
    ),
    IndicatorKind(
        "macd", "MACD", "trend", "own",
        (
            period(12, "Of the fast average; shorter than `slow`", name="fast"),
            period(26, "Of the slow average", name="slow"),
            period(9, "Of the average of the difference", name="signal", minimum=1),
        ),
        (LineKind("macd", "own"), LineKind("signal", "own"),
         LineKind("histogram", "own", "histogram")),
        "Difference of two exponential averages of the close, `fast` and `slow`; its own average "
        "over `signal` bars; and the difference of the two.",
        "TA-Lib MACD; Appel, Technical Analysis: Power Tools for Active Investors (2005)",
        "fading", lambda chosen: int(chosen["slow"] + chosen["signal"]) - 2, _macd,
        fading_weight=lambda chosen: 2 / (max(chosen["slow"], chosen["signal"]) + 1),
    ),
    IndicatorKind(
        "adx", "Average directional index", "trend", "own",
        (period(14, "Of Wilder's smoothing"),),
        (LineKind("adx", "own"), LineKind("plus_di", "own"), LineKind("minus_di", "own")),
        "How far one direction prevails, 0 to 100, smoothed over `period`; with the two "
        "directional indicators it is made of.",
        "TA-Lib ADX, PLUS_DI, MINUS_DI; Wilder, New Concepts in Technical Trading Systems (1978), "
        "section 4",
        "fading", lambda chosen: 2 * int(chosen["period"]) - 1, _adx,
        fading_weight=lambda chosen: 1 / chosen["period"],
    ),
    IndicatorKind(
        "ichimoku", "Ichimoku cloud", "trend", "price",
        (
            period(9, "Bars of the conversion line", name="conversion"),
            period(26, "Bars of the base line", name="base"),
            period(52, "Bars of leading span B", name="leading"),
            period(26, "Bars by which the cloud is drawn ahead and the lagging span behind",
                   name="displacement", minimum=0),
        ),
        (LineKind("conversion", "price"), LineKind("base", "price"),
         LineKind("leading_a", "price", "cloud"), LineKind("leading_b", "price", "cloud"),
         LineKind("lagging", "price")),
        "Middles of the highest high and lowest low: over `conversion` and over `base` bars, their "
        "mean (leading span A), over `leading` bars (leading span B); and the close (lagging "
        "span). Values stand at the bar they were known at; `displacement` says where each line is "
        "drawn, so nothing ahead of a bar is read.",
        "Hosoda (1969), after Patel, Trading with Ichimoku Clouds (2010), chapter 2",
        "window",
        lambda chosen: int(max(chosen["conversion"], chosen["base"], chosen["leading"])) - 1,
        _ichimoku,
        displacement=lambda chosen: (
            0, 0, int(chosen["displacement"]), int(chosen["displacement"]),
            -int(chosen["displacement"]),
        ),
    ),
    IndicatorKind(
        "vwap", "Volume-weighted average price", "trend", "price", (),
        (LineKind("vwap", "price"),),
        "Sum of (high + low + close) / 3 · volume over the sum of volume since the session "
        "started: the UTC day, or the session starts given. None until something was traded.",
        "Berkowitz, Logue and Noser, The total cost of transactions on the NYSE, Journal of "
        "Finance 43 (1988)",
        "session", lambda _: 0, _vwap, reads_volume=True,
    ),
)  # fmt: skip
