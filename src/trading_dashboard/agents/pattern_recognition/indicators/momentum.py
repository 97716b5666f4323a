"""Momentum: RSI, stochastic oscillator, Williams %R, rate of change."""

from __future__ import annotations

import talib

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.indicators.kinds import (
    IndicatorKind,
    LineKind,
    Parameters,
    Rows,
    period,
)


def _rsi(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    return (talib.RSI(rows.bars.close, int(chosen["period"])),)


def _stochastic(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    bars = rows.bars
    lines: tuple[Floats, ...] = talib.STOCH(
        bars.high,
        bars.low,
        bars.close,
        fastk_period=int(chosen["period"]),
        slowk_period=int(chosen["smoothing"]),
        slowd_period=int(chosen["signal"]),
    )
    return lines


def _williams(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    bars = rows.bars
    return (talib.WILLR(bars.high, bars.low, bars.close, int(chosen["period"])),)


def _roc(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    return (talib.ROC(rows.bars.close, int(chosen["period"])),)


MOMENTUM = (
    IndicatorKind(
        "rsi", "Relative strength index", "momentum", "own",
        (period(14, "Of Wilder's smoothing"),),
        (LineKind("rsi", "own"),),
        "Average rise over average rise plus fall of the close, 0 to 100, both smoothed over "
        "`period`.",
        "TA-Lib RSI; Wilder (1978), section 6",
        "fading", lambda chosen: int(chosen["period"]), _rsi,
        fading_weight=lambda chosen: 1 / chosen["period"],
    ),
    IndicatorKind(
        "stochastic", "Stochastic oscillator", "momentum", "own",
        (
            period(14, "Bars of the range", minimum=1),
            period(3, "Bars %K is averaged over; 1 is the fast oscillator", name="smoothing",
                   minimum=1),
            period(3, "Bars %D averages %K over", name="signal", minimum=1),
        ),
        (LineKind("k", "own"), LineKind("d", "own")),
        "Where the close lies between the lowest low (0) and the highest high (100) of `period` "
        "bars, averaged over `smoothing` bars (%K), and that over `signal` bars (%D).",
        "TA-Lib STOCH with simple averages; Lane, Lane's stochastics, Technical Analysis of Stocks "
        "and Commodities 2 (1984)",
        "window",
        lambda chosen: int(chosen["period"] + chosen["smoothing"] + chosen["signal"]) - 3,
        _stochastic,
    ),
    IndicatorKind(
        "williams_r", "Williams %R", "momentum", "own",
        (period(14, "Bars of the range"),),
        (LineKind("williams_r", "own"),),
        "Where the close lies between the lowest low (−100) and the highest high (0) of `period` "
        "bars.",
        "TA-Lib WILLR; Williams, How I Made One Million Dollars (1973)",
        "window", lambda chosen: int(chosen["period"]) - 1, _williams,
    ),
    IndicatorKind(
        "roc", "Rate of change", "momentum", "own",
        (period(10, "Bars back to the close compared with", minimum=1),),
        (LineKind("roc", "own"),),
        "Change of the close against that of `period` bars before, in percent.",
        "TA-Lib ROC; Murphy (1999), chapter 10",
        "window", lambda chosen: int(chosen["period"]), _roc,
    ),
)  # fmt: skip
