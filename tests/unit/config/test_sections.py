"""What is written in any section of the configuration takes effect, or is a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import write_project
from trading_dashboard.config import load_settings
from trading_dashboard.config.schema import sections_of
from trading_dashboard.config.settings import Settings
from trading_dashboard.models.errors import ConfigurationError

WRITTEN: dict[str, dict[str, Any]] = {
    "control_api": {"port": 8700},
    "dashboard": {"port": 8600},
    "history": {"retention_days": 7},
    "logs": {"backups": 9},
    "supervision": {"dependency_restarts": {"max_restarts": 7, "window_seconds": 60.0}},
    "reload": {"watch": False},
}


def test_every_section_is_tried_here() -> None:
    assert set(WRITTEN) == set(sections_of(Settings))


@pytest.mark.parametrize("section", WRITTEN)
def test_every_section_takes_effect(tmp_path: Path, section: str) -> None:
    root = write_project(tmp_path, {section: WRITTEN[section]})
    found = getattr(load_settings(root, environ={}).settings, section)
    assert WRITTEN[section].items() <= found.model_dump().items()
    assert WRITTEN[section].items().isdisjoint(type(found)().model_dump().items())


@pytest.mark.parametrize("section", WRITTEN)
def test_a_mistake_in_any_section_is_reported(tmp_path: Path, section: str) -> None:
    root = write_project(tmp_path, {section: dict.fromkeys(WRITTEN[section], -1) | {"odd": 1}})
    with pytest.raises(ConfigurationError) as caught:
        load_settings(root, environ={})
    keys = {mistake.key for mistake in caught.value.mistakes}
    assert keys == {f"{section}.{key}" for key in (*WRITTEN[section], "odd")}
