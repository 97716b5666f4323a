"""Layers, origins, the published examples, and what forbids a start."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import ROOT, write_project
from trading_dashboard.config import (
    OriginKind,
    check_startable,
    find_project_root,
    load_settings,
    resolve_command,
)
from trading_dashboard.models.errors import ConfigurationError

PUBLISHED_FULL = """\
agents:
  market_data:
    url: "http://localhost:8000"
    timeout: 5
    health_check_interval: 10
    enabled: true
    auto_start: true
    start_command: ["python", "run_api.py"]
    working_directory: "../market_data_agent"
    startup_timeout: 30
  pattern_recognition:
    url: "http://localhost:8001"
    enabled: false
    auto_start: false
  risk_management:
    url: "http://localhost:8002"
    enabled: false
    auto_start: false
"""
PUBLISHED_OVERLAY = """\
agents:
  market_data: {auto_start: true, enabled: true, startup_timeout: 60}
  pattern_recognition: {auto_start: true, enabled: true}
  risk_management: {auto_start: true, enabled: true}
"""
SHIPPED = (ROOT / "config" / "agents.yaml").read_text(encoding="utf-8")

MakeProject = Callable[..., Path]


@pytest.fixture
def foreign_agent(tmp_path: Path) -> Path:
    folder = tmp_path / "market_data_agent"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("base", [SHIPPED, "agents: {}\n"], ids=["on_ours", "on_nothing"])
def test_the_published_full_example_is_complete_in_itself(
    base: str, project: MakeProject, foreign_agent: Path
) -> None:
    root = project(base, {"development": PUBLISHED_FULL})
    agents = load_settings(root, environ={}).settings.agents
    market_data = agents["market_data"]
    assert market_data.url == "http://localhost:8000"
    assert (market_data.timeout, market_data.health_check_interval) == (5.0, 10.0)
    assert market_data.start_command == ("python", "run_api.py")
    assert market_data.working_directory == foreign_agent
    assert market_data.startup_timeout == 30.0
    assert market_data.enabled
    assert market_data.auto_start
    assert [agents[n].enabled for n in ("pattern_recognition", "risk_management")] == [False] * 2
    assert agents["risk_management"].url == "http://localhost:8002"


def test_the_published_full_example_loads_as_agents_yaml_and_by_its_path(
    project: MakeProject, foreign_agent: Path, tmp_path: Path
) -> None:
    root = project(PUBLISHED_FULL)
    expected = load_settings(root, environ={}).settings
    assert expected.agents["market_data"].working_directory == foreign_agent
    path = tmp_path / "elsewhere" / "desk.yaml"
    path.parent.mkdir()
    path.write_text(PUBLISHED_FULL, encoding="utf-8")
    loaded = load_settings(root, config_path=path, environ={})
    assert loaded.settings == expected
    assert loaded.files == (str(path),)


def test_the_published_overlay_takes_the_rest_from_agents_yaml(project: MakeProject) -> None:
    root = project(SHIPPED, {"development": PUBLISHED_OVERLAY})
    agents = load_settings(root, environ={}).settings.agents
    assert agents["market_data"].startup_timeout == 60.0
    assert agents["market_data"].url == "http://localhost:8000"
    for name in ("pattern_recognition", "risk_management"):
        assert agents[name].enabled
        assert agents[name].auto_start
        assert agents[name].depends_on == ("market_data",)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_the_shipped_configuration_loads(environment: str) -> None:
    loaded = load_settings(ROOT, environment=environment, environ={})
    assert loaded.settings.environment == environment
    assert list(loaded.settings.agents) == ["market_data", "pattern_recognition", "risk_management"]


def test_each_layer_wins_over_the_one_below(project: MakeProject) -> None:
    agent = {"url": "http://localhost:1", "start_command": ["x"], "stop_timeout": 1, "timeout": 1}
    base = {"agents": {"a": {**agent, "startup_timeout": 1}}, "dashboard": {"port": 1001}}
    overlay = {"agents": {"a": {"timeout": 2, "startup_timeout": 2}}, "dashboard": {"port": 1002}}
    root = project(base, {"development": overlay})
    environ = {
        "TRADING_DASHBOARD__AGENTS__A__STARTUP_TIMEOUT": "3",
        "TRADING_DASHBOARD__DASHBOARD__PORT": "1003",
    }
    loaded = load_settings(root, environ=environ, overrides={"dashboard.port": 1004})
    a = loaded.settings.agents["a"]
    assert (a.stop_timeout, a.timeout, a.startup_timeout) == (1, 2, 3)
    assert loaded.settings.dashboard.port == 1004
    kinds = {
        key: loaded.origins[key].kind
        for key in ("agents.a.stop_timeout", "agents.a.success_threshold", "dashboard.port")
    }
    assert list(kinds.values()) == [OriginKind.FILE, OriginKind.DEFAULT, OriginKind.OPTION]
    assert str(loaded.origins["agents.a.stop_timeout"]) == "config/agents.yaml:6"
    assert str(loaded.origins["agents.a.startup_timeout"]) == next(iter(environ))
    assert str(loaded.origins["dashboard.port"]) == "--port"


def test_variables_are_read_as_their_setting_asks(project: MakeProject) -> None:
    root = project({"agents": {"a": {"url": "http://localhost:1", "start_command": ["x"]}}})
    prefix = "TRADING_DASHBOARD__AGENTS__A__"
    environ = {
        prefix + "START_COMMAND": '["python", "a b.py"]',
        prefix + "ENABLED": "off",
        prefix + "ENV__API_KEY": "007",
        prefix + "SETTINGS__DEPTH": "5",
        prefix + "HEALTH_ENDPOINT": "/yes",
        "TRADING_DASHBOARD_ENV": "development",
        "TRADING_DASHBOARD_SOMETHING_ELSE": "not ours to judge",
    }
    a = load_settings(root, environ=environ).settings.agents["a"]
    assert a.start_command == ("python", "a b.py")
    assert a.enabled is False
    assert a.env == {"API_KEY": "007"}
    assert a.settings == {"depth": 5}
    assert a.health_endpoint == "/yes"


def test_effective_values_show_each_origin_and_mask_secrets(project: MakeProject) -> None:
    agent = {
        "url": "http://localhost:1",
        "start_command": ["x", "--token", "hunter2"],
        "env": {"PLAIN": "hunter2"},
        "settings": {"api_key": "hunter2", "depth": 3},
    }
    loaded = load_settings(project({"agents": {"a": agent}}), environ={})
    values = {value.key: value for value in loaded.effective_values()}
    assert "hunter2" not in str(values)
    assert values["agents.a.settings.depth"].value == "3"
    assert str(values["agents.a.timeout"].origin) == "default"


def test_mappings_merge_and_lists_are_replaced(project: MakeProject) -> None:
    base = {"url": "http://localhost:1", "start_command": ["x", "y"], "env": {"A": "1", "B": "1"}}
    overlay = {"start_command": ["z"], "env": {"B": "2"}}
    root = project({"agents": {"a": base}}, {"development": {"agents": {"a": overlay}}})
    a = load_settings(root, environ={}).settings.agents["a"]
    assert a.start_command == ("z",)
    assert a.env == {"A": "1", "B": "2"}


def test_empty_sections_are_empty(project: MakeProject) -> None:
    base = "agents:\n  a:\n    url: http://localhost:1\n    start_command: [x]\n    env:\nlogs:\n"
    root = project(base, {"development": "agents:\n  a:\n"})
    assert load_settings(root, environ={}).settings.agents["a"].env == {}


def test_dates_in_settings_reach_the_agent_as_json(project: MakeProject) -> None:
    root = project(SHIPPED.replace("source: demo", "replay_start: 2012-09-04"))
    given_settings = load_settings(root, environ={}).settings.agents["market_data"].settings
    assert json.loads(json.dumps(given_settings)) == {"replay_start": "2012-09-04"}


def test_a_folder_without_configuration_gets_the_built_in_one(tmp_path: Path) -> None:
    loaded = load_settings(tmp_path, environ={})
    assert loaded.settings.agents["market_data"].working_directory == tmp_path
    assert str(loaded.origins["agents.market_data.url"]).startswith("built-in agents.yaml:")


def test_the_project_root_is_the_nearest_folder_with_a_configuration(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project()
    below = root / "a" / "b"
    below.mkdir(parents=True)
    assert find_project_root(below) == root
    assert find_project_root(tmp_path) == tmp_path
    monkeypatch.chdir(below)
    assert load_settings(environ={}).settings.project_root == root


@pytest.mark.parametrize("name", ["", "config", "config/environments/production.yaml"])
def test_a_configuration_path_may_be_a_folder_or_a_file(name: str, project: MakeProject) -> None:
    overlay = {"logs": {"backups": 1}}
    root = project(SHIPPED, {"development": "agents: {}\n", "production": overlay})
    loaded = load_settings(config_path=str(root / name), environ={})
    is_file = name.endswith(".yaml")
    assert loaded.settings.project_root == root
    assert loaded.settings.environment == ("production" if is_file else "development")
    assert loaded.settings.logs.backups == (1 if is_file else 5)
    assert len(loaded.files) == 2


def test_an_environment_may_not_contradict_the_named_file(project: MakeProject) -> None:
    root = project(SHIPPED, {"production": "agents: {}\n"})
    path = root / "config" / "environments" / "production.yaml"
    with pytest.raises(ConfigurationError, match=r"contradicts the configuration file"):
        load_settings(config_path=path, environment="development", environ={})


def test_python_is_the_folder_s_own_interpreter_else_the_supervisor_s(
    project: MakeProject, foreign_agent: Path
) -> None:
    root = project(PUBLISHED_FULL)
    agent = load_settings(root, environ={}).settings.agents["market_data"]
    assert resolve_command(agent, "/sup/python") == ("/sup/python", "run_api.py")
    for folder in ("venv", ".venv"):
        interpreter = foreign_agent / folder / "bin" / "python"
        interpreter.parent.mkdir(parents=True)
        interpreter.symlink_to(sys.executable)
        assert resolve_command(agent, "/sup/python")[0] == str(interpreter)
    interpreter.unlink()
    interpreter.symlink_to("/nowhere/python")
    assert resolve_command(agent, "/sup/python")[0] == str(foreign_agent / "venv/bin/python")


def test_the_address_reaches_the_command(project: MakeProject) -> None:
    command = ["/bin/serve", "--at={host}:{port}", '{"json": 1}']
    root = project({"agents": {"a": {"url": "http://localhost:81", "start_command": command}}})
    agent = load_settings(root, environ={}).settings.agents["a"]
    assert resolve_command(agent, "x") == ("/bin/serve", "--at=localhost:81", '{"json": 1}')


def test_production_refuses_the_demo_source_and_names_the_setting() -> None:
    loaded = load_settings(ROOT, environment="production", environ={})
    with pytest.raises(ConfigurationError) as caught:
        check_startable(loaded)
    (mistake,) = caught.value.mistakes
    assert mistake.key == "agents.market_data.settings.source"
    assert "config/environments/production.yaml" in mistake.remedy


def test_production_allows_another_program_and_development_the_demo(project: MakeProject) -> None:
    root = project(
        {"agents": {"market_data": {"url": "http://localhost:1", "start_command": ["x"]}}},
        {"production": "agents: {}\n"},
    )
    check_startable(load_settings(root, environment="production", environ={}))
    check_startable(load_settings(ROOT, environ={}))


def test_only_names_agents_that_can_start(project: MakeProject) -> None:
    check_startable(load_settings(ROOT, environ={}), ["market_data", "risk_management"])
    agent = {"url": "http://localhost:1", "start_command": ["x"]}
    off = agent | {"url": "http://localhost:2", "enabled": False}
    root = project({"agents": {"market_data": agent, "risk_management": off}})
    loaded = load_settings(root, environ={})
    check_startable(loaded, ["market_data"])
    with pytest.raises(ConfigurationError) as caught:
        check_startable(loaded, ["market_dta", "risk_management"])
    problems = [(mistake.value, mistake.problem) for mistake in caught.value.mistakes]
    assert problems == [
        ("market_dta", "is not a configured agent."),
        ("risk_management", "is disabled."),
    ]


_KEYS = st.sampled_from(
    ["agents", "a", "url", "timeout", "env", "restart", "settings", "enabled", "depends_on",
     "start_command", "dashboard", "port", "logs", "<<", "on", "1", "name", "policy"]
)  # fmt: skip
_SCALARS = st.one_of(
    st.sampled_from(
        ["http://localhost:1", "5", "'5'", "1:30", "yes", "~", ".nan", "2012-01-01", "2012-99-99",
         "!!int x", "!!python/none x", "&x y", "*x", '"\\ud800"', '"\\0"', "0x1", "1_0", "="]
    ),
    st.text(max_size=12),
)  # fmt: skip


def _block(children: list[tuple[str, str]]) -> str:
    return "".join(
        f"{key}:\n" + "".join(f"  {line}\n" for line in value.splitlines())
        if "\n" in value
        else f"{key}: {value}\n"
        for key, value in children
    )


_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.lists(st.tuples(_KEYS, inner), max_size=5).map(_block),
    max_leaves=25,
)


def load_or_mistakes(root: Path, environ: dict[str, str]) -> list[str]:
    """Return the mistakes; any other error is the test's to show."""
    try:
        load_settings(root, environ=environ)
    except ConfigurationError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(text=st.one_of(_DOCUMENTS, st.text(max_size=200)), data=st.binary(max_size=60))
def test_whatever_the_file_says_only_configuration_errors_come_out(
    text: str, data: bytes, tmp_path: Path
) -> None:
    root = write_project(tmp_path)
    path = root / "config" / "agents.yaml"
    for content in (text.encode("utf-8", "surrogatepass"), data):
        path.write_bytes(content)
        assert all("\n" not in mistake for mistake in load_or_mistakes(root, {}))


@settings(deadline=None)
@given(
    names=st.dictionaries(
        st.text("ADEGNSTVX_", max_size=20).map(lambda name: "TRADING_DASHBOARD_" + name),
        st.text(max_size=30),
        max_size=4,
    ),
    value=st.text(max_size=30),
)
def test_whatever_the_environment_says_only_configuration_errors_come_out(
    names: dict[str, str], value: str
) -> None:
    environ = {**names, "TRADING_DASHBOARD__AGENTS__MARKET_DATA__ENV": value}
    load_or_mistakes(ROOT, environ)
