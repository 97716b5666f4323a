"""The command `doctor`: runs the checks, one after the other, and says what they found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from trading_dashboard.cli.configuration import check as check_files
from trading_dashboard.cli.diagnosis.findings import Finding, Patient, Verdict, problem
from trading_dashboard.cli.diagnosis.port_checks import check_ports
from trading_dashboard.cli.diagnosis.project import (
    check_configuration,
    check_lease,
    check_leftovers,
    check_permissions,
)
from trading_dashboard.cli.diagnosis.system import (
    check_browser,
    check_clock,
    check_disk,
    check_environment,
    check_python,
)
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import say
from trading_dashboard.clients.lease import read_lease
from trading_dashboard.config.places import find_project_root
from trading_dashboard.models.errors import NotSupervised

Check = Callable[[Patient], "Finding | list[Finding]"]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", check_python),
    ("environment", check_environment),
    ("configuration", check_configuration),
    ("supervisor", check_lease),
    ("leftovers", check_leftovers),
    ("ports", check_ports),
    ("permissions", check_permissions),
    ("disk", check_disk),
    ("clock", check_clock),
    ("browser", check_browser),
)
_MARKS = {Verdict.OK: "ok     ", Verdict.WARNING: "WARNING", Verdict.PROBLEM: "PROBLEM"}


def run_doctor(project_root: Path | None, environment: str | None, as_json: bool) -> ExitCode:
    """Look at everything; fail if something does not work. Changes nothing."""
    root = project_root.absolute() if project_root else find_project_root()
    findings = examine(root, environment)
    is_well = not any(finding.verdict is Verdict.PROBLEM for finding in findings)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        say(json.dumps({"ok": is_well, "project_root": str(root), "checks": checks}, indent=2))
    else:
        for line in lines_of(findings):
            say(line)
    return ExitCode.OK if is_well else ExitCode.FAILED


def examine(root: Path, environment: str | None = None) -> list[Finding]:
    """Return what every check found; one that fails is a problem of its own."""
    patient = _patient(root, environment)
    findings: list[Finding] = []
    for name, check in CHECKS:
        try:
            found = check(patient)
        except Exception as error:  # noqa: BLE001 - the others are still worth knowing
            step = "Please report this."
            found = problem(name, f"The check failed with {type(error).__name__}: {error}", step)
        findings += found if isinstance(found, list) else [found]
    return findings


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Return the findings for people, and how many need looking at."""
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.verdict]}  {finding.check}: {finding.message}")
        if finding.verdict is not Verdict.OK:
            lines += [f"           {detail}" for detail in finding.details]
        if finding.next_step:
            lines.append(f"         → {finding.next_step}")
    counts = [sum(f.verdict is verdict for f in findings) for verdict in Verdict]
    return [*lines, "", "{} ok, {} to know about, {} to mend.".format(*counts)]


def _patient(root: Path, environment: str | None) -> Patient:
    loaded, mistakes = check_files(root, environment)
    try:
        lease = read_lease(root)
    except NotSupervised:
        lease = None
    is_locked = _is_locked(root / "var" / "run" / "lock")
    return Patient(
        root=root, loaded=loaded, mistakes=tuple(mistakes), lease=lease, is_locked=is_locked
    )


def _is_locked(path: Path) -> bool | None:
    """Return whether somebody holds a lock, without trying to take it: that could refuse others."""
    try:
        found = path.stat()
    except OSError:
        return False
    try:
        table = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:  # not Linux, or not for us to see
        return None
    return any(entry.split(":")[-1] == str(found.st_ino) for entry in _places(table))


def _places(table: str) -> list[str]:
    """Return ``major:minor:inode`` of each lock that is held, not those waited for."""
    rows = (line.split() for line in table.splitlines())
    return [row[5] for row in rows if len(row) > 5 and row[1] == "FLOCK"]
