"""Every chart pattern of a whole series: by the compiled kernel where it proved itself, or without.

Owns the choice between them, made once in each process: the kernel is used if it says of a sample,
to the last bit, what `batch` says. Both say what the engine says bar by bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes import batch
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPE_IDS
from trading_dashboard.agents.pattern_recognition.shapes.engine import wanted_of
from trading_dashboard.agents.pattern_recognition.shapes.kernel.library import (
    Kernel,
    KernelUnusable,
    library_path,
)
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

SAMPLE_BARS = 900
_SEED, _VOLATILITY = 13, 0.01
"""A walk with all patterns but one, found by trying."""
_EAGER = {
    "min_height_atr": 1.5,
    "range_pivots": 4,
    "flag_min_bars": 6,
    "flag_width": 0.9,
    "cup_misfit": 0.4,
    "cup_round": 0.3,
    "gap_trend_atr": 2.0,
}
"""Settings that find more than the defaults, so that a short sample tells much."""


class Search(NamedTuple):
    """How whole series are searched: by the kernel, or why without it."""

    kernel: Kernel | None
    reason: str

    def __str__(self) -> str:
        if self.kernel is not None:
            return "Whole series are searched by the compiled kernel."
        return (
            "Whole series are searched without the compiled kernel, with the same results but "
            f"about ten times slower: {self.reason}."
        )


def detect_shapes(
    bars: Bars, settings: ShapeSettings, patterns: Sequence[str] | None = None
) -> list[ShapeDetection]:
    """Return every chart pattern of a series, first known first; the same as pushing every bar.

    Raises:
        ValueError: A pattern is not in the catalogue.
    """
    wanted = wanted_of(patterns)
    kernel = search().kernel
    found = None if kernel is None else kernel.detect(bars, settings, wanted)
    return batch.detect_shapes(bars, settings, patterns) if found is None else found


@cache
def search() -> Search:
    """Return how this process searches, found out when first asked."""
    try:
        kernel = Kernel(library_path())
    except KernelUnusable as unusable:
        return Search(None, str(unusable))
    if not agrees(kernel):
        return Search(None, "it does not say of a sample what Python says of it")
    return Search(kernel, "")


def agrees(kernel: Kernel) -> bool:
    """Return whether a kernel says of the sample what Python says of it."""
    eager = ShapeSettings.model_validate(_EAGER)
    bars = sample()
    return kernel.detect(bars, eager, SHAPE_IDS) == batch.detect_shapes(bars, eager)


def sample() -> Bars:
    """Return a short random walk with gap rows, and with nearly every pattern there is."""
    source = np.random.default_rng(_SEED)
    close = 100 * np.exp(np.cumsum(source.normal(0, _VOLATILITY, SAMPLE_BARS)))
    opened = close * np.exp(source.normal(0, 0.3 * _VOLATILITY, SAMPLE_BARS))
    reach = np.exp(abs(source.normal(0, 0.4 * _VOLATILITY, (2, SAMPLE_BARS))))
    high, low = np.maximum(opened, close) * reach[0], np.minimum(opened, close) / reach[1]
    close[:: SAMPLE_BARS // 5] = np.nan
    volume = source.lognormal(12, 0.3, SAMPLE_BARS)
    return Bars(np.arange(SAMPLE_BARS, dtype=np.int64), opened, high, low, close, volume)
