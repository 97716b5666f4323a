"""The catalogue names real settings, real sources and draws every pattern."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from trading_dashboard.agents.pattern_recognition.shapes.catalogue import GROUPS, SHAPES
from trading_dashboard.agents.pattern_recognition.shapes.kinds import ShapeKind
from trading_dashboard.agents.pattern_recognition.shapes.picture import HEIGHT, WIDTH, draw
from trading_dashboard.agents.pattern_recognition.shapes.ranges import DIRECTIONS
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

FIELDS = ShapeSettings.model_fields
SVG = "{http://www.w3.org/2000/svg}"


def test_every_pattern_is_there_once() -> None:
    assert len(SHAPES) == len(GROUPS) == 23
    assert len({kind.name for kind in SHAPES}) == 23


@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.id)
def test_a_definition_names_its_settings(kind: ShapeKind) -> None:
    named = set(re.findall(r"[a-z]+(?:_[a-z]+)+", kind.definition))
    assert named <= set(FIELDS)
    assert named <= {*kind.settings, *kind.spans}
    assert {*kind.settings, *kind.spans} <= set(FIELDS)
    assert "{" not in kind.definition
    assert re.search(r"ch\. \d|sec\. ", kind.source)


@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.id)
def test_a_picture_is_drawn_inside_its_frame_in_the_colour_of_the_text(kind: ShapeKind) -> None:
    root = ET.fromstring(draw(kind))
    assert root.findtext(f"{SVG}title") == kind.name
    group = root.find(f"{SVG}g")
    assert group is not None
    assert group.get("stroke") == "currentColor"
    strokes = group.findall(f"{SVG}polyline")
    assert len(strokes) == len(kind.picture.lines) + (2 if kind.group == "gap" else 1)
    for stroke in strokes:
        places = [place.split(",") for place in stroke.attrib["points"].split()]
        assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in places)
    assert "#" not in draw(kind)


def test_settings_are_bounded_and_explained() -> None:
    for name, field in FIELDS.items():
        assert field.description, name
        assert field.description[0].isupper(), name
        assert field.description.endswith("."), name
        assert field.metadata, f"{name} has no bounds"


def test_directions_are_those_of_the_recognisers() -> None:
    for kind in SHAPES:
        if kind.group == "range":
            assert kind.directions == (
                (1, -1) if DIRECTIONS[kind.id] == 0 else (DIRECTIONS[kind.id],)
            )
