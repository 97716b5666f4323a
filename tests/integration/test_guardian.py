"""The guardian: when the supervisor dies, nothing of its run is left; nobody else is touched."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.integration.process_bench import alive, is_alive, kill, living_of_run, process_bench
from tests.support import ROOT, eventually, eventually_sync
from trading_dashboard.orchestrator.processes import guardian
from trading_dashboard.orchestrator.processes.lease import read_lease
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.process_tree import RUN_ID, take_snapshot
from trading_dashboard.orchestrator.processes.run_tag import TREE_BITS, run_number

# All of them silent and deaf to TERM: who writes dies of SIGPIPE, and would prove nothing.
STUBBORN = ("ignores_sigterm", "changes_session", "double_forks", "clears_environ")
LIMIT_SECONDS = 5.0


@dataclass
class Supervised:
    """A supervisor in a process of its own, and all that it started."""

    process: subprocess.Popen[str]
    run_id: str
    guardian: psutil.Process
    directory: Path

    def processes(self) -> set[psutil.Process]:
        """Return what it started, but for the guardian."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return {child for child in children if child != self.guardian} | living_of_run(self.run_id)


@contextlib.contextmanager
def supervised(directory: Path, *puppets: str) -> Iterator[Supervised]:
    """Start a supervisor with puppets; nothing outlives the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.tiny_supervisor", str(directory), *puppets],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    run_id, everything = "", set()
    try:
        _, run_id, guardian = process.stdout.readline().split()
        everything.add(psutil.Process(int(guardian)))
        assert process.stdout.readline() == "ready\n"
        found = Supervised(process, run_id, psutil.Process(int(guardian)), directory)
        everything |= found.processes()
        yield found
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        kill(everything | (living_of_run(run_id) if run_id else set()))
        if run_id:  # who has no environment is known by the tag alone
            PLATFORM.tags.chase(lambda tag: tag >> TREE_BITS == run_number(run_id))


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, *STUBBORN) as run:
        processes = run.processes()
        assert len(processes) == 1 + 2 + 2 + 3
        run.process.kill()
        eventually_sync(lambda: not alive(processes), LIMIT_SECONDS * 3)
        eventually_sync(lambda: not is_alive(run.guardian))
        assert "supervisor died" in (tmp_path / "log" / "guardian.log").read_text()


def test_control_without_a_guardian_all_are_left(tmp_path: Path) -> None:
    with supervised(tmp_path, *STUBBORN) as run:
        processes = run.processes()
        os.kill(run.process.pid, signal.SIGSTOP)  # so that it cannot replace the guardian
        run.guardian.kill()
        run.process.kill()
        run.process.wait()
        assert alive(processes) == processes


@pytest.mark.parametrize("is_guarded", [True, False])
def test_none_of_a_hundred_that_cling_is_left(tmp_path: Path, is_guarded: bool) -> None:
    with supervised(tmp_path, *["clings"] * 100) as run:
        # The daemons are known by their tag alone, so they are counted by it.
        assert len(_tagged(run.run_id)) == 300
        if not is_guarded:  # the control arm
            os.kill(run.process.pid, signal.SIGSTOP)
            run.guardian.kill()
        run.process.kill()
        run.process.wait()
        if is_guarded:
            eventually_sync(lambda: not _tagged(run.run_id), LIMIT_SECONDS * 3)
        assert len(_tagged(run.run_id)) == (0 if is_guarded else 300)


def test_a_suspended_guardian_is_woken(tmp_path: Path) -> None:
    with supervised(tmp_path, *STUBBORN) as run:
        processes = run.processes()

        def is_suspended() -> bool:
            run.guardian.suspend()  # again if it was woken before anybody saw it
            return run.guardian.status() == psutil.STATUS_STOPPED

        eventually_sync(is_suspended, interval=0.001)
        eventually_sync(lambda: run.guardian.status() != psutil.STATUS_STOPPED)
        run.process.kill()
        eventually_sync(lambda: not alive(processes), LIMIT_SECONDS * 3)


def test_control_a_guardian_that_stays_suspended_protects_nobody(tmp_path: Path) -> None:
    with supervised(tmp_path, *STUBBORN) as run:
        processes = run.processes()
        os.kill(run.process.pid, signal.SIGSTOP)  # so that it cannot wake the guardian
        run.guardian.suspend()
        run.process.kill()
        run.process.wait()
        eventually_sync(lambda: run.guardian.status() == psutil.STATUS_STOPPED)
        assert alive(processes) == processes


@pytest.mark.parametrize("is_guarded", [True, False], ids=["", "control"])
def test_a_command_that_is_being_run_does_not_outlive_its_supervisor(
    tmp_path: Path, is_guarded: bool
) -> None:
    with supervised(tmp_path, f"hanging_check={tmp_path / 'runs'}") as run:
        processes = run.processes()
        assert len(processes) == 2  # the other one in a session of its own
        if not is_guarded:
            os.kill(run.process.pid, signal.SIGSTOP)
            run.guardian.kill()
        run.process.kill()
        if is_guarded:
            eventually_sync(lambda: not alive(processes), LIMIT_SECONDS * 3)
        else:
            run.process.wait()
            assert alive(processes) == processes


def test_the_request_to_end_comes_before_the_kill(tmp_path: Path) -> None:
    with supervised(tmp_path, "slow_stop 0.1") as run:
        processes = run.processes()
        run.process.kill()
        eventually_sync(lambda: not alive(processes))
        assert "1 processes" in (tmp_path / "log" / "guardian.log").read_text()
        eventually_sync(lambda: not is_alive(run.guardian))
        assert "0 had to be killed" in (tmp_path / "log" / "guardian.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_do_not_end_the_guardian(tmp_path: Path, number: signal.Signals) -> None:
    with supervised(tmp_path, "ignores_sigterm") as run:
        assert os.getsid(run.guardian.pid) == run.guardian.pid
        eventually_sync(lambda: _ignores(run.guardian.pid, number))
        run.guardian.send_signal(number)
        processes = run.processes()
        run.process.kill()
        eventually_sync(lambda: not alive(processes), LIMIT_SECONDS * 3)


def test_a_clean_end_sends_the_guardian_home_without_work(tmp_path: Path) -> None:
    with supervised(tmp_path, "never_ready") as run:
        run.process.terminate()
        assert run.process.wait(LIMIT_SECONDS * 3) == 0
        assert not is_alive(run.guardian)
        assert not (tmp_path / "log" / "guardian.log").exists()
        assert read_lease(tmp_path / "run" / "lease.json") is None


def test_another_run_and_unmarked_processes_are_left_alone(tmp_path: Path) -> None:
    marked = {**os.environ, RUN_ID: "another-run"}
    bystanders = [
        subprocess.Popen(["/bin/sleep", "600"], env=environ, start_new_session=True)
        for environ in (marked, dict(os.environ))
    ]
    try:
        with (
            supervised(tmp_path / "a", "never_ready") as run,
            supervised(tmp_path / "b", "never_ready") as other,
        ):
            processes, others = run.processes(), other.processes()
            run.process.kill()
            eventually_sync(lambda: not alive(processes) and not is_alive(run.guardian))
            assert alive(others) == others
            assert all(process.poll() is None for process in bystanders)
    finally:
        for process in bystanders:
            process.kill()
            process.wait()


async def test_a_guardian_that_dies_is_replaced(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        first = bench.runtime.guardian_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: bench.runtime.guardian_pid not in {None, first})
        assert bench.runtime.guardian_pid in {
            child.pid for child in psutil.Process().children() if is_alive(child)
        }


async def test_the_guardian_is_small(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        guardian = psutil.Process(bench.runtime.guardian_pid)
        await eventually(lambda: _ignores(guardian.pid, signal.SIGTERM))
        assert guardian.memory_info().rss < 12 * 1024 * 1024


def _tagged(run_id: str) -> set[int]:
    """Return the living processes that carry the run's tag."""
    number = run_number(run_id)
    found = take_snapshot().processes.values()
    return {row.pid for row in found if row.tag and row.tag >> TREE_BITS == number and row.is_alive}


def _ignores(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) >> (number - 1) & 1)


async def test_a_replacement_is_the_version_the_supervisor_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "guardian.py"
    other.write_text("raise SystemExit('of another version')\n", encoding="utf-8")
    async with process_bench(tmp_path) as bench:
        first = bench.runtime.guardian_pid
        assert first is not None
        monkeypatch.setattr(guardian, "__file__", str(other))
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: bench.runtime.guardian_pid not in (None, first))
        replacement = bench.runtime.guardian_pid
        assert replacement is not None
        # It has begun its work: the signals that end others are ignored.
        await eventually(lambda: _ignores(replacement, signal.SIGTERM))
        assert bench.runtime.guardian_pid == replacement


async def test_control_a_guardian_of_another_version_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "guardian.py"
    other.write_text("raise SystemExit('of another version')\n", encoding="utf-8")
    monkeypatch.setattr(guardian, "__file__", str(other))
    async with process_bench(tmp_path) as bench:
        await eventually(lambda: bench.runtime.guardian_pid is None)
