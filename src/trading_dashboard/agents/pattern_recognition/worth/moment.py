"""Everything that is known by one moment, ready to be asked.

Owns the way from totals to what is told. What is the same for all symbols is worked out once for
each pattern; a symbol adds only its own base rate, in plain numbers, since many detections are
confirmed at the same close and each must be told without delay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import MICROSECONDS
from trading_dashboard.agents.pattern_recognition.worth.cell import Cell, totals_of
from trading_dashboard.agents.pattern_recognition.worth.family import Key, is_enough
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.statistics import (
    MOST_SURE,
    shrunk,
    wilson_interval,
)
from trading_dashboard.models.patterns import PatternWorth

if TYPE_CHECKING:
    from trading_dashboard.agents.pattern_recognition.worth.timeframe import TimeframeLedger


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern over one horizon: its worth without a confidence, and its shrunk excess."""

    worth: PatternWorth
    effect: float | None


class Moment:
    """One timeframe as it was known when the bar that opened at `as_of` closed."""

    def __init__(self, ledger: TimeframeLedger, as_of: int, settings: WorthSettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._as_of = as_of
        self._opened = datetime.fromtimestamp(as_of / MICROSECONDS, UTC)
        self.tested = ledger.family.p_values(as_of)
        self._pooled = ledger.pooled.by(np.array([as_of]))[:, 0].tolist()
        self._common = [
            ledger.common(number, np.array([as_of]))[0].tolist()
            for number in range(len(settings.horizons))
        ]
        self._lines = [
            calibration.line(ledger.stretch_of(as_of)) for calibration in ledger.calibrations
        ]
        self._patterns: dict[Key, _Pattern] = {}

    def worth(self, key: Key, symbol: str | None) -> PatternWorth:
        """Return a pattern's worth over one horizon.

        Args:
            key: Pattern, direction and number of the horizon.
            symbol: Whose base rate the confidence starts from; None for that of all.
        """
        pattern = self._patterns.get(key)
        if pattern is None:
            pattern = self._patterns[key] = self._known(key)
        anchor = None if pattern.effect is None else self._anchor(key, symbol)
        if anchor is None or pattern.effect is None:
            return pattern.worth
        raw = min(max(anchor + pattern.effect, 1 - MOST_SURE), MOST_SURE)
        middle, shift, slope = self._lines[key[2]]
        odds = middle + shift + slope * (math.log(raw / (1 - raw)) - middle)
        return pattern.worth.model_copy(update={"confidence": 1 / (1 + math.exp(-odds))})

    def _anchor(self, key: Key, symbol: str | None) -> float | None:
        """Return the symbol's base rate, drawn towards the pooled one; see `anchors`."""
        _, direction, horizon = key
        pooled = self._pooled[horizon]
        common: float = self._common[horizon][0 if direction > 0 else 1]
        series = None if symbol is None else self._ledger.series.get(symbol)
        own = pooled if series is None else series.base.known_by(self._as_of)[horizon]
        if own[0] < self._settings.minimum_base:
            return None
        column = 1 if direction > 0 else 2
        strength = self._settings.base_strength * self._settings.horizons[horizon]
        return (own[column] + strength * common) / max(own[0] + strength, 1)

    def _known(self, key: Key) -> _Pattern:
        cell = self._ledger.cells.get(key)
        rows = 0 if cell is None else cell.rows_before(self._as_of)
        said = {
            "horizon_bars": self._settings.horizons[key[2]],
            "as_of": self._opened,
            "base_samples": self._pooled[key[2]][0],
            "scope": "symbol" if len(self._ledger.series) == 1 else "all_symbols",
        }
        if cell is None or not rows:
            nothing = PatternWorth(samples=0, hits=0, verdict="too_few", **said)
            return _Pattern(nothing, None)
        return self._measured(key, cell, rows, said)

    def _measured(self, key: Key, cell: Cell, rows: int, said: dict[str, object]) -> _Pattern:
        totals = totals_of([cell], [rows])
        samples, hits = int(totals.samples[0]), int(totals.hits[0])
        base, variance = float(totals.base[0]), float(totals.variance[0])
        rate = base / samples
        alone = samples * rate * (1 - rate)
        # Where the price had never moved that way before, no tosses compare: blocks are separate.
        separate = samples * alone / variance if alone > 0 else float(totals.blocks[0])
        low, high = wilson_interval(hits / samples * separate, separate).tolist()
        p, adjusted = self.tested.get(key, (None, None))
        verdict: Literal["edge", "no_edge", "too_few"] = "too_few"
        if adjusted is not None:
            is_edge = hits > base and adjusted <= self._settings.significance
            verdict = "edge" if is_edge else "no_edge"
        worth = PatternWorth.model_validate(
            {
                **said,
                "samples": samples,
                "hits": hits,
                "hit_rate": hits / samples,
                "interval_low": low,
                "interval_high": high,
                "effective_samples": separate,
                "base_rate": rate,
                "mean_move_atr": float(totals.move[0]) / samples,
                "median_move_atr": cell.median(samples),
                "p_value": p,
                "p_adjusted": adjusted,
                "verdict": verdict,
            }
        )
        if not is_enough(totals, self._settings)[0]:
            return _Pattern(worth, None)
        spread = self._ledger.spreads(np.array([self._as_of]), key[2])
        return _Pattern(worth, float(shrunk(totals, spread)[0]))
