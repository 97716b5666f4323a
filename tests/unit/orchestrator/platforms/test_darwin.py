"""macOS' side of the seam. What it needs is POSIX, so here it runs with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.support import eventually
from trading_dashboard.orchestrator.processes.platforms import darwin as module
from trading_dashboard.orchestrator.processes.platforms.darwin import (
    UNKNOWN_RETURNCODE,
    CollectedLeader,
    LookingReference,
)
from trading_dashboard.orchestrator.processes.platforms.waiting_thread import WaitingThread
from trading_dashboard.orchestrator.processes.process_stat import ProcessStat
from trading_dashboard.orchestrator.runtime import ExitStatus

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
EXITS_3 = [sys.executable, "-c", "raise SystemExit(3)"]


class FakeLeader:
    """A leader that ends when it is told to."""

    pid = 4711
    is_reaped = False

    def __init__(self) -> None:
        self.ended = threading.Event()

    def poll(self) -> int | None:
        return 7 if self.ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        assert self.ended.wait(10)
        return 7

    def reap(self) -> None:
        self.is_reaped = True


# The waiting thread.


async def test_end_is_reported_once_on_the_loop() -> None:
    leader, reports = FakeLeader(), list[tuple[ExitStatus, bool]]()
    main = threading.current_thread()
    watch = WaitingThread(
        leader, lambda status: reports.append((status, threading.current_thread() is main))
    )
    await asyncio.sleep(0)
    assert reports == []
    leader.ended.set()
    await eventually(lambda: reports)
    watch._report(7)
    assert reports == [(ExitStatus(7), True)]


async def test_closed_watch_reports_nothing() -> None:
    leader, reports = FakeLeader(), list[ExitStatus]()
    watch = WaitingThread(leader, reports.append)
    watch.close()
    leader.ended.set()
    await eventually(lambda: not [t for t in threading.enumerate() if t.name == "wait-4711"])
    await asyncio.sleep(0)
    assert reports == []


def test_end_after_the_loop_is_nobodys_business() -> None:
    leader = FakeLeader()

    async def watch() -> None:
        WaitingThread(leader, lambda _: None)

    asyncio.run(watch())
    leader.ended.set()  # an exception in the thread would fail the test
    for thread in threading.enumerate():
        if thread.name == "wait-4711":
            thread.join(10)


# The leader.


async def test_who_looks_while_another_waits_never_makes_up_an_exit_code() -> None:
    leader = CollectedLeader(EXITS_3)
    reports: list[ExitStatus] = []
    WaitingThread(leader, reports.append)
    seen = set()
    while not reports:
        seen.add(leader.poll())
        await asyncio.sleep(0)
    assert reports == [ExitStatus(3)]
    assert seen <= {None, 3}
    assert leader.is_reaped


def test_wait_and_reap_tell_the_same_as_popen() -> None:
    leader = CollectedLeader(SLEEPS)
    assert leader.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        leader.wait(0.01)
    assert not leader.is_reaped
    os.kill(leader.pid, signal.SIGKILL)
    assert leader.wait() == -signal.SIGKILL
    leader.reap()
    assert (leader.poll(), leader.wait(0.0)) == (-signal.SIGKILL, -signal.SIGKILL)


def test_child_reaped_by_somebody_else_ends_all_the_same() -> None:
    leader = CollectedLeader(EXITS_3)
    os.waitpid(leader.pid, 0)
    assert leader.wait() == UNKNOWN_RETURNCODE


def test_group_of_a_reaped_leader_is_not_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda *call: sent.append(call))
    platform, leader = module.open_platform(), FakeLeader()
    assert platform.ask_group(leader)
    platform.kill_group(leader)
    assert sent == [(4711, signal.SIGTERM), (4711, signal.SIGKILL)]
    leader.reap()
    platform.ask_group(leader)
    platform.kill_group(leader)
    assert len(sent) == 2


# One process.


async def test_process_is_known_by_pid_and_start_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *call: sent.append(call))
    rows = {5: ProcessStat(5, 100, "S", 1, 5, 5, 0, 0)}
    reference, ended = LookingReference((5, 100), rows.get), list[bool]()
    reference.watch(lambda: ended.append(True))
    reference.ask()
    reference.wake()
    assert sent == [(5, signal.SIGTERM), (5, signal.SIGCONT)]
    assert ended == []
    rows[5] = rows[5]._replace(start_ticks=101)  # the number is a stranger's now
    reference.kill()
    await eventually(lambda: ended)
    assert len(sent) == 2
    reference.close()


async def test_closed_hold_reports_nothing() -> None:
    ended: list[bool] = []
    reference = LookingReference((5, 100), lambda _: None)
    reference.watch(lambda: ended.append(True))
    reference.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ended == []


def test_psutil_tells_the_same_process_alike_each_time() -> None:
    platform, own = module.open_platform(), os.getpid()
    first = platform.read_stat(own)
    assert first is not None
    second = {found.pid: found for found in platform.read_table().rows}[own]
    assert (first.identity, first.parent, first.session) == (
        second.identity,
        os.getppid(),
        os.getsid(0),
    )
    assert platform.hold(first.identity) is not None
    assert platform.hold((own, first.start_ticks + 1)) is None
    assert b"PATH=" in (platform.read_environ(own) or b"")
