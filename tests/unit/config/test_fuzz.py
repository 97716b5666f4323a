"""Whatever the configuration says: it loads, or every mistake is told with its place, in time.

Documents are built from the settings' own model, then spoilt. What stands under `env` is secret
and must not be seen in any message. The same documents in every run.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import write_project
from tests.unit.config.config_documents import (
    JUNK,
    SECRET,
    SECRET_NUMBER,
    SECRETS,
    Document,
    spoilt_documents,
    valid_documents,
)
from trading_dashboard.config import LoadedSettings, OriginKind, documents, load_settings
from trading_dashboard.config import validation as validation_module
from trading_dashboard.config.masking import MASK
from trading_dashboard.config.origins import Origin, leaves
from trading_dashboard.models.errors import ConfigurationError, Mistake

deterministic = settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

# What is checked


def loaded_or_mistakes(
    root: Path, environ: Mapping[str, str] | None = None, **options: Any
) -> tuple[LoadedSettings | None, ConfigurationError | None]:
    """Load; any other error is the test's to show."""
    try:
        return load_settings(root, environ=environ or {}, overrides=options), None
    except ConfigurationError as error:
        return None, error


def check_place(root: Path, mistake: Mistake) -> None:
    """Fail unless the file is there and the line shows what the mistake is about."""
    assert (root / mistake.file).is_file(), mistake
    if mistake.line is None:
        return
    lines = (root / mistake.file).read_text(encoding="utf-8").split("\n")
    assert 1 <= mistake.line <= len(lines), mistake
    line = lines[mistake.line - 1]
    words = re.split(r"[.\[]", mistake.key)
    # Others than ASCII's are escaped in the file.
    parts = [part for part in words if re.fullmatch(r"\w+\]?", part, re.ASCII)]
    if mistake.value == "(missing)":  # said of what it is missing in
        assert any(f"{part}:" in line for part in parts[:-1]), (mistake, line)
    elif parts and not mistake.key.endswith("]") and mistake.key.endswith(parts[-1]):
        assert parts[-1] in line, (mistake, line)
    elif mistake.key.endswith("]"):
        assert line.lstrip().startswith("- ") or "[" in line, (mistake, line)


def check_words(error: ConfigurationError, secret: str = SECRET) -> None:
    """Fail if a message is not one line for a terminal, or tells a secret."""
    assert error.mistakes
    assert secret not in str(error) + repr(error.mistakes) + repr(error.as_body())
    for mistake in error.mistakes:
        assert str(mistake).isprintable(), mistake
        assert mistake.remedy, mistake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path)


@deterministic
@given(document=valid_documents())
def test_a_valid_document_loads_and_is_shown_as_it_was_written(
    document: Document, root: Path
) -> None:
    write_project(root, document)
    loaded, error = loaded_or_mistakes(root)
    assert loaded is not None, error
    lines = (root / "config" / "agents.yaml").read_text(encoding="utf-8").split("\n")
    values, shown = loaded.values(), {value.key: value for value in loaded.effective_values()}
    tree = documents.read_document(root / "config" / "agents.yaml", "x", [])
    for path, _ in leaves(tree):
        expected = document
        for part in path:
            expected = expected[str(part)]
        origin = loaded.origins[".".join(map(str, path))]
        assert origin.kind is OriginKind.FILE
        assert origin.line is not None
        assert str(path[-1]) in lines[origin.line - 1]
        if path[-1] == "expected_status":
            assert values[path] == [str(status) for status in expected]
        elif path[-1] != "working_directory" and path in values:
            assert values[path] == expected
        if "env" in path[2:] and expected:
            assert shown[".".join(map(str, path))].value == MASK
    assert SECRET not in repr(list(shown.values()))


@deterministic
@given(document=spoilt_documents(), in_overlay=st.booleans())
def test_every_mistake_names_its_place_and_no_secret(
    document: Document, in_overlay: bool, root: Path
) -> None:
    empty: Document = {"agents": {}}
    base, overlay = (empty, document) if in_overlay else (document, empty)
    write_project(root, base, {"development": overlay})
    _, error = loaded_or_mistakes(root)
    if error is not None:
        check_words(error)
        check_words(error, secret=str(SECRET_NUMBER))
        for mistake in error.mistakes:
            check_place(root, mistake)


AGENT = "agents:\n  a:\n    url: http://localhost:1\n    enabled: false\n"


def check_secret(root: Path, env: str) -> None:
    write_project(root, f"{AGENT}    env{env}\n")
    loaded, error = loaded_or_mistakes(root)
    if error is not None:
        check_words(error, "4711") if "4711" in env else check_words(error)
    if loaded is not None:
        assert SECRET not in repr(loaded.effective_values())


SECRET_WORDS = st.sampled_from([SECRET, "4711", "04711", "4711.5", "0x4711", "4711:30", "4711e1"])
ODD = st.sampled_from(
    ["", "*", "&", "!", "!!", "!<", '"', "'", "|", ">", "%", "@", "`", "- ", "? ", "[", "{", "<<: ",
     "!x!", "!!int ", "!!bool ", "!!python/object:", '"\\x', '"\\U', "#", "A=", "a: b: ", "~ ",
     "\t"]
)  # fmt: skip


@settings(deterministic, max_examples=150)
@given(
    before=ODD, word=SECRET_WORDS, after=ODD,
    shape=st.sampled_from([": {{A: {}}}", ":\n      A: {}", ": [{}]", ": {}", ":\n    - A={}"]),
)  # fmt: skip
def test_what_stands_under_env_is_told_by_no_message(
    before: str, word: str, after: str, shape: str, root: Path
) -> None:
    check_secret(root, shape.format(before + word + after))


NAMES = st.sampled_from(
    ["__AGENTS__A__ENV__X", "__AGENTS__A__EVN__X", "__AGENT__A__ENV__X", "__AGENTS__B__ENV__X",
     "__AGENTS__A__ENV", "_AGENTS_A_ENV_X", "_AGENTS__A__ENV__X", "__AGENTS_A__ENV__X",
     "__AGENTS__A__ENV_X", "__agents__a__env__X", "__AGENTS__A__ENV__X\n\x1b[2J",
     "__AGENTS__A__ENV__X__Y", "__AGENTS__A__ENVS__X", "__AGENTS__A__X__ENV__Y"]
)  # fmt: skip


@deterministic
@given(name=NAMES, word=SECRETS | st.sampled_from([f"*{SECRET}", f"[{SECRET}]", f"!{SECRET} x"]))
def test_a_secret_in_a_variable_is_told_by_no_message(name: str, word: str, root: Path) -> None:
    write_project(root, AGENT)
    loaded, error = loaded_or_mistakes(root, {"TRADING_DASHBOARD" + name: word})
    if error is not None:
        check_words(error)
        assert all(m.line is None and "TRADING_DASHBOARD" in m.file.upper() for m in error.mistakes)
    if loaded is not None:
        assert SECRET not in repr(loaded.effective_values())


OVERRIDES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.builds(lambda: 10**5000)  # cannot be shown, so it is made when it is needed
    | st.sampled_from([2**64, "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
KEYS = st.sampled_from(
    ["dashboard.port", "agents.a.timeout", "agents.a.settings.x", "agents.a.url", "logs",
     "agents.a.depends_on", "agents.a.probes.liveness.kind", "agents.\ud800.url", "", ".", "a..b"]
)  # fmt: skip


@deterministic
@given(key=KEYS, value=OVERRIDES)
def test_whatever_the_options_say_only_configuration_errors_come_out(
    key: str, value: Any, root: Path
) -> None:
    write_project(root, AGENT)
    _, error = loaded_or_mistakes(root, **{key: value})
    if error is not None:
        check_words(error)


# Hostile documents: bounded by the test's own timeout, never measured

LAUGHS = "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
SIZE = documents.MAX_FILE_BYTES
CRON = f"{AGENT}    schedule: {{stop: 2 * * * *, start: "
HOSTILE = {
    "brackets": "[" * SIZE,
    "braces": "{" * SIZE,
    "dashes": "- " * (SIZE // 2),
    "questions": "? " * (SIZE // 2),
    "indentation": "".join(" " * depth + "a:\n" for depth in range(700)),
    "laughs": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + LAUGHS,
    "itself": "agents: &a [*a, *a, *a]\n",
    "one_key_again_and_again": "a:\n" * (SIZE // 3),
    "many_items": "- a\n" * (SIZE // 4),
    "long_word_of_one_letter": f"{AGENT}    health_endpoint: {'a' * 200_000}\n",
    "long_zone": f"{CRON}1 * * * *, timezone: {'a' * 200_000}}}\n",
    "long_cron": f"{CRON}'{'1,' * 90_000}1 * * * *'}}\n",
    "long_number_in_cron": f"{CRON}{'9' * 9000} * * * *}}\n",
    "long_calendar": f"{AGENT}    data: {{calendar: {'X' * 200_000}}}\n",
    "long_hexadecimal": f"{AGENT}    timeout: 0x{'f' * 200_000}\n",
    "base_60": f"{AGENT}    timeout: !!int 1{':99' * 20_000}\n",
    "empty_integer": f'{AGENT}    timeout: !!int ""\n',
    "float_of_underscores": f'{AGENT}    timeout: !!float "_"\n',
    "long_folder": AGENT.replace("false", "true") + f"    working_directory: {'a' * 5000}\n",
    "folder_of_two_lines": AGENT.replace("false", "true") + '    working_directory: "a\\nb"\n',
    "long_address": AGENT.replace("localhost", "a" * 200_000),
    "key_for_a_terminal": '"\\e[2J\\nx": 1\n',
}  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_answered_in_time(name: str, root: Path) -> None:
    write_project(root, HOSTILE[name])
    _, error = loaded_or_mistakes(root)
    if name in ("long_cron", "long_address"):  # odd, but not wrong
        assert error is None
        return
    assert error is not None
    check_words(error)
    for mistake in error.mistakes:
        check_place(root, mistake)


# Calendars, cron, offsets, probes

CRON_LIKE = st.lists(
    st.text("0123456789*,-/#LW?", max_size=6) | st.sampled_from(["*", "mon-fri", "JAN", "29", "L"]),
    min_size=4, max_size=6,
).map(" ".join)  # fmt: skip
OFFSET_LIKE = st.from_regex(r"\A(open|close|Open)[+-]?[0-9]{0,7}[hms]?[0-9]{0,3}[hm]?\Z")
WORDS = st.one_of(
    CRON_LIKE, OFFSET_LIKE, st.text(max_size=40),
    st.sampled_from(["close-5m/close+1m", "21:55/22:01", "99:99/0:0", "a" * 5000]),
    st.sampled_from(["XNYS", "nyse", "24/7", "Europe/Berlin", "Europe", "../x", "UTC", "²", "-"]),
)  # fmt: skip
HOURS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("calendar", "start", "stop", "timezone"), WORDS | st.none())
)
PROBE = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(
        ("kind", "path", "port", "expected_status", "expected_body", "command", "pattern",
         "within_seconds", "interval_seconds", "timeout_seconds", "failure_threshold"),
        JUNK | st.sampled_from(["http", "log", "command", "/x", ["299-200"], [""], 5, 0.5]),
    ),
)  # fmt: skip


@deterministic
@given(schedule=HOURS, calendar=WORDS, role=st.sampled_from(["startup", "liveness"]), probe=PROBE)
def test_hours_and_probes_of_any_words_are_told_or_taken(
    schedule: Document, calendar: str, role: str, probe: Document, root: Path
) -> None:
    agent = yaml.safe_load(AGENT)["agents"]["a"]
    agent |= {"schedule": schedule, "data": {"calendar": calendar}, "probes": {role: probe}}
    agent["restart"] = {"not_within": [calendar], "calendar": calendar, "timezone": calendar}
    write_project(root, {"agents": {"a": agent}})
    _, error = loaded_or_mistakes(root)
    if error is not None:
        check_words(error)
        for mistake in error.mistakes:
            check_place(root, mistake)


# Control arms


def test_a_wrong_line_would_be_caught(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(root, f"# one\n{AGENT}    timout: 5\n# two\n")
    _, error = loaded_or_mistakes(root)
    assert error is not None
    check_place(root, error.mistakes[0])

    def off_by_one(_: object, node: yaml.Node) -> Origin:
        return Origin(OriginKind.FILE, "config/agents.yaml", node.start_mark.line)

    monkeypatch.setattr(documents._Reader, "_origin", off_by_one)
    _, error = loaded_or_mistakes(root)
    assert error is not None
    with pytest.raises(AssertionError):
        check_place(root, error.mistakes[0])


@pytest.mark.parametrize(
    ("module", "env"),
    [(documents, ": {A: 04711}"), (documents, f": {{A: !{SECRET} x}}"),
     (validation_module, ": {A: 4711}")],
)  # fmt: skip
def test_a_secret_told_would_be_caught(
    module: types.ModuleType, env: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_secret(root, env)
    monkeypatch.setattr(module, "holds_secrets", lambda _: False)
    with pytest.raises(AssertionError):
        check_secret(root, env)
