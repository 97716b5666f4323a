"""All tests of a timeframe at one moment: each cell's p-value, and all corrected together.

Owns which cells are tested and what the pooled spread of their effects is. Answers are kept for the
moments asked last; an outcome that comes late, before such a moment, makes it forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.worth.cell import Cell, Totals
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.statistics import (
    adjust,
    spread_of_effects,
    two_sided_p,
)

Key = tuple[int, int, int]
"""Pattern, direction, number of the horizon."""
KEPT = 64


def is_enough(totals: Totals, settings: WorthSettings) -> NDArray[np.bool_]:
    """Return where there are enough outcomes, in enough separate stretches of time."""
    return (totals.samples >= settings.minimum_samples) & (totals.blocks >= settings.minimum_blocks)


class Family:
    """The cells of one timeframe as one family of tests."""

    def __init__(self, cells: Mapping[Key, Cell], settings: WorthSettings) -> None:
        self._cells = cells
        self._settings = settings
        self._adjusted: OrderedDict[int, dict[Key, tuple[float, float]]] = OrderedDict()
        self._spreads: dict[int, list[float]] = {}

    def p_values(self, moment: int) -> dict[Key, tuple[float, float]]:
        """Return (p, adjusted p) of each cell that has enough outcomes by a moment."""
        if moment not in self._adjusted:
            self.prepare(np.array([moment]))
        return self._adjusted[moment]

    def prepare(self, moments: NDArray[np.int64]) -> None:
        """Work out several moments together, at most as many as are kept."""
        keys, table = list(self._cells), np.full((len(self._cells), len(moments)), np.nan)
        for row, cell in zip(table, self._cells.values(), strict=True):
            totals = cell.totals(cell.rows.data[0].searchsorted(moments))
            p = two_sided_p(totals.hits - totals.base, totals.variance, totals.blocks)
            row[:] = np.where(is_enough(totals, self._settings), p, np.nan)
        for moment, column in zip(moments.tolist(), table.T, strict=True):
            tested = np.flatnonzero(~np.isnan(column))
            p = column[tested]
            pairs = zip(p.tolist(), adjust(p).tolist(), strict=True)
            self._adjusted[moment] = dict(
                zip((keys[number] for number in tested.tolist()), pairs, strict=True)
            )
        while len(self._adjusted) > KEPT:
            self._adjusted.popitem(last=False)

    def spread(self, stretch: int, begins: int, horizon: int) -> float:
        """Return the variance of true effects over one horizon, as known when a stretch began."""
        if stretch not in self._spreads:
            self._spreads[stretch] = self._measured(begins)
        return self._spreads[stretch][horizon]

    def forget(self, since: int, stretch: int) -> None:
        """Forget what an outcome that ended at `since`, in a stretch, could change."""
        if self._adjusted and since < max(self._adjusted):
            for moment in [moment for moment in self._adjusted if moment > since]:
                del self._adjusted[moment]
        if self._spreads and stretch < max(self._spreads):
            self._spreads = {one: kept for one, kept in self._spreads.items() if one <= stretch}

    def _measured(self, begins: int) -> list[float]:
        effects: list[list[tuple[float, float]]] = [[] for _ in self._settings.horizons]
        for (_, _, horizon), cell in self._cells.items():
            totals = cell.totals(np.array([cell.rows_before(begins)]))
            if is_enough(totals, self._settings)[0]:
                samples = float(totals.samples[0])
                excess = float(totals.hits[0] - totals.base[0])
                effects[horizon].append((excess / samples, float(totals.variance[0]) / samples**2))
        return [spread_of_effects(*np.array(found).T) if found else 0.0 for found in effects]
