"""What the shell offers after Tab, and what `logs` refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from tests.conftest import ProjectFactory
from tests.support import ROOT
from trading_dashboard.cli.completion import (
    complete_agents,
    complete_environments,
    complete_kinds,
    complete_levels,
)
from trading_dashboard.cli.searching import search_for


def context(root: Path, names: list[str] | None = None) -> typer.Context:
    return cast("typer.Context", SimpleNamespace(params={"project_root": root, "names": names}))


def test_agents_of_every_file_are_offered(project: ProjectFactory) -> None:
    agents: Any = {"agents": {"market_data": {}, "market_risk": None, "other": {"x": 1}}}
    root = project(agents, {"development": {"agents": {"extra": {}}}, "production": "{broken"})
    assert complete_agents(context(root), "mark") == ["market_data", "market_risk"]
    assert complete_agents(context(root, ["market_data"]), "mark") == ["market_risk"]
    assert complete_agents(context(root), "") == [
        "market_data", "market_risk", "other", "extra", "dashboard",
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["", "[", "agents: 1", "- a", "\0"])
def test_a_broken_configuration_offers_less(content: str, project: ProjectFactory) -> None:
    assert complete_agents(context(project(content)), "") == ["dashboard"]


def test_fixed_words_are_offered() -> None:
    assert complete_environments("p") == ["production"]
    assert complete_levels("") == ["debug", "info", "warning", "error"]
    assert complete_kinds("configuration_") == [
        "configuration_changed", "configuration_invalid", "configuration_mended",
    ]  # fmt: skip
    assert "agent_changed" not in complete_kinds(""), "the history does not keep it"


def test_the_shell_gets_its_answer_without_a_supervisor(project: ProjectFactory) -> None:
    root = project({"agents": {"alpha": {}, "beta": {}}})
    words = f"trading-dashboard logs --project-root {root} al"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "_TRADING_DASHBOARD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": "4",
    }
    program = (
        "import sys; sys.argv = ['trading-dashboard']\n"
        "from trading_dashboard.cli.main import main\nmain()"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["alpha"], done.stderr
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("grep", "level", "words"),
    [("", None, "1 to 200"), ("a\nb", None, "plain text"), ("x" * 201, None, "1 to 200"),
     (None, "loud", "debug, info, warning, error")],
)  # fmt: skip
def test_a_search_that_can_find_nothing_is_refused(
    grep: str | None, level: str | None, words: str
) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        search_for(grep, level)


def test_a_search_is_plain_text() -> None:
    assert search_for("(a+)+$", "error").grep == "(a+)+$"
