"""Questions about a series' surroundings: indicators, regime, agreement, levels.

Owns which bars are used: those followed, else what market data has. Closed bars only.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.context.agreement import agreement
from trading_dashboard.agents.pattern_recognition.context.levels import price_levels
from trading_dashboard.agents.pattern_recognition.context.recent import average_true_range
from trading_dashboard.agents.pattern_recognition.context.regimes import Regime, regime
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import (
    INDICATORS,
    checked,
    compute,
    kind_of,
)
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.agents.pattern_recognition.live.series import stamp
from trading_dashboard.models.market import Interval
from trading_dashboard.models.patterns import TIMEFRAMES

MAX_INDICATOR_BARS = 5_000
CONTEXT_BARS = 600
"""Bars read of a timeframe that is not followed."""


@dataclass(frozen=True, slots=True)
class Known:
    """Closed bars of one series, and where they are from."""

    bars: Bars
    label: Label

    @property
    def as_of(self) -> str | None:
        """The newest bar."""
        return stamp(int(self.bars.time[-1])) if len(self.bars) else None


class Surroundings:
    """What the routes ask about one symbol."""

    def __init__(self, agent: PatternAgent) -> None:
        self._agent = agent

    async def bars(self, symbol: str, timeframe: Interval, count: int) -> Known:
        """Return a series' newest bars: at least `count`, if there are as many.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        name = symbol.strip().upper()
        tracker = self._agent.book.trackers.get((name, timeframe))
        if tracker is not None and len(tracker.series):
            is_enough = len(tracker.series) >= min(count, self._agent.settings.history_bars)
            if is_enough and count <= self._agent.settings.history_bars:
                return Known(tracker.series.bars, tracker.basis.label)
        found = await self._agent.reader.history(name, timeframe, count)
        return Known(found.bars, found.label)

    async def indicator(
        self,
        symbol: str,
        timeframe: Interval,
        indicator: str,
        parameters: Mapping[str, float],
        limit: int,
    ) -> dict[str, Any]:
        """Return the newest values of an indicator.

        Raises:
            UnknownIndicator, InvalidParameter, UnknownSymbol, DataUnavailable.
        """
        kind = kind_of(indicator)
        chosen = checked(kind, parameters)
        known = await self.bars(symbol, timeframe, limit + kind.settling_bars(chosen))
        columns = await self._agent.computed(lambda: compute(indicator, known.bars, chosen))
        first = max(len(known.bars) - limit, 0)
        lines = [
            {
                "name": column.name,
                "pane": column.pane,
                "style": column.style,
                "values": _plain(column.values[first:]),
                "displacement": column.displacement,
            }
            for column in columns
        ]
        return {
            "symbol": symbol.strip().upper(),
            "timeframe": timeframe,
            "indicator": indicator,
            "parameters": chosen,
            "as_of": known.as_of,
            "timestamps": [stamp(time) for time in known.bars.time[first:].tolist()],
            "lines": lines,
            "stale": self._agent.is_stale,
            **known.label.body(),
        }

    async def context(self, symbol: str) -> dict[str, Any]:
        """Return the regime of nine timeframes, and how far they agree.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        frames = [cast("Interval", frame) for frame in TIMEFRAMES]
        known = await asyncio.gather(*(self.bars(symbol, it, CONTEXT_BARS) for it in frames))
        settings = self._agent.settings.context.regime

        def judged() -> list[Regime]:
            return [regime(it.bars, settings) for it in known]

        regimes = await self._agent.computed(judged)
        whole = agreement(dict(zip(frames, regimes, strict=True)))
        rows = [_row(*row) for row in zip(frames, known, regimes, strict=True)]
        newest = [it.as_of for it in known if it.as_of is not None]
        return {
            "symbol": symbol.strip().upper(),
            "as_of": max(newest) if newest else None,
            "timeframes": rows,
            "agreement": whole.value,
            "agreeing": whole.agreeing,
            "known": whole.known,
            "words": whole.words,
            "stale": self._agent.is_stale,
            **known[0].label.body(),
        }

    async def levels(self, symbol: str, timeframe: Interval) -> dict[str, Any]:
        """Return support and resistance.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        settings = self._agent.settings.context.levels
        known = await self.bars(symbol, timeframe, settings.bars_needed)
        bars = known.bars

        def found() -> tuple[list[dict[str, Any]], float | None]:
            levels = [
                {
                    "price": level.price,
                    "low": level.low,
                    "high": level.high,
                    "kind": level.kind,
                    "touches": level.touches,
                    "last_touch": stamp(int(bars.time[level.last_touch])),
                    "strength": level.strength,
                    "distance_atr": level.distance_atr,
                }
                for level in price_levels(bars, settings)
            ]
            return levels, average_true_range(bars, settings.atr_bars)

        levels, atr = await self._agent.computed(found)
        closes = bars.close[bars.is_sound]
        return {
            "symbol": symbol.strip().upper(),
            "timeframe": timeframe,
            "as_of": known.as_of,
            "close": float(closes[-1]) if len(closes) else None,
            "atr": atr,
            "levels": levels,
            "stale": self._agent.is_stale,
            **known.label.body(),
        }


def indicator_definitions() -> list[dict[str, Any]]:
    """Return every indicator's row of the list."""
    return [
        {
            "id": kind.id,
            "name": kind.name,
            "group": kind.group,
            "pane": kind.pane,
            "parameters": [
                {
                    "name": one.name,
                    "default": one.default,
                    "minimum": one.minimum,
                    "maximum": one.maximum,
                    "is_integer": one.is_integer,
                    "description": one.description,
                }
                for one in kind.parameters
            ],
            "source": kind.source,
            "definition": kind.definition,
            "lines": [line.name for line in kind.lines],
        }
        for kind in INDICATORS.values()
    ]


def _row(timeframe: str, known: Known, found: Regime) -> dict[str, Any]:
    return {
        "timeframe": timeframe,
        "as_of": None if found.bar is None else stamp(int(known.bars.time[found.bar])),
        "bars": found.bars,
        "trend": found.trend,
        "trend_strength": found.trend_strength,
        "volatility": found.volatility,
        "volatility_percentile": found.volatility_percentile,
        "regime": found.words,
        "note": found.note,
    }


def _plain(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
