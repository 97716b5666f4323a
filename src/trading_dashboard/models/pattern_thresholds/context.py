"""Every threshold of the regime and of support and resistance, with bounds and meaning."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RegimeSettings(BaseModel):
    """Thresholds of trend and volatility."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adx_bars: int = Field(
        default=14, ge=5, le=50, description="Wilder's smoothing of ADX and average true range."
    )
    trend_adx: float = Field(
        default=25, ge=10, le=60,
        description="ADX from which there is a trend at all; below, the market moves sideways.",
    )  # fmt: skip
    trend_bars: int = Field(
        default=20, ge=5, le=200, description="Closes the regression line is fitted to."
    )
    trend_slope_atr: float = Field(
        default=1.0, ge=0, le=20,
        description="Least rise or fall of the regression line over `trend_bars`, in average true "
        "ranges, that gives the trend its direction; below, the market moves sideways.",
    )  # fmt: skip
    volatility_bars: int = Field(
        default=20, ge=5, le=200, description="Bars each volatility is estimated from."
    )
    percentile_bars: int = Field(
        default=252, ge=20, le=2_000,
        description="Trailing volatilities the newest one is ranked among.",
    )  # fmt: skip
    least_percentile_bars: int = Field(
        default=60, ge=10, le=2_000,
        description="With fewer trailing volatilities than this the volatility is unknown.",
    )  # fmt: skip
    low_percentile: float = Field(
        default=25, ge=1, le=49, description="Volatility is low up to this percentile."
    )
    high_percentile: float = Field(
        default=75, ge=51, le=99, description="Volatility is high from this percentile."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.least_percentile_bars > self.percentile_bars:
            msg = "least_percentile_bars is more than percentile_bars. Make it smaller."
            raise ValueError(msg)
        return self


class LevelSettings(BaseModel):
    """Thresholds of support and resistance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookback_bars: int = Field(
        default=500, ge=50, le=5_000, description="Newest bars in which turning points are sought."
    )
    pivot_bars: int = Field(
        default=3, ge=1, le=50,
        description="Bars on each side that a turning point's high or low must exceed. It is known "
        "so many bars after it happened.",
    )  # fmt: skip
    atr_bars: int = Field(
        default=14, ge=5, le=50, description="Wilder's smoothing of the average true range."
    )
    width_atr: float = Field(
        default=0.5, ge=0.05, le=5,
        description="Turning points within so many average true ranges make one level.",
    )  # fmt: skip
    least_touches: int = Field(
        default=2, ge=1, le=20, description="Turning points a level needs to be told."
    )
    half_life_bars: int = Field(
        default=100, ge=5, le=5_000, description="Bars after which a touch weighs half."
    )
    half_strength_touches: float = Field(
        default=2.0, ge=0.1, le=20,
        description="Weight of touches that makes a strength of 0.5: strength is w / (w + this).",
    )  # fmt: skip
    most_levels: int = Field(
        default=12, ge=1, le=100, description="Only the strongest so many are told."
    )

    @property
    def bars_needed(self) -> int:
        """How many bars decide: exactly so many of the newest are read, if there are as many."""
        return self.lookback_bars


class ContextSettings(BaseModel):
    """Regime and levels together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    regime: RegimeSettings = Field(
        default_factory=RegimeSettings, description="Trend and volatility."
    )
    levels: LevelSettings = Field(
        default_factory=LevelSettings, description="Support and resistance."
    )
