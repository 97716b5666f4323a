"""Volume: OBV, VPT, accumulation and distribution, Chaikin money flow."""

from __future__ import annotations

import numpy as np
import talib

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.indicators.kinds import (
    IndicatorKind,
    LineKind,
    Parameters,
    Rows,
    period,
)


def _obv(rows: Rows, _: Parameters) -> tuple[Floats, ...]:
    return (talib.OBV(rows.bars.close, rows.bars.volume),)


def _vpt(rows: Rows, _: Parameters) -> tuple[Floats, ...]:
    close, volume = rows.bars.close, rows.bars.volume
    values = np.full(len(close), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moves = np.diff(close) / close[:-1]
    # From a price of 0 there is no relative move.
    values[1:] = np.cumsum(np.where(np.isfinite(moves), moves, 0.0) * volume[1:])
    return (values,)


def _accumulation(rows: Rows, _: Parameters) -> tuple[Floats, ...]:
    bars = rows.bars
    return (talib.AD(bars.high, bars.low, bars.close, bars.volume),)


def _money_flow(rows: Rows, chosen: Parameters) -> tuple[Floats, ...]:
    bars, count = rows.bars, int(chosen["period"])
    values = np.full(len(bars), np.nan)
    if len(bars) < count:
        return (values,)
    flow, traded = (
        np.lib.stride_tricks.sliding_window_view(column, count).sum(axis=1)
        for column in (_flow(bars), bars.volume)
    )
    np.divide(flow, traded, out=values[count - 1 :], where=traded > 0)
    return (values,)


def _flow(bars: Bars) -> Floats:
    """Return volume times where the close lies in its bar, -1 to 1; 0 of a bar without range."""
    span = bars.high - bars.low
    place = (bars.close - bars.low) - (bars.high - bars.close)
    multiplier = np.divide(place, span, out=np.zeros(len(bars)), where=span > 0)
    return np.asarray(multiplier * bars.volume)


VOLUME = (
    IndicatorKind(
        "obv", "On-balance volume", "volume", "own", (),
        (LineKind("obv", "own"),),
        "Volume added where the close rose and taken away where it fell, from the series' first "
        "bar on.",
        "TA-Lib OBV; Granville, New Key to Stock Market Profits (1963)",
        "cumulative", lambda _: 0, _obv, reads_volume=True,
    ),
    IndicatorKind(
        "vpt", "Volume price trend", "volume", "own", (),
        (LineKind("vpt", "own"),),
        "Volume times the close's relative change, added up from the series' second bar on.",
        "Buff and Dysart, after Achelis, Technical Analysis from A to Z (2nd ed. 2000), price and "
        "volume trend",
        "cumulative", lambda _: 1, _vpt, reads_volume=True,
    ),
    IndicatorKind(
        "ad", "Accumulation/distribution line", "volume", "own", (),
        (LineKind("ad", "own"),),
        "Volume times where the close lies in its bar (−1 at the low, 1 at the high), added up "
        "from the series' first bar on.",
        "TA-Lib AD; Chaikin, after Achelis (2000), accumulation/distribution",
        "cumulative", lambda _: 0, _accumulation, reads_volume=True,
    ),
    IndicatorKind(
        "cmf", "Chaikin money flow", "volume", "own",
        (period(20, "Bars added up", minimum=1),),
        (LineKind("cmf", "own"),),
        "Volume times where the close lies in its bar, added up over `period` bars, over their "
        "volume: −1 to 1. None where nothing was traded.",
        "Chaikin, after Achelis (2000), Chaikin money flow",
        "window", lambda chosen: int(chosen["period"]) - 1, _money_flow, reads_volume=True,
    ),
)  # fmt: skip
