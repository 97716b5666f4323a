"""docs/configuration.md says of each setting what the code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.support import ROOT
from trading_dashboard.config.schema import bounds, keys_of, type_words
from trading_dashboard.config.settings import (
    AgentSettings,
    ControlApiSettings,
    DashboardSettings,
    DataSettings,
    DependencyRestartSettings,
    HistorySettings,
    LogSettings,
    ProbeSettings,
    ProbesSettings,
    ReloadSettings,
    RestartSettings,
    ScheduleSettings,
    Settings,
    SupervisionSettings,
)
from trading_dashboard.models.pattern_settings import PatternSettings
from trading_dashboard.models.pattern_thresholds.context import (
    ContextSettings,
    LevelSettings,
    RegimeSettings,
)
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings
from trading_dashboard.models.pattern_thresholds.worth import WorthSettings
from trading_dashboard.models.risk.broker_settings import BrokerSettings
from trading_dashboard.models.risk.settings import GateSettings, RiskSettings
from trading_dashboard.models.settings import MarketDataSettings

SECTIONS: dict[str, type[BaseModel]] = {
    "agents.NAME": AgentSettings,
    "agents.NAME.restart": RestartSettings,
    "agents.NAME.data": DataSettings,
    "agents.NAME.schedule": ScheduleSettings,
    "agents.NAME.probes": ProbesSettings,
    "agents.NAME.probes.ROLE": ProbeSettings,
    "control_api": ControlApiSettings,
    "dashboard": DashboardSettings,
    "logs": LogSettings,
    "history": HistorySettings,
    "supervision": SupervisionSettings,
    "supervision.dependency_restarts": DependencyRestartSettings,
    "reload": ReloadSettings,
    "agents.market_data.settings": MarketDataSettings,
    "agents.pattern_recognition.settings": PatternSettings,
    "agents.pattern_recognition.settings.shapes": ShapeSettings,
    "agents.pattern_recognition.settings.worth": WorthSettings,
    "agents.pattern_recognition.settings.context": ContextSettings,
    "agents.pattern_recognition.settings.context.regime": RegimeSettings,
    "agents.pattern_recognition.settings.context.levels": LevelSettings,
    "agents.risk_management.settings": RiskSettings,
    "agents.risk_management.settings.gate": GateSettings,
    "agents.risk_management.settings.broker": BrokerSettings,
}


def default_words(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "see below"
    if isinstance(default, Path):
        return f"`{default}`"
    if isinstance(default, tuple | list | dict | bool):
        return f"`{json.dumps(default)}`"
    return f"`{default}`"


def row(name: str, field: FieldInfo) -> str:
    limits = bounds(field)
    value = type_words(field.annotation) + (f", {limits}" if limits else "")
    return f"| `{name}` | {value} | {default_words(field)} | {field.description or ''}"


@pytest.mark.parametrize("title", SECTIONS)
def test_each_setting_is_in_the_reference(title: str) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.partition(f"### `{title}`\n")[2].partition("\n### ")[0]
    model = SECTIONS[title]
    for name in keys_of(model):
        assert row(name, model.model_fields[name]) in section
    assert section.count("\n| `") == len(keys_of(model))


def test_no_section_is_missing() -> None:
    assert set(keys_of(Settings)) == {title.partition(".")[0] for title in SECTIONS}
