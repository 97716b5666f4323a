"""`doctor`: what it says of each thing that can be wrong. Real processes are elsewhere."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ProjectFactory
from tests.support import ROOT
from trading_dashboard.cli.configuration import check as check_files
from trading_dashboard.cli.diagnosis import project, report, system
from trading_dashboard.cli.diagnosis.findings import MAX_DETAILS, Finding, Patient, Verdict, bounded
from trading_dashboard.cli.diagnosis.port_checks import check_ports
from trading_dashboard.cli.diagnosis.report import examine, run_doctor
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.clients.lease import Lease


@pytest.fixture
def root(project: ProjectFactory, free_ports: Callable[[], int]) -> Path:
    agent = {"url": f"http://127.0.0.1:{free_ports()}", "start_command": ["x"]}
    return project({"agents": {"one": agent}, "dashboard": {"port": free_ports()}})


@pytest.fixture
def taken(free_port: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", free_port)) as server:
        yield server.getsockname()[1]


def found(root: Path, check: str) -> Finding:
    return next(finding for finding in examine(root) if finding.check.startswith(check))


def patient(root: Path) -> Patient:
    return Patient(root=root, loaded=None, mistakes=(), lease=None, is_locked=False)


def files(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in [root, *root.rglob("*")]}


def test_nothing_is_wrong_and_nothing_is_changed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(root)
    code = run_doctor(root, None, as_json=True)
    told = json.loads(capsys.readouterr().out)
    troubles = [check for check in told["checks"] if check["verdict"] == "problem"]
    assert (code, troubles, told["ok"]) == (ExitCode.OK, [], True)
    assert set(told["checks"][0]) == {"check", "verdict", "message", "next_step", "details"}
    names = [name for name, _ in report.CHECKS if name != "ports"]
    assert [c["check"] for c in told["checks"] if not c["check"].startswith("port ")] == names
    assert files(root) == before
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name, _ in report.CHECKS)


def test_a_held_port_names_its_holder(project: ProjectFactory, taken: int) -> None:
    agent = {"url": f"http://127.0.0.1:{taken}", "start_command": ["x"], "timeout": 0.1}
    root = project({"agents": {"one": agent}, "dashboard": {"enabled": False}})
    finding = found(root, f"port {taken}")
    assert finding.verdict is Verdict.PROBLEM
    assert f"held by pid {os.getpid()} (" in finding.message
    assert "agents.one.url" in str(finding.next_step)
    assert run_doctor(root, None, as_json=False) is ExitCode.FAILED


@pytest.mark.parametrize("runs", [True, False], ids=["", "control"])
def test_a_running_desk_is_checked_where_it_is_not_where_it_is_configured(
    project: ProjectFactory, free_ports: Callable[[], int], taken: int, runs: bool
) -> None:
    configured = free_ports()
    root = project({"agents": {}, "dashboard": {"port": configured}})
    loaded, _ = check_files(root, None)
    lease = Lease(
        run_id="r",
        pid=os.getpid(),
        control_url=f"http://127.0.0.1:{free_ports()}",
        dashboard_url=f"http://localhost:{taken}",
    )
    looked_at = replace(patient(root), loaded=loaded, lease=lease if runs else None)
    checks = {finding.check: finding for finding in check_ports(looked_at)}
    if runs:
        assert set(checks) == {f"port {taken}", f"port {urlsplit(str(lease.control_url)).port}"}
        assert "held by this desk" in checks[f"port {taken}"].message
    else:
        assert set(checks) == {f"port {configured}"}


def test_mistakes_are_told_and_the_rest_is_still_looked_at(project: ProjectFactory) -> None:
    root = project({"agents": {"one": {"url": "x"}}})
    finding = found(root, "configuration")
    assert finding.verdict is Verdict.PROBLEM
    assert any("agents.one.url" in detail for detail in finding.details)
    assert found(root, "ports").verdict is Verdict.WARNING
    assert found(root, "clock").verdict is Verdict.OK


def test_open_files_are_named(root: Path) -> None:
    run = root / "var" / "run"
    run.mkdir(parents=True)
    for folder in (root / "var", run):
        folder.chmod(0o700)
    assert found(root, "permissions").verdict is Verdict.OK
    (run / "x").write_text("", "utf-8")
    (run / "x").chmod(0o640)
    finding = found(root, "permissions")
    assert (finding.verdict, finding.details) == (Verdict.WARNING, (f"{run / 'x'} has mode 640",))


def test_a_lease_of_the_dead_is_told(root: Path) -> None:
    assert "cleanly" in found(root, "supervisor").message
    (root / "var" / "run").mkdir(parents=True)
    lease = {"run_id": "r", "pid": 2**22 + 1, "start_ticks": 1, "boot_id": "b"}
    (root / "var" / "run" / "lease.json").write_text(json.dumps(lease), "utf-8")
    assert found(root, "supervisor").verdict is Verdict.WARNING


def test_a_clock_that_was_set_back_is_told(root: Path) -> None:
    late = time.time() + 3600
    os.utime(root / "config" / "agents.yaml", (late, late))
    finding = found(root, "clock")
    assert finding.verdict is Verdict.WARNING
    assert finding.details == (str(root / "config" / "agents.yaml"),)


def test_missing_time_zones_are_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "ZONES", ("Nowhere/Atlantis",))
    assert found(root, "clock").verdict is Verdict.PROBLEM


@pytest.mark.parametrize(
    ("lock", "wrong"),
    [
        ("typer==0.0.1 \\\n    --hash=x\n", "typer is"),
        ("not-there==1.0\n", "not-there 1.0 is missing"),
        ("not-there==1.0 ; sys_platform == 'win32'\n", None),
    ],
)
def test_packages_are_compared_with_the_lock(
    lock: str, wrong: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.lock").write_text(lock, "utf-8")
    monkeypatch.setattr(system, "CHECKOUT", tmp_path)
    finding = system.check_environment(patient(tmp_path))
    assert finding.verdict is (Verdict.PROBLEM if wrong else Verdict.OK)
    assert wrong is None or finding.details[0].startswith(wrong)


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LITTLE_DISK_BYTES", 2**60)
    assert system.check_disk(patient(tmp_path)).verdict is Verdict.PROBLEM
    monkeypatch.setattr(system, "LITTLE_DISK_BYTES", 0)
    monkeypatch.setattr(system, "ENOUGH_DISK_BYTES", 2**60)
    assert system.check_disk(patient(tmp_path)).verdict is Verdict.WARNING


def test_a_missing_browser_only_matters_for_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "BROWSERS", ())
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    assert system.check_browser(patient(tmp_path)).verdict is Verdict.WARNING
    monkeypatch.setattr(system, "CHECKOUT", tmp_path)
    assert system.check_browser(patient(tmp_path)).verdict is Verdict.OK


def test_a_check_that_fails_does_not_end_the_others(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Patient) -> Finding:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(report, "CHECKS", (("first", fail), *report.CHECKS[:1]))
    first, second = examine(root)
    assert (first.verdict, first.check) == (Verdict.PROBLEM, "first")
    assert second.verdict is Verdict.OK


def test_details_are_bounded() -> None:
    assert bounded(["x"] * (MAX_DETAILS + 3))[-1] == "and 3 more"


def test_when_the_supervisor_began_is_told_in_utc(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "_ask", lambda _: None)
    lease = Lease.model_validate(
        {
            "run_id": "r", "pid": 7, "start_ticks": 1, "boot_id": "b",
            "started_at": "2026-01-02T04:04:05.678+01:00", "control_url": "http://127.0.0.1:1",
        }
    )  # fmt: skip
    who = project.check_lease(
        Patient(root=root, loaded=None, mistakes=(), lease=lease, is_locked=True)
    )
    assert "pid 7, since 2026-01-02 03:04:05 UTC, http" in who.message
