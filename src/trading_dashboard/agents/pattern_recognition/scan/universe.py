"""The detectors over a whole universe: what is looked for, and what is found in each symbol.

Owns the task that scans run in the pool's workers, and the filter that keeps what comes back small.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.detections import CandleHits, ShapeDetection
from trading_dashboard.agents.pattern_recognition.scan.mapping import ChunkMap, Outcome, Series
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a scan looks for.

    Attributes:
        candles: Ids of candlestick patterns; empty for none, None for all.
        shapes: Ids of chart patterns; empty for none, None for all.
        within_bars: Only what was known, or changed, within so many bars of the newest; None for
            everything.
        shape_settings: The chart patterns' settings, None for the defaults.
    """

    candles: tuple[str, ...] | None = None
    shapes: tuple[str, ...] | None = None
    within_bars: int | None = None
    shape_settings: ShapeSettings | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one symbol. Bar numbers are those of the bars that were scanned."""

    bars: int
    candles: CandleHits | None = None
    shapes: list[ShapeDetection] = field(default_factory=list)

    def __len__(self) -> int:
        return (0 if self.candles is None else len(self.candles)) + len(self.shapes)


def scan_bars(
    series: Iterable[Series],
    wanted: Wanted,
    chunk_map: ChunkMap,
    cancel: threading.Event | None = None,
) -> Generator[Outcome, None, None]:
    """Yield each symbol's `Found`, or its error, as they come; see `ChunkMap.map`."""
    return chunk_map.map(partial(detect, wanted), series, cancel)


def detect(wanted: Wanted, symbol: str, bars: Bars) -> Found:  # noqa: ARG001 - a `Task`
    """Return what both detectors find in one symbol's bars."""
    first = 0 if wanted.within_bars is None else max(len(bars) - wanted.within_bars, 0)
    candles: CandleHits | None = None
    shapes: list[ShapeDetection] = []
    if wanted.candles != ():
        candles = _since(detect_candles(bars, wanted.candles), first)
    if wanted.shapes != ():
        settings = wanted.shape_settings or ShapeSettings()
        every = detect_shapes(bars, settings, wanted.shapes)
        shapes = [shape for shape in every if last_change(shape) >= first]
    return Found(len(bars), candles, shapes)


def last_change(shape: ShapeDetection) -> int:
    """Return the bar at whose close the newest thing about a chart pattern was known."""
    return max([shape.known_at, *(change.bar for change in shape.changes)])


def _since(hits: CandleHits, first: int) -> CandleHits:
    start = int(np.searchsorted(hits.bar, first))
    names = ("pattern", "bar", "span", "direction", "strength")
    return CandleHits(*(getattr(hits, name)[start:] for name in names))
