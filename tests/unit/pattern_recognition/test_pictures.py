"""Every pattern has a definition and a picture, and the picture shows the pattern."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candle_examples import EXAMPLES, LEAD_IN
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.catalogue import KINDS, definitions, known
from trading_dashboard.agents.pattern_recognition.pictures import picture_of
from trading_dashboard.models.errors import UnknownPattern
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings
from trading_dashboard.models.patterns import CatalogueResponse


@pytest.mark.parametrize("place", range(61))
def test_an_example_is_taken_for_its_pattern(place: int) -> None:
    kind = CANDLES[place]
    rows = np.array([*LEAD_IN, *EXAMPLES[kind.id]], np.float64).T + 1_000
    count = rows.shape[1]
    time = np.arange(count, dtype=np.int64)
    hits = detect_candles(Bars(time, rows[0], rows[1], rows[2], rows[3], np.ones(count)))
    assert (place, count - 1) in list(zip(hits.pattern.tolist(), hits.bar.tolist(), strict=True))
    assert len(EXAMPLES[kind.id]) >= kind.span


def test_each_has_a_row_that_fits_the_model() -> None:
    rows = CatalogueResponse.model_validate({"patterns": definitions(ShapeSettings())}).patterns
    assert len(rows) == len(KINDS) >= 61 + 23
    for row in rows:
        assert row.definition.endswith(".")
        assert row.source
        assert row.directions
        assert re.fullmatch(r"\d+( to \d+)?", row.bars), row
        assert row.picture == f"/catalogue/{row.id}.svg"


@pytest.mark.parametrize("pattern", sorted(KINDS))
def test_a_picture_is_plain_svg(pattern: str) -> None:
    root = ET.fromstring(picture_of(pattern))
    assert root.tag.endswith("svg")
    assert root.get("viewBox") == "0 0 160 100"
    assert len(root) >= 1
    for node in root:
        assert node.tag.split("}")[1] in {"line", "polyline", "rect"}
        assert node.get("fill", "none") in {"none", "currentColor"}


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UnknownPattern, match="ascending_triangle"):
        known("ascending_triangel")
