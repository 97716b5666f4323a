"""`settings` of the embedded pattern recognition agent.

Owns what the agent follows and how much history it looks at. The thresholds of its detectors are
sections of their own.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from trading_dashboard.models.market import INTERVALS, Interval
from trading_dashboard.models.pattern_thresholds.context import ContextSettings
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings
from trading_dashboard.models.pattern_thresholds.worth import WorthSettings

MAX_FOLLOWED = 500
"""Symbols followed live."""
_SYMBOL = re.compile(r"[^\s\x00-\x1f]{1,32}")
_ADDRESS = re.compile(r"https?://[^\s/?#@]+:\d{1,5}/?")


def _check_address(url: str | None) -> str | None:
    if url is not None and not _ADDRESS.fullmatch(url):
        raise ValueError("must be an address such as http://localhost:8000")
    return url


class PatternSettings(BaseModel):
    """What is followed, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market_data_url: Annotated[str | None, AfterValidator(_check_address)] = Field(
        default=None,
        description="Where the market data agent answers. Without it where `depends_on` says, and "
        "http://localhost:8000 for an agent that runs alone.",
    )
    symbols: list[str] = Field(
        default_factory=list,
        max_length=MAX_FOLLOWED,
        description="Followed live; empty for all that market data lists, the first 500 of them.",
    )
    timeframes: list[Interval] = Field(
        default=["1m", "5m", "15m", "1h", "1d"],
        min_length=1,
        max_length=9,
        description="Bars followed live. Others are answered from history when they are asked for.",
    )
    history_bars: int = Field(
        default=2_000,
        ge=600,
        le=20_000,
        description="Bars of each symbol and timeframe looked at from the start: patterns in them "
        "are found, and their worth is measured over them.",
    )

    shapes: ShapeSettings = Field(
        default_factory=ShapeSettings, description="Thresholds of the chart patterns."
    )
    worth: WorthSettings = Field(
        default_factory=WorthSettings, description="How the worth of patterns is measured."
    )
    context: ContextSettings = Field(
        default_factory=ContextSettings, description="Regime, support and resistance."
    )

    @field_validator("symbols")
    @classmethod
    def _check_symbols(cls, symbols: list[str]) -> list[str]:
        for name in symbols:
            if not _SYMBOL.fullmatch(name):
                raise ValueError(f"'{name[:40]}' is no symbol, such as AAPL or BTC/USDT")
        named = [name.upper() for name in symbols]
        if len(set(named)) < len(named):
            raise ValueError("a symbol is named twice")
        return named

    @field_validator("timeframes")
    @classmethod
    def _check_timeframes(cls, timeframes: list[Interval]) -> list[Interval]:
        if len(set(timeframes)) < len(timeframes):
            raise ValueError("a timeframe is named twice")
        return sorted(timeframes, key=INTERVALS.index)
