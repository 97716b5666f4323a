"""Questions about a series' surroundings: indicators, regime, agreement, levels.

Owns which bars are used: those followed, else what market data has. Closed bars only.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.bars import MICROSECONDS, Bars, Floats
from trading_dashboard.agents.pattern_recognition.context.agreement import agreement
from trading_dashboard.agents.pattern_recognition.context.levels import price_levels
from trading_dashboard.agents.pattern_recognition.context.recent import average_true_range, recent
from trading_dashboard.agents.pattern_recognition.context.regimes import (
    Regime,
    bars_needed,
    regime,
)
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import (
    INDICATORS,
    checked,
    compute,
    kind_of,
)
from trading_dashboard.agents.pattern_recognition.indicators.kinds import IndicatorColumn
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.agents.pattern_recognition.live.series import stamp
from trading_dashboard.agents.pattern_recognition.worth.ledger import SECONDS
from trading_dashboard.models.market import Interval
from trading_dashboard.models.patterns import TIMEFRAMES

MAX_INDICATOR_BARS = 5_000
CONTEXT_BARS = 600
"""Bars read of a timeframe that is not followed, or more if the settings need them."""
MAX_SESSION_BARS = 25_000
"""Bars read before those asked for, to find where their session began: a day of bars of 5 s, and
the trading hours of an exchange in bars of 1 s."""
_DAY_SECONDS = 86_400


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

        def followed() -> Known | None:
            tracker = self._agent.book.trackers.get((name, timeframe))
            if tracker is None or len(tracker.series) < count:
                return None
            return Known(tracker.series.bars, tracker.basis.label)

        # In the book's thread: a view made while a bar is added would be taken for the newest.
        if known := await self._agent.in_book(followed):
            return known
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
        is_of_session = kind.memory == "session"
        before = session_bars(timeframe) if is_of_session else kind.settling_bars(chosen)
        known = await self.bars(symbol, timeframe, limit + before)
        first = max(len(known.bars) - limit, 0)
        # With fewer bars than asked for the series begins there, and so does its first session.
        is_cut = is_of_session and len(known.bars) >= limit + before
        begins = _second_day(known.bars) if is_cut else 0

        def computed() -> list[dict[str, Any]]:
            return _lines(compute(indicator, known.bars, chosen), first, begins)

        lines = await self._agent.computed(computed)
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
        settings = self._agent.settings.context.regime
        count = max(CONTEXT_BARS, bars_needed(settings))
        known = await asyncio.gather(*(self.bars(symbol, it, count) for it in frames))

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
            used, _ = recent(bars, settings.bars_needed)
            return levels, average_true_range(used, settings.atr_bars)

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


def session_bars(timeframe: Interval) -> int:
    """Return how many bars before one are enough to hold its session's first."""
    return min(-(-_DAY_SECONDS // SECONDS[timeframe]), MAX_SESSION_BARS)


def _lines(columns: list[IndicatorColumn], first: int, begins: int) -> list[dict[str, Any]]:
    """Return columns from a bar on; before the one at which a session begins nothing is known."""
    for column in columns:
        column.values[:begins] = math.nan
    return [
        {
            "name": column.name,
            "pane": column.pane,
            "style": column.style,
            "values": _plain(column.values[first:]),
            "displacement": column.displacement,
        }
        for column in columns
    ]


def _second_day(bars: Bars) -> int:
    """Return the place of the first bar of the second UTC day."""
    days = bars.time // (_DAY_SECONDS * MICROSECONDS)
    return int(np.searchsorted(days, days[0], side="right"))


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
