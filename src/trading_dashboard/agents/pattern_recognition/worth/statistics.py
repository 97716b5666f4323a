"""The formulas: intervals, tests, their correction, and shrinkage. Nothing here has a state."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from trading_dashboard.agents.pattern_recognition.worth.cell import Totals

Z95 = 1.959963984540054
MOST_SURE = 0.99
"""No probability beyond this is said, nor below one less this."""


def wilson_interval(hits: ArrayLike, samples: ArrayLike) -> NDArray[np.float64]:
    """Return Wilson's 95 % score interval of a rate, shape ``(…, 2)``; NaN without samples.

    Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", JASA
    22(158), 209-212. `samples` may be an effective number, not whole.
    """
    n = np.asarray(samples, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.asarray(hits, np.float64) / n
        scale = 1 + Z95**2 / n
        centre = (rate + Z95**2 / (2 * n)) / scale
        half = Z95 * np.sqrt(rate * (1 - rate) / n + Z95**2 / (4 * n**2)) / scale
    return np.stack([np.maximum(centre - half, 0), np.minimum(centre + half, 1)], axis=-1)


def two_sided_p(excess: ArrayLike, variance: ArrayLike, blocks: ArrayLike) -> NDArray[np.float64]:
    """Return the two-sided p-value of a sum with this variance, by Student's t.

    Degrees of freedom are the number of blocks less one, as for any test on clusters (Cameron and
    Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", J. Human Resources 50(2)).
    """
    freedom = np.maximum(np.asarray(blocks, np.float64) - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(np.asarray(excess, np.float64)) / np.sqrt(np.asarray(variance, np.float64))
    return np.asarray(2 * special.stdtr(freedom, -np.nan_to_num(t)))


def adjust(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for all of them, whatever depends on what.

    Benjamini and Yekutieli (2001), "The Control of the False Discovery Rate in Multiple Testing
    under Dependency", Annals of Statistics 29(4), 1165-1188. Where no pattern has an edge, the
    chance of even one below 0.05 is at most 0.05.
    """
    count = len(p_values)
    order = np.argsort(p_values)
    rank = np.arange(1, count + 1)
    scaled = p_values[order] * (count * np.sum(1 / rank)) / rank
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def spread_of_effects(
    effects: NDArray[np.float64], variances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far true effects differ from zero: their variance, not less than 0.

    The moment estimator of DerSimonian and Laird (1986), "Meta-analysis in Clinical Trials",
    Controlled Clinical Trials 7(3), with a mean of zero: what is left of the observed spread once
    chance is taken away, and one standard error of chance with it. Shapes ``(patterns, k)``, NaN
    where a pattern is not measured; the result has shape ``(k,)``.
    """
    known = ~np.isnan(effects)
    weight = np.where(known, 1 / np.where(known, variances, 1.0), 0.0)
    count = known.sum(axis=0)
    expected = count + np.sqrt(2 * count)
    surplus = np.sum(weight * np.where(known, effects, 0.0) ** 2, axis=0) - expected
    total = weight.sum(axis=0)
    spread = np.maximum(surplus / np.where(total > 0, total, 1.0), 0.0)
    return np.where(count >= 2, spread, 0.0)


def shrunk(totals: Totals, spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the excess of the hit rate over the base rate without what of it is likely chance.

    The mean of a normal posterior around zero, with the spread of true effects as its prior's
    variance: Efron and Morris (1975), "Data Analysis Using Stein's Estimator and its
    Generalizations", JASA 70(350), 311-319.
    """
    samples = np.maximum(totals.samples, 1)
    error = np.maximum(totals.variance, 1e-9) / samples**2
    return np.asarray((totals.hits - totals.base) / samples * spread / (spread + error))


def logit(probability: ArrayLike) -> NDArray[np.float64]:
    """Return the log-odds, of probabilities not beyond `MOST_SURE`."""
    return np.asarray(special.logit(np.clip(probability, 1 - MOST_SURE, MOST_SURE)))
