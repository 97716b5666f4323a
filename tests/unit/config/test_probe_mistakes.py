"""Each mistake in a probe is reported with file, line, key, value and what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.test_mistakes import Case, check_case, indent

CASES = [
    Case("unknown_probe_role", indent("probes: {readyness: {}}\n"), 5,
         "agents.first.probes.readyness", "{}", "is not a known key", "Did you mean readiness?"),
    Case("unknown_probe_key", indent("probes:\n  liveness:\n    pth: /live\n"), 7,
         "agents.first.probes.liveness.pth", '"/live"', "is not a known key",
         "Did you mean path?"),
    Case("probe_kind", indent("probes: {liveness: {kind: htp}}\n"), 5,
         "agents.first.probes.liveness.kind", '"htp"', "is not one of the possible values",
         "Did you mean http?"),
    Case("command_without_one", indent("probes:\n  liveness:\n    kind: command\n"), 6,
         "agents.first.probes.liveness.command", "(missing)", "is missing, and the kind is",
         'such as command: ["python", "check.py"]'),
    Case("command_as_text", indent("probes: {liveness: {kind: command, command: x y}}\n"), 5,
         "agents.first.probes.liveness.command", '"x y"', "where a list is needed",
         'such as ["x", "y"]'),
    Case("command_without_a_program", indent('probes: {startup: {kind: command, command: [""]}}\n'),
         5, "agents.first.probes.startup.command[0]", '""', "is empty", "program"),
    Case("log_without_a_pattern", indent("probes: {startup: {kind: log}}\n"), 5,
         "agents.first.probes.startup.pattern", "(missing)", "is missing, and the kind is log",
         'such as pattern: "connected"'),
    Case("path_with_tcp", indent("probes: {readiness: {kind: tcp, path: /x}}\n"), 5,
         "agents.first.probes.readiness.path", '"/x"', "means nothing to a tcp probe",
         "write kind: http"),
    Case("port_with_log", indent("probes: {readiness: {kind: log, pattern: x, port: 1}}\n"), 5,
         "agents.first.probes.readiness.port", "1", "means nothing to a log probe",
         "write kind: http or tcp"),
    Case("no_status", indent("probes: {readiness: {expected_status: [200, 2xx]}}\n"), 5,
         "agents.first.probes.readiness.expected_status[1]", '"2xx"', "is not a status",
         '401 or "200-299"'),
    Case("status_backwards", indent('probes: {readiness: {expected_status: ["299-200"]}}\n'), 5,
         "agents.first.probes.readiness.expected_status[0]", '"299-200"',
         "ends before it begins", '"200-299"'),
    Case("empty_probe_value", indent("probes:\n  readiness:\n    path:\n"), 7,
         "agents.first.probes.readiness.path", "(empty)", "is empty", "or remove the line"),
    Case("empty_body", indent('probes: {readiness: {expected_body: ""}}\n'), 5,
         "agents.first.probes.readiness.expected_body", '""', "is empty", "Give it a text"),
    Case("failures_of_a_start", indent("probes: {startup: {failure_threshold: 9}}\n"), 5,
         "agents.first.probes.startup.failure_threshold", "9", "does not count during a start",
         "startup_timeout"),
    Case("probe_bound", indent("probes: {readiness: {interval_seconds: 0}}\n"), 5,
         "agents.first.probes.readiness.interval_seconds", "0", "is out of bounds",
         "at least 0.1, at most 3600"),

]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_named_with_its_place_and_remedy(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
