"""Each system gets its own side of the seam, and nothing of another one is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ProjectFactory
from trading_dashboard.cli import desk
from trading_dashboard.cli.diagnosis import system
from trading_dashboard.cli.diagnosis.findings import Patient
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.up import UpOptions, run_up
from trading_dashboard.orchestrator.processes.platforms import choice
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM, choose

Capture = pytest.CaptureFixture[str]

PACKAGE = "trading_dashboard.orchestrator.processes.platforms"


@pytest.mark.parametrize(
    ("system", "name", "watch"),
    [
        ("linux", "Linux", "ExitWatch"),
        ("darwin", "macOS", "WaitingThread"),
        ("freebsd14", "macOS", "WaitingThread"),
        ("win32", "Windows", None),
    ],
)
def test_each_system_gets_its_own(system: str, name: str, watch: str | None) -> None:
    platform = choose(system)
    assert platform.name == name
    assert getattr(getattr(platform, "_watch_type", None), "__name__", None) == watch
    assert (platform.notice is None) == (system == "linux")


def test_this_system_is_the_one_chosen() -> None:
    expected = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
    assert PLATFORM.name == expected[sys.platform]


@pytest.mark.skipif(sys.platform != "linux", reason="names what Linux must not load")
def test_nothing_of_another_system_is_loaded() -> None:
    script = (
        "import sys; import trading_dashboard.orchestrator.local_runtime; "
        f"print(*(name for name in sys.modules if name.startswith('{PACKAGE}.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.removeprefix(f"{PACKAGE}.") for name in done.stdout.split()}
    assert loaded == {
        "choice",
        "linux",
        "linux_names",
        "linux_table",
        "linux_tags",
        "no_tags",
        "posix",
        "seam",
        "whole_table",
    }


def test_doctor_warns_where_it_was_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Patient(root=Path(), loaded=None, mistakes=(), lease=None, is_locked=None)
    for name, kind in (("win32", "warning"), ("darwin", "warning"), ("linux", "ok")):
        monkeypatch.setattr(system, "PLATFORM", choose(name))
        assert system.check_python(patient).verdict == kind


@pytest.mark.parametrize("name", ["win32", "darwin", "linux"])
def test_up_says_where_it_was_never_run(
    name: str, monkeypatch: pytest.MonkeyPatch, project: ProjectFactory, capsys: Capture
) -> None:
    class IdleDesk:
        def __init__(self, *_: object) -> None:
            pass

        async def run(self) -> None:
            pass

    monkeypatch.setattr(desk, "Desk", IdleDesk)
    monkeypatch.setattr(choice, "PLATFORM", choose(name))
    assert run_up(UpOptions(project_root=project())) is ExitCode.OK
    out = capsys.readouterr()
    assert ("never run" in out.out + out.err) == (name != "linux")
