"""Indicators, regimes and levels as they travel; times and prices as in `models.patterns`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from trading_dashboard.models.market import Interval, Labelled, Wire


class IndicatorLine(Wire):
    """One output of an indicator, as long as the bars it was asked for."""

    name: str
    pane: Literal["price", "own", "volume"]
    style: Literal["line", "histogram", "cloud"] = "line"
    values: list[float | None]
    """None where there is no value yet."""
    displacement: int = 0
    """So many bars to the right of its bar a value is drawn, negative to the left; it was known at
    its bar's close all the same."""


class IndicatorResponse(Labelled):
    """``GET /indicators/{symbol}?name=macd&fast=12…``."""

    symbol: str
    timeframe: Interval
    indicator: str
    parameters: dict[str, float]
    as_of: datetime | None
    timestamps: list[datetime]
    lines: list[IndicatorLine]
    stale: bool = False
    """True while market data is away: nothing newer is known."""


class IndicatorParameter(Wire):
    """One parameter of an indicator, with its bounds."""

    name: str
    default: float
    minimum: float
    maximum: float
    is_integer: bool
    description: str = ""


class IndicatorDefinition(Wire):
    """One row of ``GET /indicators``."""

    id: str
    name: str
    group: Literal["trend", "momentum", "volume", "volatility"]
    pane: Literal["price", "own", "volume"]
    parameters: list[IndicatorParameter]
    source: str
    definition: str = ""
    lines: list[str] = Field(default_factory=list)


class IndicatorsResponse(Wire):
    """``GET /indicators``."""

    indicators: list[IndicatorDefinition]


class PriceLevel(Wire):
    """Support or resistance."""

    price: float
    low: float
    high: float
    kind: Literal["support", "resistance"]
    touches: int
    last_touch: datetime
    strength: float = Field(ge=0, le=1)
    distance_atr: float
    """From the last close, in average true ranges."""


class LevelsResponse(Labelled):
    """``GET /levels/{symbol}``."""

    symbol: str
    timeframe: Interval
    as_of: datetime | None
    close: float | None
    atr: float | None
    levels: list[PriceLevel]
    stale: bool = False
    """True while market data is away: nothing newer is known."""


class TimeframeContext(Wire):
    """One timeframe of ``GET /context/{symbol}``."""

    timeframe: Interval
    as_of: datetime | None
    bars: int
    trend: Literal["up", "down", "sideways", "unknown"]
    trend_strength: float | None
    volatility: Literal["low", "normal", "high", "unknown"]
    volatility_percentile: float | None
    regime: str
    """Trend × volatility, such as ``up, low volatility``."""
    note: str | None = None


class ContextResponse(Labelled):
    """``GET /context/{symbol}``: regime per timeframe and how far they agree."""

    symbol: str
    as_of: datetime | None
    timeframes: list[TimeframeContext]
    agreement: float | None = Field(default=None, ge=-1, le=1)
    """1 if every timeframe known points up, -1 if down."""
    agreeing: int
    known: int
    words: str
    stale: bool = False
    """True while market data is away: nothing newer is known."""
