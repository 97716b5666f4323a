"""Every indicator by its id, and the one way to compute one.

Gaps: a row without four finite prices (or, where volume is read, without finite volume) is left
out, the indicator is computed over the rows that remain, and has no value at the gap. So one bad
row costs its own value and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import MICROSECONDS, Bars, Times
from trading_dashboard.agents.pattern_recognition.indicators.kinds import (
    IndicatorColumn,
    IndicatorKind,
    Parameter,
    Rows,
)
from trading_dashboard.agents.pattern_recognition.indicators.momentum import MOMENTUM
from trading_dashboard.agents.pattern_recognition.indicators.trend import TREND
from trading_dashboard.agents.pattern_recognition.indicators.volatility import VOLATILITY
from trading_dashboard.agents.pattern_recognition.indicators.volume import VOLUME
from trading_dashboard.models.errors import InvalidParameter, UnknownIndicator

INDICATORS: Mapping[str, IndicatorKind] = MappingProxyType(
    {kind.id: kind for kind in (*TREND, *MOMENTUM, *VOLUME, *VOLATILITY)}
)

_DAY = 86_400 * MICROSECONDS


def compute(
    indicator: str,
    bars: Bars,
    parameters: Mapping[str, float],
    session_starts: Times | None = None,
) -> list[IndicatorColumn]:
    """Return an indicator's lines over `bars`.

    Args:
        indicator: Its id.
        bars: Closed bars, oldest first.
        parameters: By name; those left out have their defaults.
        session_starts: Rising times, microseconds since 1970 UTC, at which sessions begin; UTC
            days if None. Only what is anchored to a session reads them.

    Raises:
        UnknownIndicator: There is none of that id.
        InvalidParameter: A parameter is none of the indicator's, or out of its bounds.
    """
    kind = kind_of(indicator)
    chosen = checked(kind, parameters)
    values = _values(kind, bars, chosen, session_starts)
    displacements = kind.displacement(chosen) if kind.displacement else (0,) * len(kind.lines)
    return [
        IndicatorColumn(line.name, line.pane, line.style, column, displacement)
        for line, column, displacement in zip(kind.lines, values, displacements, strict=True)
    ]


def kind_of(indicator: str) -> IndicatorKind:
    """Return the indicator of that id. Raises `UnknownIndicator`."""
    if indicator in INDICATORS:
        return INDICATORS[indicator]
    near = get_close_matches(indicator, INDICATORS, 1, 0.5)
    raise UnknownIndicator(
        f"There is no indicator '{indicator}'.",
        subject=indicator,
        next_step=f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(INDICATORS)}.",
    )


def checked(kind: IndicatorKind, parameters: Mapping[str, float]) -> dict[str, float]:
    """Return all parameters of the indicator, defaults filled in.

    Raises:
        InvalidParameter: One is none of the indicator's, or out of its bounds.
    """
    known = {parameter.name: parameter for parameter in kind.parameters}
    for name in parameters:
        if name not in known:
            names = ", ".join(known)
            raise InvalidParameter(
                f"{kind.name} has no parameter '{name}'.",
                subject=name,
                next_step=f"It has {names}." if names else "It has none.",
            )
    chosen = {
        name: _within_bounds(parameter, parameters.get(name, parameter.default))
        for name, parameter in known.items()
    }
    if kind.id == "macd" and chosen["fast"] >= chosen["slow"]:
        raise InvalidParameter(
            f"MACD's fast period ({chosen['fast']:g}) is not shorter than its slow one "
            f"({chosen['slow']:g}).",
            subject="fast",
            observed=chosen["fast"],
            next_step="Choose a fast period below the slow one.",
        )
    return chosen


def _within_bounds(parameter: Parameter, value: float) -> float:
    is_possible = math.isfinite(value) and parameter.minimum <= value <= parameter.maximum
    if is_possible and not (parameter.is_integer and value != int(value)):
        return float(value)
    kind = "a whole number" if parameter.is_integer else "a number"
    raise InvalidParameter(
        f"Parameter '{parameter.name}' cannot be {value:g}.",
        subject=parameter.name,
        observed=value if math.isfinite(value) else str(value),
        next_step=f"Choose {kind} from {parameter.minimum:g} to {parameter.maximum:g}.",
    )


def _values(
    kind: IndicatorKind, bars: Bars, chosen: Mapping[str, float], session_starts: Times | None
) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    is_used = bars.is_sound
    if kind.reads_volume:
        is_used &= np.isfinite(bars.volume)
    row = np.flatnonzero(is_used)
    columns = [np.full(len(bars), np.nan) for _ in kind.lines]
    if not len(row):
        return columns
    used = Bars(
        bars.time[row], bars.open[row], bars.high[row], bars.low[row], bars.close[row],
        bars.volume[row],
    )  # fmt: skip
    if session_starts is None:
        session = used.time // _DAY
    else:
        session = np.searchsorted(session_starts, used.time, side="right")
    rows = Rows(used, session.astype(np.int64))
    for column, values in zip(columns, kind.compute(rows, chosen), strict=True):
        column[row] = values
    return columns
