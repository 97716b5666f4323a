"""Calibration: what was said too boldly is read more carefully, by the past alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from trading_dashboard.agents.pattern_recognition.worth.calibration import (
    Calibration,
    merged_reliability,
)
from trading_dashboard.agents.pattern_recognition.worth.statistics import logit

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


def said_and_true(seed: int, count: int, slope: float) -> tuple[Floats, Floats, Floats]:
    """Return what was said, the true probability, and what happened."""
    rng = np.random.default_rng(seed)
    said = rng.uniform(0.2, 0.8, count)
    true = special.expit(slope * logit(said))
    return said, true, (rng.random(count) < true).astype(float)


def test_what_was_too_bold_is_drawn_in() -> None:
    said, true, hit = said_and_true(1, 20_000, 0.5)
    calibration = Calibration()
    stretch = np.arange(len(said)) // 1000
    calibration.note_raw(stretch, said, hit)
    np.testing.assert_allclose(calibration.read(said, 20), true, atol=0.02)


def test_a_reading_knows_only_earlier_stretches() -> None:
    said, _, hit = said_and_true(2, 20_000, 0.5)
    stretch = np.arange(len(said)) // 1000
    whole, then = Calibration(), Calibration()
    whole.note_raw(stretch, said, hit)
    before = stretch < 7
    then.note_raw(stretch[before], said[before], hit[before])
    np.testing.assert_array_equal(whole.read(said, 7), then.read(said, 7))
    assert np.abs(whole.read(said, 8) - then.read(said, 7)).max() > 1e-6
    np.testing.assert_allclose(whole.read(said, 0), said, rtol=1e-12)


def test_late_outcomes_change_what_is_read_after_them() -> None:
    said, _, hit = said_and_true(3, 4_000, 0.3)
    stretch = np.arange(len(said)) // 400
    late, together = Calibration(), Calibration()
    late.note_raw(stretch[400:], said[400:], hit[400:])
    late.read(said, 9)
    late.note_raw(stretch[:400], said[:400], hit[:400])
    together.note_raw(stretch, said, hit)
    np.testing.assert_array_equal(late.read(said, 9), together.read(said, 9))


def test_the_diagram_and_scores_are_those_of_what_was_told() -> None:
    told = np.array([0.52, 0.54, 0.61, 0.64, 0.98])
    hit = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    base = np.full(5, 0.5)
    calibration = Calibration()
    calibration.note_told(np.array([1, 1, 1, 2, 3]), told, base, hit)
    found = calibration.reliability()
    assert [(one.said_low, one.samples, one.happened) for one in found.bins] == [
        (0.5, 2, 0.5),
        (0.6, 2, 1.0),
        (0.95, 1, 1.0),
    ]
    assert found.bins[0].said_mean == pytest.approx(0.53)
    assert found.brier == pytest.approx(np.mean((told - hit) ** 2))
    assert found.brier_base == pytest.approx(0.25)
    assert calibration.reliability(before=3).samples == 4
    assert merged_reliability([calibration, calibration]).samples == 10
    assert Calibration().reliability().brier is None


def test_outcomes_that_come_together_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    stretch = np.repeat(np.arange(40), 100)
    together = np.repeat(rng.integers(0, 2, 40), 100).astype(float)
    apart = rng.integers(0, 2, 4000).astype(float)
    widths = []
    for hit in (together, apart):
        calibration = Calibration()
        calibration.note_told(stretch, np.full(4000, 0.52), np.full(4000, 0.5), hit)
        (one,) = calibration.reliability().bins
        widths.append(one.interval_high - one.interval_low)
    assert widths[0] > 5 * widths[1]
