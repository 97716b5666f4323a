"""Confidence against what came of it: recalibrated as time goes on, and measured.

Owns, for one timeframe and horizon, what was said and what happened, in bins by stretches of time.
What is said in one stretch is calibrated by what had come by its beginning, by nothing later.

Calibration is Platt's (1999, "Probabilistic Outputs for Support Vector Machines"): a line through
log-odds. It is drawn towards "as said" by a weak prior, and outcomes that came together count for
as many as they are worth, so that a few months cannot bend it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from trading_dashboard.agents.pattern_recognition.worth.statistics import logit, wilson_interval
from trading_dashboard.models.pattern_api import ReliabilityBin

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_UNIT = 1e9
"""Sums are whole numbers of billionths: the same in whichever order outcomes come."""
_BINS = 100
_SHOWN = 20
_SHIFT_SPREAD, _SLOPE_SPREAD = 0.1, 0.25


@dataclass(frozen=True, slots=True)
class Reliability:
    """What was said against what happened.

    Attributes:
        bins: Points of the diagram, by what was said, each with Wilson's interval.
        samples: Outcomes that had a confidence.
        brier: Mean squared error of what was said (Brier 1950, "Verification of Forecasts
            Expressed in Terms of Probability", Monthly Weather Review 78(1)); None without samples.
        brier_base: The same, had the base rate been said each time.
    """

    bins: list[ReliabilityBin]
    samples: int
    brier: float | None
    brier_base: float | None


class Calibration:
    """Says how raw probabilities are to be read, and how well what was said came true."""

    def __init__(self) -> None:
        self.raw: dict[int, Ints] = {}
        """By stretch: samples, hits and sum of what was said, in 100 bins; shape ``(3, 100)``."""
        self.told: dict[int, Ints] = {}
        """By stretch: the same of what was told in the end, ``(3, 20)``, and in a fourth row the
        squared errors of what was told and of the base rate."""
        self._lines: dict[int, tuple[float, float, float]] = {}

    def note_raw(self, stretch: NDArray[np.int64], raw: Floats, hit: Floats) -> None:
        """Add outcomes that ended in these stretches, and what was to be said of them, ``(k,)``."""
        for one, at in _by_stretch(stretch):
            self._lines = {begun: line for begun, line in self._lines.items() if begun <= one}
            self.raw.setdefault(one, np.zeros((3, _BINS), np.int64))[:] += _binned(
                raw[at], hit[at], _BINS
            )

    def note_told(
        self, stretch: NDArray[np.int64], told: Floats, base: Floats, hit: Floats
    ) -> None:
        """Add the same outcomes with what was told in the end, and the base rates, ``(k,)``."""
        for one, at in _by_stretch(stretch):
            shown = self.told.setdefault(one, np.zeros((4, _SHOWN), np.int64))
            shown[:3] += _binned(told[at], hit[at], _SHOWN)
            shown[3, 0] += _units((told[at] - hit[at]) ** 2).sum()
            shown[3, 1] += _units((base[at] - hit[at]) ** 2).sum()

    def read(self, raw: Floats, stretch: int) -> Floats:
        """Return raw probabilities said in a stretch as what came of their like before it."""
        middle, shift, slope = self.line(stretch)
        return np.asarray(special.expit(middle + shift + slope * (logit(raw) - middle)))

    def reliability(self, before: int | None = None) -> Reliability:
        """Return the diagram and the scores of what ended before a stretch; None for all."""
        return merged_reliability([self], before)

    def line(self, stretch: int) -> tuple[float, float, float]:
        """Return middle, shift and slope that log-odds said in a stretch are read by."""
        if stretch not in self._lines:
            past = [bins for one, bins in sorted(self.raw.items()) if one < stretch]
            self._lines[stretch] = _fitted(np.array(past, np.float64)) if past else (0.0, 0.0, 1.0)
        return self._lines[stretch]


def merged_reliability(several: list[Calibration], before: int | None = None) -> Reliability:
    """Return one diagram of several calibrations."""
    parts = [
        shown
        for calibration in several
        for stretch, shown in sorted(calibration.told.items())
        if before is None or stretch < before
    ]
    if not parts:
        return Reliability([], 0, None, None)
    table = np.array(parts, np.float64)
    table[:, 2:] /= _UNIT
    total = table.sum(axis=0)
    samples = total[0].sum()
    bins = [_shown(table[:, :3, number], number) for number in np.flatnonzero(total[0]).tolist()]
    return Reliability(
        bins, int(samples), float(total[3, 0] / samples), float(total[3, 1] / samples)
    )


def _by_stretch(
    stretch: NDArray[np.int64],
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    for one in np.unique(stretch).tolist():
        yield one, stretch == one


def _binned(said: Floats, hit: Floats, bins: int) -> Ints:
    number = np.minimum((said * bins).astype(np.int64), bins - 1)
    table = np.zeros((3, bins), np.int64)
    for row, values in zip(table, (np.ones_like(number), hit, _units(said)), strict=True):
        np.add.at(row, number, values.astype(np.int64))
    return table


def _units(values: Floats) -> Ints:
    return np.rint(values * _UNIT).astype(np.int64)


def _shown(parts: Floats, number: int) -> ReliabilityBin:
    """Return one bin from its samples, hits and sums in each stretch, shape ``(k, 3)``."""
    samples, hits, said = parts.sum(axis=0).tolist()
    worth = _overlap(parts[:, 0], parts[:, 1], np.full(len(parts), hits / samples))
    low, high = wilson_interval(hits / worth, samples / worth).tolist()
    return ReliabilityBin(
        said_low=number / _SHOWN,
        said_high=(number + 1) / _SHOWN,
        said_mean=said / samples,
        happened=hits / samples,
        interval_low=low,
        interval_high=high,
        samples=int(samples),
    )


def _overlap(samples: Floats, hits: Floats, rate: Floats) -> float:
    """Return how many outcomes are worth one separate outcome, by how stretches differ; at least 1.

    Kish's design effect (1965, "Survey Sampling", p. 258), with stretches of time as clusters.
    """
    alone = float(np.sum(samples * rate * (1 - rate)))
    if alone <= 0:
        return 1.0
    return max(float(np.sum((hits - samples * rate) ** 2)) / alone, 1.0)


def _fitted(past: Floats) -> tuple[float, float, float]:
    """Return middle, shift and slope of the line; `past` has shape ``(stretches, 3, bins)``.

    Newton's method on the penalised likelihood; it is concave, a few steps are enough.
    """
    past[:, 2] /= _UNIT
    past = past[:, :, past[:, 0].sum(axis=0) > 0]
    samples, hits, said = past.sum(axis=0)
    spoken = logit(said / samples)
    middle = float(np.average(spoken, weights=samples))
    design = np.stack([np.ones_like(spoken), spoken - middle])
    # How much more shift and slope differ between stretches than separate outcomes would: by so
    # much less all outcomes together say.
    scores = (past[:, 1] - past[:, 2]) @ design.T
    alone = (past[:, 0] * (said / samples) * (1 - said / samples)) @ (design**2).T
    total = np.maximum(alone.sum(axis=0), 1e-9)
    scores -= alone * (scores.sum(axis=0) / total)
    worth = max(1.0, float(np.max(np.sum(scores**2, axis=0) / total)))
    prior = np.array([1 / _SHIFT_SPREAD**2, 1 / _SLOPE_SPREAD**2])
    line = np.array([0.0, 1.0])
    for _ in range(12):
        expected = special.expit(middle + line @ design)
        slope = design @ (hits - samples * expected) / worth - prior * (line - [0.0, 1.0])
        weight = samples * expected * (1 - expected) / worth
        step = np.linalg.solve((design * weight) @ design.T + np.diag(prior), slope)
        line = line + step
        if np.abs(step).max() < 1e-10:
            break
    return middle, float(line[0]), float(line[1])
