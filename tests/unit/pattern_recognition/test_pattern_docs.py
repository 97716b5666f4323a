"""The docs name every candlestick, indicator, parameter and setting, with what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.context.settings import (
    LevelSettings,
    RegimeSettings,
)
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import INDICATORS

DOCS = Path(__file__).parents[3] / "docs" / "patterns"


def test_docs_define_every_candlestick() -> None:
    text = (DOCS / "candlesticks.md").read_text()
    for kind in CANDLES:
        row = f"| `{kind.id}` | {kind.name} | {kind.span} | {', '.join(kind.directions)} |"
        assert row in text
        definition = kind.definition
        if kind.penetration is not None:
            shown = f"`penetration` ({kind.penetration:g})"
            definition = definition.replace("`penetration`", shown)
        assert f"| {definition} | {kind.source} |" in text


def test_docs_define_every_indicator_and_parameter() -> None:
    text = (DOCS / "indicators.md").read_text()
    for kind in INDICATORS.values():
        lines = ", ".join(f"`{line.name}`" for line in kind.lines)
        row = f"| `{kind.id}` | {kind.name} | {kind.group} | {lines} | {kind.memory} |"
        assert f"{row} {kind.definition} | {kind.source} |" in text
        for one in kind.parameters:
            bounds = f"{one.default:g} | {one.minimum:g} | {one.maximum:g}"
            assert f"| `{kind.id}` | `{one.name}` | {bounds} | {one.description} |" in text


@pytest.mark.parametrize("settings", [RegimeSettings, LevelSettings])
def test_docs_name_every_setting_of_the_context(settings: type[BaseModel]) -> None:
    text = (DOCS / "indicators.md").read_text()
    for name, field in settings.model_fields.items():
        assert f"| `{name}` | {field.default:g} (" in text
        assert f") | {field.description} |" in text
