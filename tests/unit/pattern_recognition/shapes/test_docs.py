"""Chart patterns, their settings and the figures are found in their document."""

from __future__ import annotations

import pytest
from annotated_types import Ge, Le, MaxLen, MinLen

from tests.support import ROOT
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPES
from trading_dashboard.agents.pattern_recognition.shapes.kinds import ShapeKind
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

TEXT = (ROOT / "docs" / "patterns" / "chart-patterns.md").read_text("utf-8")


def test_every_setting_with_its_default_bounds_and_meaning() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    told = {row.split("`")[1] for row in rows}
    assert told == set(ShapeSettings.model_fields)
    for name, field in ShapeSettings.model_fields.items():
        row = next(row for row in rows if row.startswith(f"| `{name}` |"))
        assert str(field.description) in row, name
        if name == "pivot_scales":
            assert ", ".join(f"{scale:g}" for scale in field.default) in row
            assert {type(bound) for bound in field.metadata} == {MinLen, MaxLen}
            continue
        low = next(bound.ge for bound in field.metadata if isinstance(bound, Ge))
        high = next(bound.le for bound in field.metadata if isinstance(bound, Le))
        assert f"| {field.default:g} | {low:g} to {high:g} |" in row, name


@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.id)
def test_every_pattern_with_definition_source_and_figures(kind: ShapeKind) -> None:
    assert f"### {kind.name}\n\n`{kind.id}`," in TEXT
    assert kind.definition in TEXT
    assert f"Source: {kind.source}." in TEXT
    assert f"\n| {kind.id} |" in TEXT
