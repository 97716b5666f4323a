"""Each mistake in the configuration is reported with file, line, key, value and what is right."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trading_dashboard.config import load_settings
from trading_dashboard.config.documents import MAX_FILE_BYTES
from trading_dashboard.models.errors import ConfigurationError, Mistake

BASE = """\
agents:
  first:
    url: "http://localhost:8000"
    start_command: ["python", "run.py"]
"""


def indent(lines: str) -> str:
    return BASE + textwrap.indent(textwrap.dedent(lines), "    ")


@dataclass(frozen=True)
class Case:
    """A wrong agents.yaml and the message it must give."""

    name: str
    text: str
    line: int | None
    key: str
    value: str
    problem: str
    remedy: str
    environ: dict[str, str] = field(default_factory=dict)
    file: str = "config/agents.yaml"


CASES = [
    Case("unknown_agent_key", indent("timout: 5\n"), 5, "agents.first.timout", "5",
         "is not a known key", "Did you mean timeout?"),
    Case("unknown_key_far_from_all", indent("xyzzy: 5\n"), 5, "agents.first.xyzzy", "5",
         "is not a known key", "Known are: url, timeout"),
    Case("unknown_section", BASE + "dashbord: {}\n", 5, "dashbord", "{}",
         "is not a known section", "Did you mean dashboard?"),
    Case("environment_in_a_file", BASE + "environment: production\n", 5, "environment",
         '"production"', "is not set in a file", "--env or TRADING_DASHBOARD_ENV"),
    Case("name_inside_an_agent", indent("name: other\n"), 5, "agents.first.name", '"other"',
         "is not set here", "the name is the key above"),
    Case("quoted_number", indent('timeout: "5"\n'), 5, "agents.first.timeout", '"5"',
         "is text, because of its quotes", "Write 5 without quotes."),
    Case("text_for_a_number", indent("timeout: soon\n"), 5, "agents.first.timeout", '"soon"',
         "is not a number", "Write a number."),
    Case("bool_for_a_number", indent("timeout: yes\n"), 5, "agents.first.timeout", "yes",
         "is not a number", "Write a number."),
    Case("impossible_exit_code", indent("restart:\n  final_exit_codes: [0, 256]\n"), 6,
         "agents.first.restart.final_exit_codes[1]", "256", "is no exit code", "Use 0 to 255."),
    Case("hours_that_are_none", indent('restart:\n  not_within: ["close-5m"]\n'), 6,
         "agents.first.restart.not_within[0]", '"close-5m"', "is no stretch of time",
         "such as close-5m/close+1m or 21:55/22:01"),
    Case("misspelt_calendar", indent("restart:\n  calendar: XNYX\n"), 6,
         "agents.first.restart.calendar", '"XNYX"', "is no exchange calendar",
         "such as XNYS, XLON"),
    Case("no_time_zone", indent("restart:\n  timezone: Mars/North\n"), 6,
         "agents.first.restart.timezone", '"Mars/North"', "is no time zone", "America/New_York"),
    Case("fraction_for_a_whole_number", indent("failure_threshold: 2.5\n"), 5,
         "agents.first.failure_threshold", "2.5", "is not a whole number", "Write a whole number"),
    Case("number_for_a_bool", indent("enabled: 1\n"), 5, "agents.first.enabled", "1",
         "is neither true nor false", "Write true or false"),
    Case("quoted_bool", indent('enabled: "true"\n'), 5, "agents.first.enabled", '"true"',
         "is neither true nor false", "without quotes"),
    Case("empty_value", indent("timeout:\n"), 5, "agents.first.timeout", "(empty)",
         "is empty", "or remove the line"),
    Case("base_60", indent("timeout: 1:30\n"), 5, "agents.first.timeout", "1:30",
         "base 60", "Write a plain number"),
    Case("leading_zero", indent("timeout: 010\n"), 5, "agents.first.timeout", "010",
         "base 60 or 8", "Write a plain number"),
    Case("not_finite", indent("timeout: .inf\n"), 5, "agents.first.timeout", ".inf",
         "is not a finite number", "finite"),
    Case("yaml_bool_for_text", indent("health_endpoint: off\n"), 5,
         "agents.first.health_endpoint", "off", "is read by YAML as true or false",
         'Write "off" in quotes'),
    Case("number_in_env", indent("env: {PORT: 5}\n"), 5, "agents.first.env.PORT", "********",
         "is read by YAML as a number", "in quotes"),
    Case("yaml_bool_as_key", indent("env: {on: x}\n"), 5, "agents.first.env.on", "********",
         "YAML reads this key as a value", 'Write "on"'),
    Case("text_for_a_list", indent("depends_on: a b\n"), 5, "agents.first.depends_on", '"a b"',
         "where a list is needed", 'such as ["a", "b"]'),
    Case("list_for_a_text", indent("health_endpoint: [/health]\n"), 5,
         "agents.first.health_endpoint", "[/health]", "is a list", "Write one value"),
    Case("text_for_a_mapping", indent("restart: always\n"), 5, "agents.first.restart",
         '"always"', "is not a mapping", "key: value"),
    Case("agents_as_a_list", "agents: [first]\n", 1, "agents", "[first]", "is not a mapping",
         "key: value"),
    Case("agent_as_text", "agents:\n  first: yes please\n", 2, "agents.first", '"yes please"',
         "is not a mapping", "key: value"),
    Case("file_as_a_list", "- agents\n", 1, "(file)", "config/agents.yaml", "is not a mapping",
         "Begin it with `agents:`"),
    Case("too_small", indent("timeout: 0\n"), 5, "agents.first.timeout", "0", "is out of bounds",
         "It must be greater than 0, at most 300."),
    Case("too_large", indent("health_check_interval: 4000\n"), 5,
         "agents.first.health_check_interval", "4000", "is out of bounds",
         "at least 0.1, at most 3600"),
    Case("exponent_is_text_in_yaml", indent("health_check_interval: 1e2\n"), 5,
         "agents.first.health_check_interval", '"1e2"', "is text for YAML", "without an exponent"),
    Case("nested_bound", indent("restart: {max_restarts: 5000}\n"), 5,
         "agents.first.restart.max_restarts", "5000", "is out of bounds", "at most 1000"),
    Case("nested_unknown_key", indent("restart:\n  max_restart: 5\n"), 6,
         "agents.first.restart.max_restart", "5", "is not a known key",
         "Did you mean max_restarts?"),
    Case("not_a_choice", indent("restart: {policy: alwys}\n"), 5, "agents.first.restart.policy",
         '"alwys"', "is not one of the possible values", "Did you mean always?"),
    Case("no_slash", indent("health_endpoint: health\n"), 5, "agents.first.health_endpoint",
         '"health"', "does not begin with a slash", "/health"),
    Case("bad_agent_name", BASE.replace("first", "First-One"), 2, "agents.First-One",
         "a mapping of url, start_command", "is not a name", "lower-case letters"),
    Case("reserved_agent_name", BASE.replace("first", "dashboard"), 2, "agents.dashboard",
         "a mapping of url, start_command", "name of the desk's own", "another name"),
    Case("missing_url", "agents:\n  first:\n    start_command: [x]\n", 2, "agents.first.url",
         "(missing)", "is missing", "http://localhost:8000"),
    Case("missing_command", "agents:\n  first:\n    url: http://localhost:1\n", 2,
         "agents.first.start_command", "(missing)", "the agent is enabled", "run_api.py"),
    Case("empty_program", BASE.replace('"python"', '""'), 4, "agents.first.start_command[0]",
         '""', "is empty", "program"),
    Case("url_without_port", BASE.replace(":8000", ""), 3, "agents.first.url",
         '"http://localhost"', "names no port", "http://localhost:8000"),
    Case("url_port_out_of_range", BASE.replace(":8000", ":80000"), 3, "agents.first.url",
         '"http://localhost:80000"', "names no port (1 to 65535)", "http://localhost:8000"),
    Case("url_scheme", BASE.replace("http:", "tcp:"), 3, "agents.first.url",
         '"tcp://localhost:8000"', "does not begin with http://", "http://localhost:8000"),
    Case("url_with_password", BASE.replace("localhost", "me:hunter2@localhost"), 3,
         "agents.first.url", '"http://********@localhost:8000"', "holds a user or password",
         "through env"),
    Case("url_with_path", BASE.replace("8000", "8000/api"), 3, "agents.first.url",
         '"http://localhost:8000/api"', "more than scheme, host and port", "health_endpoint"),
    Case("url_not_an_address", BASE.replace("localhost", "[::1"), 3, "agents.first.url",
         '"http://[::1:8000"', "is not an address", "http://localhost:8000"),
    Case("missing_directory", indent("working_directory: ../nowhere\n"), 5,
         "agents.first.working_directory", '"../nowhere"', "is not there",
         "relative to the project root"),
    Case("directory_is_a_file", indent("working_directory: config/agents.yaml\n"), 5,
         "agents.first.working_directory", '"config/agents.yaml"', "is not a folder",
         "Correct the path"),
    Case("dashboard_port", BASE + "dashboard: {port: 8000}\n", 3, "agents.first.url",
         '"http://localhost:8000"', "port 8000, which dashboard.port (config/agents.yaml:5)",
         "another port"),
    Case("unknown_dependency", indent("depends_on: [frist]\n"), 5, "agents.first.depends_on[0]",
         '"frist"', "is not a configured agent", "Did you mean first?"),
    Case("depends_on_itself", indent("depends_on: [first]\n"), 5, "agents.first.depends_on",
         "[first]", "is a cycle: first -> first", "Remove one"),
    Case("reserved_variable", indent("env: {TRADING_DASHBOARD_RUN_ID: x}\n"), 5,
         "agents.first.env.TRADING_DASHBOARD_RUN_ID", "********", "set by the supervisor",
         "Remove it"),
    Case("bad_variable_name", indent('env: {"A=B": x}\n'), 5, "agents.first.env.A=B", "********",
         "is not a name a variable can have", "letters"),
    Case("duplicate_key", indent("timeout: 5\ntimeout: 6\n"), 6, "agents.first.timeout", "6",
         "is given twice; it already stands at line 5", "Keep one"),
    Case("syntax", BASE + "  second: [1, 2\n", 6, "(file)", "(not parsed)", "YAML syntax",
         "brackets"),
    Case("tab", BASE + "\tsecond: 1\n", 5, "(file)", "(not parsed)", "YAML syntax",
         "Indent with spaces"),
    Case("undefined_alias", indent("timeout: *short\n"), 5, "(file)", "(not parsed)",
         "undefined alias", ""),
    Case("python_tag", indent("timeout: !!python/object:os.system x\n"), 5,
         "agents.first.timeout", "(not read)", "the YAML tag python/object:os.system", "plain"),
    Case("merge_key", indent("<<: {timeout: 5}\n"), 5, "agents.first.<<", "(not read)",
         "merge keys", "Write the keys out"),
    Case("two_documents", BASE + "---\nagents: {}\n", 5, "(file)", "(not parsed)",
         "YAML syntax", ""),
    Case("control_character", BASE + "x: \x07\n", 5, "(file)", "(not parsed)",
         "is not allowed in YAML", ""),
    Case("section_bound", BASE + "logs:\n  max_bytes: 1\n", 6, "logs.max_bytes", "1",
         "is out of bounds", "at least 65536"),
    Case("embedded_settings",
         BASE.replace('"run.py"', '"-m", "trading_dashboard.agents.market_data"')
         + "    settings: {replay_sped: 5}\n", 5, "agents.first.settings.replay_sped", "5",
         "is not a known key", "Did you mean replay_speed?"),
    Case("embedded_date",
         BASE.replace('"run.py"', '"-m", "trading_dashboard.agents.market_data"')
         + "    settings: {replay_start: 1999-01-01}\n", 5, "agents.first.settings.replay_start",
         '"1999-01-01"', "is out of bounds", "at least 2000-03-02"),
    Case("variable_type", BASE, None, "agents.first.timeout", '"soon"', "is not a number",
         "Write a number", {"TRADING_DASHBOARD__AGENTS__FIRST__TIMEOUT": "soon"},
         "TRADING_DASHBOARD__AGENTS__FIRST__TIMEOUT"),
    Case("variable_misspelt", BASE, None, "agents.first.timout", "3", "is not a setting",
         "Did you mean TRADING_DASHBOARD__AGENTS__FIRST__TIMEOUT?",
         {"TRADING_DASHBOARD__AGENTS__FIRST__TIMOUT": "3"},
         "TRADING_DASHBOARD__AGENTS__FIRST__TIMOUT"),
    Case("variable_of_unknown_agent", BASE, None, "agents.frist.timeout", "frist",
         "is not a configured agent", "Did you mean first?",
         {"TRADING_DASHBOARD__AGENTS__FRIST__TIMEOUT": "3"},
         "TRADING_DASHBOARD__AGENTS__FRIST__TIMEOUT"),
    Case("variable_with_one_underscore", BASE, None, "dashboard_port", "1", "is not read",
         "Did you mean TRADING_DASHBOARD__DASHBOARD__PORT?",
         {"TRADING_DASHBOARD_DASHBOARD_PORT": "1"}, "TRADING_DASHBOARD_DASHBOARD_PORT"),
    Case("variable_without_its_section", BASE, None, "port", "1", "is not read",
         "Did you mean TRADING_DASHBOARD__DASHBOARD__PORT?",
         {"TRADING_DASHBOARD_PORT": "1"}, "TRADING_DASHBOARD_PORT"),
    Case("command_in_one_text", indent("").replace('["python", "run.py"]', "python run.py"), 4,
         "agents.first.start_command", '"python run.py"', "is one text", '["python", "run.py"]'),
    Case("variable_in_lower_case", BASE, None, "dashboard.port", "1", "is not a setting",
         "Did you mean TRADING_DASHBOARD__DASHBOARD__PORT?",
         {"trading_dashboard__dashboard__port": "1"}, "trading_dashboard__dashboard__port"),
    Case("environment_variable_misspelt", BASE, None, "environment", "production",
         "is not read", "Did you mean TRADING_DASHBOARD_ENV?",
         {"TRADING_DASHBOARD_ENVIRONMENT": "production"}, "TRADING_DASHBOARD_ENVIRONMENT"),
    Case("unknown_environment", BASE, None, "environment", "staging",
         "is not a known environment", "Use one of: development, production.",
         {"TRADING_DASHBOARD_ENV": "staging"}, "TRADING_DASHBOARD_ENV"),
    Case("variable_syntax", BASE, None, "agents.first.depends_on", "(not parsed)", "YAML syntax",
         "as it would stand in the file", {"TRADING_DASHBOARD__AGENTS__FIRST__DEPENDS_ON": "[a"},
         "TRADING_DASHBOARD__AGENTS__FIRST__DEPENDS_ON"),
]  # fmt: skip


def mistakes_of(root: Path, environ: dict[str, str] | None = None) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(root, environ=environ or {})
    return caught.value.mistakes


def project(root: Path, text: str | bytes, development: str = "") -> Path:
    folder = root / "config" / "environments"
    folder.mkdir(parents=True)
    data = text.encode() if isinstance(text, str) else text
    (root / "config" / "agents.yaml").write_bytes(data)
    (folder / "development.yaml").write_text(development)
    return root


def check_case(case: Case, folder: Path) -> None:
    (mistake,) = mistakes_of(project(folder, case.text), case.environ)
    assert (mistake.file, mistake.line, mistake.key) == (case.file, case.line, case.key)
    assert mistake.value == case.value
    assert case.problem in mistake.problem
    assert case.remedy in mistake.remedy


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_named_with_its_place_and_remedy(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)


def test_all_mistakes_are_reported_at_once_in_reading_order(tmp_path: Path) -> None:
    text = indent(
        """\
        timout: 5
        startup_timeout: -1
        working_directory: nowhere
        depends_on: [second, third]
        """
    )
    development = (
        "agents:\n"
        "  second: {url: 'http://127.0.0.1:8000', start_command: [x], depends_on: [first]}\n"
        "dashboard: {port: eighty}\n"
    )
    found = mistakes_of(project(tmp_path, text, development))
    assert [(mistake.line, mistake.key) for mistake in found] == [
        (5, "agents.first.timout"),
        (6, "agents.first.startup_timeout"),
        (7, "agents.first.working_directory"),
        (8, "agents.first.depends_on[1]"),
        (8, "agents.first.depends_on"),
        (2, "agents.second.url"),
        (3, "dashboard.port"),
    ]
    assert "7 mistakes" in str(ConfigurationError(found))


def test_two_names_of_loopback_are_one_port(tmp_path: Path) -> None:
    text = BASE + "  second: {url: 'http://127.0.0.1:8000', start_command: [x]}\n"
    (mistake,) = mistakes_of(project(tmp_path, text))
    assert "agents.first.url (config/agents.yaml:3)" in mistake.problem
    assert mistake.line == 5


def test_a_disabled_agent_may_share_a_port_and_lack_a_folder(tmp_path: Path) -> None:
    text = BASE + (
        "  second: {url: 'http://127.0.0.1:8000', enabled: false, working_directory: nowhere}\n"
    )
    loaded = load_settings(project(tmp_path, text), environ={})
    assert not loaded.settings.agents["second"].enabled


def test_a_cycle_is_named_once_with_its_path(tmp_path: Path) -> None:
    text = "agents:\n" + "".join(
        f"  {name}: {{url: 'http://localhost:{port}', start_command: [x], depends_on: [{other}]}}\n"
        for name, port, other in (("a", 1, "b"), ("b", 2, "c"), ("c", 3, "a"))
    )
    (mistake,) = mistakes_of(project(tmp_path, text))
    assert "is a cycle: a -> b -> c -> a." in mistake.problem


def test_a_dependency_on_a_disabled_agent_names_both(tmp_path: Path) -> None:
    text = indent("depends_on: [second]\n") + (
        "  second: {url: 'http://localhost:2', enabled: false}\n"
    )
    (mistake,) = mistakes_of(project(tmp_path, text))
    assert mistake.line == 5
    assert "is disabled, but first is enabled" in mistake.problem
    assert "agents.second.enabled: true" in mistake.remedy


def test_a_misspelt_agent_in_the_environment_file_is_recognised(tmp_path: Path) -> None:
    root = project(tmp_path, BASE, "agents:\n  frist: {timeout: 3}\n")
    by_key = {mistake.key: mistake for mistake in mistakes_of(root)}
    assert "If agents.first is meant" in by_key["agents.frist.url"].remedy


@pytest.mark.parametrize("settings", ["enabled: true", "enabled: false"])
def test_a_misspelt_agent_with_an_address_is_recognised(settings: str, tmp_path: Path) -> None:
    base = BASE.replace("first", "market_data")
    layer = f"agents:\n  markte_data: {{url: 'http://localhost:8001', {settings}}}\n"
    (mistake,) = mistakes_of(project(tmp_path, base, layer))
    assert mistake.key.startswith("agents.markte_data")
    assert "If agents.market_data is meant, correct the name" in mistake.remedy


@pytest.mark.parametrize(
    "layer",
    [
        "  agent_2: {url: 'http://localhost:8001', enabled: false}\n",
        "  agent_1: {timeout: 3}\n  agent_x: {url: 'http://localhost:8001', enabled: false}\n",
    ],
)
def test_an_agent_of_a_like_name_may_wait_for_its_command(layer: str, tmp_path: Path) -> None:
    root = project(tmp_path, BASE.replace("first", "agent_1"), f"agents:\n{layer}")
    assert len(load_settings(root, environ={}).settings.agents) == 2


def test_an_empty_environment_option_is_not_the_default(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(project(tmp_path, BASE), environment="", environ={})
    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.value) == ("--env", "(empty)")


def test_what_kubernetes_sets_for_a_service_of_this_name_is_none_of_ours(tmp_path: Path) -> None:
    environ = {"TRADING_DASHBOARD_PORT": "tcp://10.0.0.1:80"}
    assert load_settings(project(tmp_path, BASE), environ=environ).settings.dashboard.port == 8501


def test_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    files = [mistake.file for mistake in mistakes_of(tmp_path)]
    assert files == ["config/agents.yaml", "config/environments/development.yaml"]


def test_a_file_too_large_is_not_parsed(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(project(tmp_path, b"#" * (MAX_FILE_BYTES + 1)))
    assert "larger than 256 KiB" in mistake.problem


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(project(tmp_path, BASE.encode() + b"# \xff\n"))
    assert (mistake.line, mistake.remedy) == (5, "Save the file as UTF-8.")


def test_deep_nesting_and_alias_bombs_are_bounded(tmp_path: Path) -> None:
    deep = "a: " + "[" * 5_000
    assert mistakes_of(project(tmp_path / "deep", deep))
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    found = mistakes_of(project(tmp_path / "bomb", "\n".join(lines)))
    assert any("more than 20000 values" in mistake.problem for mistake in found)


def test_a_list_that_holds_itself_is_refused(tmp_path: Path) -> None:
    found = mistakes_of(project(tmp_path, "a: &a [*a]\n"))
    assert any("levels" in mistake.problem for mistake in found)


@pytest.mark.parametrize(
    "line",
    [
        "env: {API_KEY: [hunter2]}",
        "env: {PLAIN: {x: hunter2}}",
        "settings: {api_token: hunter2, api_token: hunter2}",
        "timeout: {password: hunter2}",
        "start_command: [x, --api-key, hunter2, {}]",
        "start_command: run --token=hunter2",
        "env: {KEY: hunter2, KEY: hunter2}",
        "env: {KEY: 'hunter2\\n",
        "url: http://me:hunter2@localhost:99999",
    ],
)
def test_no_message_shows_a_secret(line: str, tmp_path: Path) -> None:
    text = BASE.replace('    url: "http://localhost:8000"\n', "") if "url" in line else BASE
    for mistake in mistakes_of(project(tmp_path, text + f"    {line}\n")):
        assert "hunter2" not in str(mistake)
