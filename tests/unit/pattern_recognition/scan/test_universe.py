"""The detectors as a scan's task: all of it, or only what is new."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np

from tests.unit.pattern_recognition.worth.markets import bars_of
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.scan.mapping import InlineMap
from trading_dashboard.agents.pattern_recognition.scan.universe import (
    Found,
    Wanted,
    detect,
    last_change,
    scan_bars,
)
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

BARS = bars_of(np.random.default_rng(6).normal(0, 0.012, 500))


def test_everything_is_what_the_detectors_find() -> None:
    (outcome,) = scan_bars([("S", BARS)], Wanted(), InlineMap())
    found = outcome.value
    assert isinstance(found, Found)
    candles, shapes = detect_candles(BARS), detect_shapes(BARS, ShapeSettings())
    assert found.candles is not None
    np.testing.assert_array_equal(found.candles.bar, candles.bar)
    np.testing.assert_array_equal(found.candles.pattern, candles.pattern)
    assert found.shapes == shapes
    assert len(found) == len(candles) + len(shapes)
    assert found.bars == 500


def test_within_so_many_bars_is_a_part_of_it() -> None:
    every, news = detect(Wanted(), "S", BARS), detect(Wanted(within_bars=40), "S", BARS)
    assert every.candles is not None
    assert news.candles is not None
    assert len(news.candles) == np.count_nonzero(every.candles.bar >= 460)
    assert news.shapes == [shape for shape in every.shapes if last_change(shape) >= 460]
    assert 0 < len(news) < len(every)


def test_only_what_is_wanted() -> None:
    no_shapes = detect(Wanted(candles=("CDLDOJI",), shapes=()), "S", BARS)
    assert no_shapes.shapes == []
    assert no_shapes.candles is not None
    assert len(set(no_shapes.candles.pattern.tolist())) == 1
    no_candles = detect(Wanted(candles=(), shapes=("rectangle",)), "S", BARS)
    assert no_candles.candles is None
    assert {shape.pattern for shape in no_candles.shapes} <= {"rectangle"}


def test_an_unknown_pattern_is_each_symbols_error() -> None:
    (outcome,) = scan_bars([("S", BARS)], Wanted(candles=("CDLNONE",)), InlineMap())
    assert outcome.error is not None
    assert outcome.error.startswith("UnknownPattern")


def test_what_is_wanted_travels() -> None:
    wanted = Wanted(within_bars=3, shape_settings=ShapeSettings())
    assert pickle.loads(pickle.dumps(partial(detect, wanted))).args == (wanted,)
