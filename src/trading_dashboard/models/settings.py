"""Settings that more than one package must agree on. See `config.settings` for the rest."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Environment = Literal["development", "production"]


class MarketDataSettings(BaseModel):
    """`settings` of the embedded market data agent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["demo"] = Field(
        default="demo",
        description="Where prices come from. `demo` replays real daily history of 2000-2013 with "
        "simulated ticks within each day; `production` refuses it.",
    )
    replay_start: date = Field(
        default=date(2012, 9, 4),
        ge=date(2000, 3, 2),
        le=date(2013, 3, 1),
        description="First session of the replay. History before it is there from the start.",
    )
    replay_speed: float = Field(
        default=60.0,
        ge=1.0,
        le=1000.0,
        description="Market seconds per wall second. Closed hours are skipped.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        le=2**31 - 1,
        description="Seed of the simulated ticks; the same seed gives the same ticks.",
    )
