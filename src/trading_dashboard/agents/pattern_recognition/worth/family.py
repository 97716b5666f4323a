"""All tests of a timeframe at one moment: each cell's p-value, and all corrected together.

Owns which cells are tested and what the pooled spread of their effects is. Answers are kept for the
moments asked last; an outcome that comes late, before such a moment, makes it forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.worth.cell import (
    Cell,
    Totals,
    totals_of,
)
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
        self._latest: dict[Key, tuple[int, int, float | None]] = {}
        self._spreads: dict[int, list[float]] = {}

    def p_values(self, moment: int) -> dict[Key, tuple[float, float]]:
        """Return (p, adjusted p) of each cell that has enough outcomes by a moment.

        Only cells in which outcomes ended since the moment asked before are worked out again.
        """
        if moment not in self._adjusted:
            self._refresh(moment)
            tested = {key: kept[2] for key, kept in self._latest.items() if kept[2] is not None}
            self._keep(moment, list(tested), np.array(list(tested.values())))
        return self._adjusted[moment]

    def prepare(self, moments: NDArray[np.int64]) -> None:
        """Work out several moments together, at most as many as are kept.

        A single one is left to `p_values`, which asks only what has changed since the one before.
        """
        moments = np.array([one for one in moments.tolist() if one not in self._adjusted], np.int64)
        if len(moments) < 2:
            return
        keys, table = list(self._cells), np.full((len(self._cells), len(moments)), np.nan)
        for row, cell in zip(table, self._cells.values(), strict=True):
            totals = cell.totals(cell.rows.data[0].searchsorted(moments))
            p = two_sided_p(totals.hits - totals.base, totals.variance, totals.blocks)
            row[:] = np.where(is_enough(totals, self._settings), p, np.nan)
        for moment, column in zip(moments.tolist(), table.T, strict=True):
            tested = np.flatnonzero(~np.isnan(column))
            self._keep(moment, [keys[number] for number in tested.tolist()], column[tested])

    def _refresh(self, moment: int) -> None:
        """Bring the latest p-value of each cell to a moment."""
        stale: list[tuple[Key, Cell, int]] = []
        for key, cell in self._cells.items():
            rows = cell.rows_before(moment)
            kept = self._latest.get(key)
            if kept is not None and kept[0] == cell.version and kept[1] == rows:
                continue
            self._latest[key] = (cell.version, rows, None)
            if rows:
                stale.append((key, cell, rows))
        if not stale:
            return
        totals = totals_of([cell for _, cell, _ in stale], [rows for _, _, rows in stale])
        p = two_sided_p(totals.hits - totals.base, totals.variance, totals.blocks).tolist()
        enough = is_enough(totals, self._settings).tolist()
        for (key, cell, rows), value, is_tested in zip(stale, p, enough, strict=True):
            self._latest[key] = (cell.version, rows, value if is_tested else None)

    def _keep(self, moment: int, keys: list[Key], p: NDArray[np.float64]) -> None:
        pairs = zip(p.tolist(), adjust(p).tolist(), strict=True)
        self._adjusted[moment] = dict(zip(keys, pairs, strict=True))
        while len(self._adjusted) > KEPT:
            self._adjusted.popitem(last=False)

    def spreads(self, stretches: NDArray[np.int64], span: int, horizon: int) -> NDArray[np.float64]:
        """Return the variance of true effects over one horizon, as known when stretches began.

        Args:
            stretches: Numbers of stretches of time, growing.
            span: How long one is, microseconds.
            horizon: Number of the horizon.
        """
        unknown = [one for one in stretches.tolist() if one not in self._spreads]
        if unknown:
            self._measure(unknown, span)
        return np.array([self._spreads[one][horizon] for one in stretches.tolist()])

    def forget(self, since: int, stretch: int) -> None:
        """Forget what an outcome that ended at `since`, in a stretch, could change."""
        if self._adjusted and since < max(self._adjusted):
            for moment in [moment for moment in self._adjusted if moment > since]:
                del self._adjusted[moment]
        if self._spreads and stretch < max(self._spreads):
            self._spreads = {one: kept for one, kept in self._spreads.items() if one <= stretch}

    def _measure(self, stretches: list[int], span: int) -> None:
        begins = np.array(stretches, np.int64) * span
        horizons = range(len(self._settings.horizons))
        effects: list[list[NDArray[np.float64]]] = [[] for _ in horizons]
        for (_, _, horizon), cell in sorted(self._cells.items(), key=itemgetter(0)):
            totals = cell.totals(cell.rows.data[0].searchsorted(begins))
            samples = np.maximum(totals.samples, 1)
            effect = (totals.hits - totals.base) / samples
            pair = np.stack([effect, totals.variance / samples**2])
            pair[:, ~is_enough(totals, self._settings)] = np.nan
            effects[horizon].append(pair)
        spreads = np.zeros((len(stretches), len(horizons)))
        for horizon in horizons:
            if effects[horizon]:
                table = np.stack(effects[horizon])
                spreads[:, horizon] = spread_of_effects(table[:, 0], table[:, 1])
        self._spreads |= dict(zip(stretches, spreads.tolist(), strict=True))
