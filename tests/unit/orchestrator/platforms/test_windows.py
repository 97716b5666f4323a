"""Windows' side of the seam on a fake Windows: which calls, in which order, and what is closed."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.platforms.fake_windows import DENIED, FIRST_PID, FakeWindows
from trading_dashboard.orchestrator.processes import process_tree, scanner, stopping
from trading_dashboard.orchestrator.processes.platforms import windows as module
from trading_dashboard.orchestrator.processes.platforms.kernel32 import (
    FIRST_PROCESS_IDS,
    BasicLimits,
    ExtendedLimits,
    open_kernel32,
)
from trading_dashboard.orchestrator.processes.platforms.seam import Leader
from trading_dashboard.orchestrator.processes.platforms.windows import JobLeader, WindowsPlatform
from trading_dashboard.orchestrator.processes.process_stat import ProcessStat
from trading_dashboard.orchestrator.processes.process_tree import ProcessTable, members
from trading_dashboard.orchestrator.processes.scanner import Scanner
from trading_dashboard.orchestrator.processes.stopping import Ending, Tally

STARTING = [
    "CreateJobObjectW",
    "SetInformationJobObject",
    "Popen",
    "OpenProcess",
    "AssignProcessToJobObject",
    "NtResumeProcess",
    "CloseHandle process",
]


@pytest.fixture
def fake() -> FakeWindows:
    return FakeWindows()


@pytest.fixture
def platform(fake: FakeWindows, monkeypatch: pytest.MonkeyPatch) -> WindowsPlatform:
    """Return the platform; its processes are the fake's instead of psutil's."""
    made = WindowsPlatform(fake.kernel, fake.popen)

    def read_stat(pid: int) -> ProcessStat | None:
        found = fake.processes.get(pid)
        is_there = found is not None and found.poll() is None
        return ProcessStat(pid, 7, "S", 0, 0, 0, 0, 0) if is_there else None

    monkeypatch.setattr(made, "read_stat", read_stat)
    return made


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def spawn(platform: WindowsPlatform) -> JobLeader:
    leader = platform.spawn(["x"], directory=Path(), env={}, stdout=1, stderr=2)
    assert isinstance(leader, JobLeader)
    return leader


# Starting.


def test_leader_runs_only_once_it_is_in_its_job(
    platform: WindowsPlatform, fake: FakeWindows
) -> None:
    leader = spawn(platform)
    assert fake.calls == STARTING
    process = fake.processes[leader.pid]
    assert (process.job, process.is_suspended) == (leader.job, False)
    assert process.options["creationflags"] == 0x204
    assert list(fake.open.values()) == ["job"]


@pytest.mark.parametrize("refused", ["AssignProcessToJobObject", "NtResumeProcess", "OpenProcess"])
def test_leader_that_cannot_be_confined_is_ended_and_nothing_stays_open(
    platform: WindowsPlatform, fake: FakeWindows, refused: str
) -> None:
    fake.refuse = {refused: DENIED}
    with pytest.raises(OSError, match=f"confined to a job object: {refused} failed") as caught:
        spawn(platform)
    # That would be told as a program that is not executable.
    assert not isinstance(caught.value, PermissionError)
    assert fake.processes[FIRST_PID].poll() is not None
    assert fake.open == {}
    assert platform.read_table() == ([], True)


@pytest.mark.parametrize("refused", ["Popen", "CreateJobObjectW", "SetInformationJobObject"])
def test_start_that_fails_earlier_leaves_no_handle(
    platform: WindowsPlatform, fake: FakeWindows, refused: str
) -> None:
    fake.refuse = {refused: 2}
    with pytest.raises(OSError, match=refused if refused != "Popen" else "no such program"):
        spawn(platform)
    assert fake.open == {}


# Who belongs to a tree.


def test_members_are_who_is_in_the_job(platform: WindowsPlatform, fake: FakeWindows) -> None:
    first, second = spawn(platform), spawn(platform)
    interpreter = fake.add(job=first.job)  # what a venv's launcher starts
    fake.add()  # a stranger
    snapshot = ProcessTable({found.pid: found for found in platform.read_table().rows})
    for leader, pids in ((first, {first.pid, interpreter.pid}), (second, {second.pid})):
        found = members(snapshot, session=leader.pid, is_ours=lambda _: False)
        assert set(found) == pids


def test_number_that_changed_hands_during_a_reading_is_left_out(
    platform: WindowsPlatform, fake: FakeWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = spawn(platform)
    child = fake.add(job=leader.job)
    read = platform.read_stat

    def read_late(pid: int) -> ProcessStat | None:
        if pid == child.pid:
            child.job = None  # a stranger's by now
        return read(pid)

    monkeypatch.setattr(platform, "read_stat", read_late)
    assert [found.pid for found in platform.read_table().rows] == [leader.pid]


def test_who_joins_a_job_during_a_reading_leaves_a_table_that_is_not_whole(
    platform: WindowsPlatform, fake: FakeWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = spawn(platform)
    assert platform.read_table().is_whole  # control arm: nobody joins
    read = platform.read_stat

    def read_late(pid: int) -> ProcessStat | None:
        fake.add(job=leader.job)
        return read(pid)

    monkeypatch.setattr(platform, "read_stat", read_late)
    assert not platform.read_table().is_whole


def test_large_job_is_listed_whole(platform: WindowsPlatform, fake: FakeWindows) -> None:
    leader = spawn(platform)
    for _ in range(FIRST_PROCESS_IDS * 3):
        fake.add(job=leader.job)
    assert len(platform.kernel.process_ids(leader.job)) == FIRST_PROCESS_IDS * 3 + 1


def test_job_that_cannot_be_listed_is_an_error_not_an_empty_tree(
    platform: WindowsPlatform, fake: FakeWindows
) -> None:
    spawn(platform)
    fake.refuse = {"QueryInformationJobObject": DENIED}
    with pytest.raises(PermissionError, match=r"QueryInformationJobObject.*Windows error 5"):
        platform.read_table()


# Stopping.


async def end(
    platform: WindowsPlatform, leader: Leader, pool: ThreadPoolExecutor, grace: float
) -> Tally:
    """End the leader's tree as a supervised tree does."""
    looking = Scanner(pool, 0)

    def find(snapshot: ProcessTable, seen: object) -> dict[int, ProcessStat]:
        return members(snapshot, session=leader.pid, is_ours=lambda _: False)

    tally = await Ending(looking, find, grace, leader=leader).run()
    await looking.close()
    leader.reap()
    leader.reap()
    return tally


@pytest.fixture
def on_windows(platform: WindowsPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the fake Windows below the supervision core."""
    for user in (stopping, process_tree):
        monkeypatch.setattr(user, "PLATFORM", platform)
    monkeypatch.setattr(scanner, "read_environ", platform.read_environ)


@pytest.mark.usefixtures("on_windows")
async def test_stop_asks_by_break_and_closes_each_handle_once(
    platform: WindowsPlatform, fake: FakeWindows, executor: ThreadPoolExecutor
) -> None:
    leader = spawn(platform)
    child = fake.add(job=leader.job)
    stopping_it = asyncio.create_task(end(platform, leader, executor, 30.0))
    await eventually(lambda: "GenerateConsoleCtrlEvent" in fake.calls)
    assert [fake.processes[pid].poll() for pid in (leader.pid, child.pid)] == [None, None]
    for process in (child, fake.processes[leader.pid]):
        process.end()
    tally = await stopping_it
    assert (tally.members, tally.killed) == (2, 0)
    assert "TerminateJobObject" not in fake.calls
    assert fake.open == {}
    assert fake.calls.count("CloseHandle job") == 1


@pytest.mark.usefixtures("on_windows")
async def test_who_does_not_listen_is_terminated_with_the_job(
    platform: WindowsPlatform, fake: FakeWindows, executor: ThreadPoolExecutor
) -> None:
    leader = spawn(platform)
    fake.add(job=leader.job)
    tally = await end(platform, leader, executor, 0.05)
    order = [c for c in fake.calls if c in ("GenerateConsoleCtrlEvent", "TerminateJobObject")]
    assert order[:2] == ["GenerateConsoleCtrlEvent", "TerminateJobObject"]
    assert (tally.members, tally.killed, fake.open) == (2, 2, {})


@pytest.mark.usefixtures("on_windows")
async def test_tree_that_cannot_be_asked_is_terminated_at_once(
    platform: WindowsPlatform, fake: FakeWindows, executor: ThreadPoolExecutor
) -> None:
    fake.refuse = {"GenerateConsoleCtrlEvent": 6}
    leader = spawn(platform)
    async with asyncio.timeout(10):
        tally = await end(platform, leader, executor, 3600.0)
    assert (tally.killed, fake.open) == (1, {})


@pytest.mark.usefixtures("on_windows")
async def test_job_that_cannot_be_terminated_is_terminated_one_by_one(
    platform: WindowsPlatform, fake: FakeWindows, executor: ThreadPoolExecutor
) -> None:
    fake.refuse = {"TerminateJobObject": DENIED}
    leader = spawn(platform)
    fake.add(job=leader.job)
    assert (await end(platform, leader, executor, 0.0)).killed == 2
    assert fake.calls.count("TerminateProcess") == 2
    assert fake.open == {}


def test_reaped_leader_is_not_terminated_again(
    platform: WindowsPlatform, fake: FakeWindows
) -> None:
    leader = spawn(platform)
    fake.processes[leader.pid].end()
    leader.reap()
    platform.kill_group(leader)
    assert "TerminateJobObject" not in fake.calls


def test_supervisor_that_dies_takes_its_trees_along(
    platform: WindowsPlatform, fake: FakeWindows
) -> None:
    leader = spawn(platform)
    child = fake.add(job=leader.job)
    # What Windows does when a process ends, however it ends.
    for handle in tuple(fake.open):
        fake.CloseHandle(handle)
    assert child.poll() is not None


# One process.


def test_hold_is_on_this_process_and_no_other(platform: WindowsPlatform, fake: FakeWindows) -> None:
    process = fake.add()
    assert platform.hold((process.pid, 8)) is None  # another start time
    assert platform.hold((99, 7)) is None
    assert fake.open == {}
    held = platform.hold((process.pid, 7))
    assert held is not None
    held.ask()
    held.wake()
    assert process.poll() is None
    held.kill()
    held.kill()
    assert fake.calls.count("TerminateProcess") == 1
    held.close()
    held.close()
    assert fake.open == {}


# Around it.


async def test_no_guardian_is_needed(
    platform: WindowsPlatform, executor: ThreadPoolExecutor
) -> None:
    guardian = platform.make_guardian("run", 1, Path("x"), executor, lambda _: None)
    await guardian.open()
    guardian.add(1)
    guardian.remove(1)
    assert guardian.pid is None
    await guardian.close()


def test_second_lock_is_refused(
    platform: WindowsPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[int] = []

    def lock_byte(descriptor: int) -> None:
        if locked:
            raise PermissionError(13, "Permission denied")
        locked.append(descriptor)

    monkeypatch.setattr(module, "_lock_byte", lock_byte)
    with (tmp_path / "lock").open("w+b") as file:
        assert platform.try_lock(file.fileno())
        assert not platform.try_lock(file.fileno())


def test_structures_have_windows_sizes() -> None:
    # As in winnt.h, 64 bit.
    assert (ctypes.sizeof(BasicLimits), ctypes.sizeof(ExtendedLimits)) == (64, 144)
    assert (BasicLimits.flags.offset, BasicLimits.affinity.offset) == (16, 48)


def test_elsewhere_there_is_no_kernel32() -> None:
    with pytest.raises(OSError, match=r"no kernel32\.dll"):
        open_kernel32()
