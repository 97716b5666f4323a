"""`config check` and `config show`: everything is told, nothing secret, nothing started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ProjectFactory
from trading_dashboard.cli.configuration import run_check, run_show
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.main import app

AGENT = {
    "url": "http://localhost:8000",
    "start_command": ["x", "--token", "hunter2"],
    "env": {"PLAIN": "hunter2"},
    "timeout": 2.5,
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADING_DASHBOARD_ENV", raising=False)


@pytest.fixture
def good(project: ProjectFactory) -> Path:
    return project({"agents": {"one": AGENT, "two": {**AGENT, "enabled": False}}})


@pytest.fixture
def bad(project: ProjectFactory) -> Path:
    return project({"agents": {"one": {**AGENT, "timout": 5}}, "logs": {"backups": -1}})


def test_what_is_fine_is_said(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(good, None, as_json=False) is ExitCode.OK
    said = capsys.readouterr().out
    assert said.startswith(f"The configuration is fine: development, {good}")
    assert "1 enabled (one), 1 disabled (two)" in said
    assert not (good / "var").exists()


def test_every_mistake_is_told(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(bad, None, as_json=False) is ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert "2 mistakes" in said.err
    assert "Did you mean timeout?" in said.err
    assert "logs.backups" in said.err


def test_what_only_forbids_a_start_is_a_mistake_too(
    project: ProjectFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["python", "-m", "trading_dashboard.agents.market_data"]
    agents = {"agents": {"market_data": {**AGENT, "start_command": command}}}
    root = project(agents, {"development": {}, "production": {}})
    assert run_check(root, "development", as_json=False) is ExitCode.OK
    assert run_check(root, "production", as_json=False) is ExitCode.USAGE
    assert "production refuses" in capsys.readouterr().err
    assert run_check(root, "staging", as_json=False) is ExitCode.USAGE


def test_check_as_json(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(bad, None, as_json=True) is ExitCode.USAGE
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"ok", "environment", "project_root", "files", "agents", "mistakes"}
    assert [mistake["key"] for mistake in told["mistakes"]] == ["agents.one.timout", "logs.backups"]
    assert set(told["mistakes"][0]) == {"file", "line", "key", "value", "problem", "remedy"}


def test_show_masks_and_names_origins(
    good: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADING_DASHBOARD__LOGS__BACKUPS", "7")
    assert run_show(good, None, with_origin=True, as_json=False) is ExitCode.OK
    said = capsys.readouterr().out
    assert "hunter2" not in said
    lines = {line.partition(" = ")[0]: line for line in said.splitlines()}
    assert lines["agents.one.timeout"].endswith("# config/agents.yaml:9")
    assert "7" in lines["logs.backups"]
    assert lines["logs.backups"].endswith("# TRADING_DASHBOARD__LOGS__BACKUPS")
    assert lines["dashboard.enabled"].split() == ["dashboard.enabled", "=", "true", "#", "default"]
    assert run_show(good, None, with_origin=False, as_json=False) is ExitCode.OK
    assert "agents.one.timeout = 2.5\n" in capsys.readouterr().out


def test_show_as_json(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(bad, None, with_origin=False, as_json=True) is ExitCode.USAGE
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], len(error["details"])) == ("configuration_invalid", 2)


def test_show_as_json_names_each_origin(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(good, None, with_origin=False, as_json=True) is ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"environment", "project_root", "files", "values"}
    values = {value["key"]: value for value in told["values"]}
    assert values["agents.one.timeout"] == {
        "key": "agents.one.timeout",
        "value": "2.5",
        "origin": {"kind": "file", "name": "config/agents.yaml", "line": 9},
    }


@pytest.mark.parametrize("command", [["status"], ["up"], ["doctor"], ["config", "check"]])
def test_a_project_root_that_is_not_there_is_a_mistake_of_the_command_line(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app([*command, "--project-root", str(tmp_path / "nowhere")])
    assert ended.value.code == ExitCode.USAGE
    assert "nowhere' does not exist" in capsys.readouterr().err
