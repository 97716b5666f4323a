"""Fixtures every test has: ports, projects, and the guards that run around each test.

Owns no helper of its own; those are in `support.py`.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

from tests.support import (
    CHROMIUM_HINT,
    MARKER,
    PUPPETS,
    LeakWatch,
    PortClaims,
    blocking_caller,
    chromium_path,
    is_ci,
    write_project,
)


class ProjectFactory(Protocol):
    """Makes temporary project roots; see `support.write_project`."""

    def __call__(self, agents: Any = ..., environments: Any = ...) -> Path: ...


def pytest_configure() -> None:
    """Let the tests' programs notice Ctrl-C and a hangup, also where the tests were told not to.

    Both are ignored by what a script starts in the background, and by what that starts.

    No test asserts how long an example takes, or how long it takes to think of one: a machine may
    be busy.
    """
    hypothesis.settings.register_profile(
        "unhurried",
        deadline=None,
        max_examples=50,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("unhurried")
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder."""
    for item in items:
        for name in ("integration", "browser"):
            if name in item.path.parts:
                item.add_marker(name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip browser tests where there is no browser."""
    if item.get_closest_marker("browser") and chromium_path() is None:
        pytest.skip(CHROMIUM_HINT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped browser test into a failure in CI."""
    report = yield
    if report.skipped and is_ci() and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.fixture
def free_ports() -> Iterator[Callable[[], int]]:
    """Return a function that returns another free port each time; nobody else gets them."""
    with PortClaims() as claims:
        yield claims.take


@pytest.fixture
def free_port(free_ports: Callable[[], int]) -> int:
    """Return one free port."""
    return free_ports()


@pytest.fixture
def project(tmp_path: Path) -> ProjectFactory:
    """Return a function that makes a project root from the text (or mapping) of agents.yaml."""

    def make(agents: Any = "agents: {}\n", environments: Any = None) -> Path:
        return write_project(tmp_path / "project", agents, environments)

    return make


@pytest.fixture
def puppets() -> Path:
    """Return the folder of the puppet scripts."""
    return PUPPETS


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the Chromium that browser tests drive."""
    path = chromium_path()
    if path is None:
        pytest.skip(CHROMIUM_HINT)
    return path


@pytest.fixture(autouse=True)
def no_leaked_processes(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail a test that leaves processes behind. Set up first, so it looks last."""
    watch = LeakWatch(request.node.name)
    monkeypatch.setenv(MARKER, watch.marker)
    yield
    watch.assert_none()


@pytest.fixture(autouse=True)
def no_blocking_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail code of ours that sleeps, waits for a process or connects inside an event loop."""

    def guard(owner: Any, name: str, is_harmless: Callable[..., bool]) -> None:
        original = getattr(owner, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            where = None if is_harmless(*args, **kwargs) else blocking_caller()
            if where is not None:
                pytest.fail(f"{name} blocks the event loop: {where}")
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, guarded)

    guard(time, "sleep", lambda seconds: seconds == 0)
    guard(subprocess, "run", lambda *_, **__: False)
    guard(socket.socket, "connect", lambda self, *_: self.gettimeout() == 0)
    guard(
        subprocess.Popen,
        "wait",
        lambda self, timeout=None: timeout == 0 or self.returncode is not None,
    )
