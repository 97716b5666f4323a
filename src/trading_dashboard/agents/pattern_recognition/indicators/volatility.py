"""Volatility: Bollinger bands, average true range, standard deviation."""

from __future__ import annotations

import talib

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.indicators.kinds import (
    IndicatorKind,
    LineKind,
    Parameter,
    Parameters,
    Rows,
    period,
)


def _bollinger(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    width = float(chosen["width"])
    lines: tuple[Floats, ...] = talib.BBANDS(
        rows.bars.close,
        int(chosen["period"]),
        nbdevup=width,
        nbdevdn=width,
    )
    return lines


def _atr(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    bars = rows.bars
    return (talib.ATR(bars.high, bars.low, bars.close, int(chosen["period"])),)


def _deviation(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    return (talib.STDDEV(rows.bars.close, int(chosen["period"]), nbdev=1.0),)


VOLATILITY = (
    IndicatorKind(
        "bollinger", "Bollinger bands", "volatility", "price",
        (
            period(20, "Bars averaged"),
            Parameter("width", 2.0, 0.1, 10.0, False, "Standard deviations to each side"),
        ),
        (LineKind("upper", "price"), LineKind("middle", "price"), LineKind("lower", "price")),
        "Mean of `period` closes, and `width` population standard deviations to each side.",
        "TA-Lib BBANDS; Bollinger, Bollinger on Bollinger Bands (2001)",
        "window", lambda chosen: int(chosen["period"]) - 1, _bollinger,
    ),
    IndicatorKind(
        "atr", "Average true range", "volatility", "own",
        (period(14, "Of Wilder's smoothing", minimum=1),),
        (LineKind("atr", "own"),),
        "Range of a bar with the close before it, smoothed over `period`.",
        "TA-Lib ATR; Wilder (1978), section 3",
        "fading", lambda chosen: int(chosen["period"]), _atr,
        fading_weight=lambda chosen: 1 / chosen["period"],
    ),
    IndicatorKind(
        "standard_deviation", "Standard deviation", "volatility", "own",
        (period(20, "Bars looked at"),),
        (LineKind("standard_deviation", "own"),),
        "Population standard deviation of the last `period` closes, in units of price.",
        "TA-Lib STDDEV",
        "window", lambda chosen: int(chosen["period"]) - 1, _deviation,
    ),
)  # fmt: skip
