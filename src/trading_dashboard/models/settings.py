"""Settings that more than one package must agree on. See `config.settings` for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from trading_dashboard.models.market import (
    AS_FAST_AS_POSSIBLE,
    MAX_REPLAY_SPEED,
    MIN_REPLAY_SPEED,
)

Environment = Literal["development", "production"]


ASSET_CLASSES = ("equity", "fund", "index", "fx", "crypto", "future")
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,31}(:[a-z0-9_]{1,32})?")
_SYMBOL = re.compile(r"[^\s\x00-\x1f]{1,32}")


class MarketDataSettings(BaseModel):
    """`settings` of the embedded market data agent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["demo", "live", "recording"] = Field(
        default="demo",
        description="Where prices come from. `demo` replays real daily history of 2000-2013 with "
        "simulated ticks within each day; `live` asks the real sources of `priorities`; "
        "`recording` plays what was recorded of either. `production` refuses all but `live`.",
    )
    recording: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="The recording to play, with `source: recording`; `GET /recordings` lists all.",
    )
    priorities: dict[str, list[str]] = Field(
        default_factory=dict,
        description="For each kind of symbol (`equity`, `fund`, `index`, `fx`, `crypto`, "
        "`future`), the sources to ask, best first, such as `equity: [yahoo, alpha_vantage]`.",
    )
    symbols: list[str] = Field(
        default_factory=list,
        max_length=500,
        description="Followed live from the start, whether anyone looks or not.",
    )
    source_options: dict[str, dict[str, str | int | float | bool]] = Field(
        default_factory=dict,
        description="What a source is made with beside its key, by source; see "
        "[sources](market-data/sources.md). Keys are never written here.",
    )
    calendar: str = Field(
        default="XNYS",
        min_length=1,
        max_length=32,
        description="Whose sessions the market clock of live sources shows.",
    )
    tick_days: int = Field(
        default=5, ge=0, le=3650, description="Days that single ticks are kept; 0 keeps none."
    )
    second_bar_days: int = Field(
        default=30, ge=1, le=3650, description="Days that bars shorter than a minute are kept."
    )
    minute_bar_days: int = Field(
        default=1095,
        ge=7,
        le=36500,
        description="Days that bars from a minute to less than a day are kept. Daily bars stay.",
    )
    replay_start: date = Field(
        default=date(2012, 9, 4),
        ge=date(2000, 3, 2),
        le=date(2013, 3, 1),
        description="First session of the replay. History before it is there from the start.",
    )
    replay_speed: float = Field(
        default=60.0,
        ge=MIN_REPLAY_SPEED,
        le=AS_FAST_AS_POSSIBLE,
        description="Market seconds per wall second, 0.1 to 1000; a recording also as fast as "
        "possible, 1000000. Closed hours are skipped.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        le=2**31 - 1,
        description="Seed of the simulated ticks; the same seed gives the same ticks.",
    )

    @field_validator("priorities")
    @classmethod
    def _check_priorities(cls, priorities: dict[str, list[str]]) -> dict[str, list[str]]:
        for kind, names in priorities.items():
            if kind not in ASSET_CLASSES:
                raise ValueError(
                    f"'{kind[:32]}' is no kind of symbol; use {', '.join(ASSET_CLASSES)}"
                )
            _check_all(names, _SOURCE, "source, such as yahoo or ccxt:binance")
            if "demo" in names:
                raise ValueError("'demo' is no real source; set `source: demo` to replay it")
        return priorities

    @field_validator("symbols")
    @classmethod
    def _check_symbols(cls, symbols: list[str]) -> list[str]:
        _check_all(symbols, _SYMBOL, "symbol, such as AAPL or BTC/USDT")
        return symbols

    @field_validator("source_options")
    @classmethod
    def _check_sources(
        cls, options: dict[str, dict[str, str | int | float | bool]]
    ) -> dict[str, dict[str, str | int | float | bool]]:
        _check_all(options, _SOURCE, "source, such as yahoo or ccxt:binance")
        return options

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.source == "live" and not any(self.priorities.values()):
            raise ValueError("live needs `priorities`, such as `equity: [yahoo]`")
        if self.source == "recording" and self.recording is None:
            raise ValueError("recording needs `recording`, the name of the one to play")
        if self.replay_speed > MAX_REPLAY_SPEED and (
            self.source != "recording" or self.replay_speed != AS_FAST_AS_POSSIBLE
        ):
            raise ValueError(
                f"replay_speed is at most {MAX_REPLAY_SPEED:g}, or for a recording "
                f"{AS_FAST_AS_POSSIBLE:.0f}, as fast as possible"
            )
        return self


def _check_all(names: Iterable[str], pattern: re.Pattern[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not pattern.fullmatch(name):
            raise ValueError(f"'{name[:40]}' is no {what}")
        if name in seen:
            raise ValueError(f"'{name}' is named twice")
        seen.add(name)
