"""The guards around every test bite, and the tools do what they say."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ProjectFactory
from tests.support import ROOT, LeakWatch, PortClaims, eventually, eventually_sync


async def test_eventually_returns_the_first_truthy_result_of_either_kind() -> None:
    seen: list[int] = []

    async def later() -> int:
        seen.append(1)
        return 7 if len(seen) >= 3 else 0

    assert await eventually(later) == 7
    assert eventually_sync(lambda: seen) == [1, 1, 1]


async def test_eventually_says_what_did_not_happen() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.05 s: the tide; last result: 0"):
        await eventually(lambda: 0, 0.05, what="the tide")


def test_ports_are_never_handed_out_twice(free_ports: Callable[[], int]) -> None:
    mine = {free_ports() for _ in range(50)}
    with PortClaims() as others:
        theirs = {others.take() for _ in range(50)}
    assert len(mine) == 50
    assert not mine & theirs


def test_project_root(project: ProjectFactory) -> None:
    root = project({"agents": {"a": {"url": "http://localhost:1"}}})
    assert (root / "config/agents.yaml").read_text().startswith("agents:\n  a:\n")
    assert (root / "config/environments/development.yaml").exists()


def test_leaks_are_noticed_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = LeakWatch("inner")
    silent = [sys.executable, "-c", "import signal; signal.pause()"]
    child = subprocess.Popen(silent)
    with pytest.raises(AssertionError, match=f"left behind by the test: {child.pid} "):
        watch.assert_none(0.1)
    child.wait(5)


def test_zombies_are_leaks() -> None:
    watch = LeakWatch("inner")
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(AssertionError, match=r" zombie "):
        watch.assert_none(0.0)
    child.wait(5)


def test_daemons_are_leaks(tmp_path: Path) -> None:
    watch = LeakWatch("inner")
    daemon = (
        "import os, signal, subprocess, sys; print(subprocess.Popen([sys.executable, '-c', "
        "'import signal; signal.pause()'], start_new_session=True, stdout=-3, stderr=-3).pid)"
    )
    env = {**os.environ, "TD_TEST_MARKER": watch.marker}
    try:
        pid = subprocess.run(
            [sys.executable, "-c", daemon], env=env, capture_output=True, text=True, check=True
        ).stdout.strip()
        with pytest.raises(AssertionError, match=f"left behind by the test: {pid} "):
            watch.assert_none(0.1)
    finally:
        for survivor in watch.survivors():
            survivor.kill()


_BLOCKING = """
def sleeps(): time.sleep(0.001)
def waits(): subprocess.run([sys.executable, "-c", ""])
def connects():
    with socket.socket() as probe: probe.connect(("127.0.0.1", 9))
"""


def _code_of_ours() -> dict[str, Callable[[], None]]:
    """Return functions that look as if they were in the product."""
    namespace: dict[str, Any] = {
        "time": time,
        "subprocess": subprocess,
        "sys": sys,
        "socket": socket,
    }
    exec(compile(_BLOCKING, str(ROOT / "src/trading_dashboard/blocking.py"), "exec"), namespace)
    return namespace


@pytest.mark.parametrize("name", ["sleeps", "waits", "connects"])
async def test_code_of_ours_may_not_block_the_loop(name: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"blocks the event loop: .*/blocking\.py:\d"):
        _code_of_ours()[name]()


async def test_threads_and_tests_may_block() -> None:
    await asyncio.to_thread(_code_of_ours()["sleeps"])
    await asyncio.to_thread(_code_of_ours()["waits"])
    time.sleep(0.001)  # noqa: ASYNC251 - what the test is about
    _code_of_ours()  # a mere definition


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_without_a_browser_its_tests_skip_and_in_ci_fail(
    tmp_path: Path, ci: str, outcome: str
) -> None:
    file = tmp_path / "browser/test_page.py"
    file.parent.mkdir()
    file.write_text("def test_page(): pass")
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", str(file)],
        env={**os.environ, "CI": ci, "PATH": "", "CHROMIUM_PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout, done.stdout + done.stderr
    assert "apt-get install chromium chromium-driver" in done.stdout


async def test_an_assertion_of_an_async_predicate_means_not_yet_too() -> None:
    tries: list[int] = []

    async def third() -> str:
        tries.append(1)
        assert len(tries) == 3
        return "there"

    assert await eventually(third) == "there"
