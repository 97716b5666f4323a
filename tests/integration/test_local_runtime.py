"""LocalRuntime: starting, seeing the end, and what a user of it may rely on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.integration.process_bench import living_of_run, process_bench
from tests.support import eventually
from trading_dashboard.models.errors import AgentStartFailed, SupervisorShuttingDown
from trading_dashboard.orchestrator.processes.leader import LeaderProcess
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.runtime import Launch


async def test_started_process_runs_and_is_stopped(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("healthy")
        assert bench.runtime.poll(handle) is None
        report = await bench.runtime.stop(handle, 5)
        assert str(report.exit_status) == "signal 15 (SIGTERM)"
        assert (report.members, report.killed) == (1, 0)
        assert bench.runtime.poll(handle) == report.exit_status
        assert [status for _, status in bench.exits] == [report.exit_status]
        assert not psutil.pid_exists(handle.pid)


async def test_exit_is_reported_once_with_its_code(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("exits_at_once", "7")
        await eventually(lambda: bench.exits)
        assert [(found.pid, str(status)) for found, status in bench.exits] == [
            (handle.pid, "exit code 7")
        ]
        await bench.runtime.stop(handle, 1)
        assert len(bench.exits) == 1
        assert "cannot start: the configuration is missing" in bench.texts()


async def test_exit_is_reported_after_start_returned(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        order: list[str] = []
        launches = [
            Launch(agent="a", generation=n, command=("/bin/true",), working_directory=tmp_path)
            for n in range(1, 41)
        ]

        async def start(launch: Launch) -> None:
            name = str(launch.generation)
            handle = await bench.runtime.start(launch, lambda *_: order.append(f"exit {name}"))
            order.append(f"start {name}")
            await eventually(lambda: f"exit {name}" in order)
            await bench.runtime.stop(handle, 1)

        await asyncio.gather(*(start(launch) for launch in launches))
        assert len(order) == 80
        for launch in launches:
            name = str(launch.generation)
            assert order.index(f"start {name}") < order.index(f"exit {name}")


async def test_exit_is_reported_although_a_child_holds_the_pipe(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("holds_pipe_after_exit")
        await eventually(lambda: bench.exits)
        assert str(bench.exits[0][1]) == "exit code 4"
        report = await bench.runtime.stop(handle, 1)
        assert report.members == 1  # the child; the leader had ended
        assert not living_of_run(bench.runtime.run_id)


async def test_a_user_polling_the_process_does_not_reap_it(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("exits_after_ready")
        os.kill(handle.pid, signal.SIGUSR1)
        await eventually(lambda: handle.process.poll() is not None)
        assert handle.process.wait(timeout=0) == 5
        assert psutil.Process(handle.pid).status() == psutil.STATUS_ZOMBIE
        await eventually(lambda: bench.exits)
        assert (await bench.runtime.stop(handle, 1)).exit_status == bench.exits[0][1]
        assert handle.process.poll() == 5


def test_a_plain_popen_would_be_reaped_by_poll() -> None:
    """Control arm: this is what `LeaderProcess` protects from."""
    import subprocess

    for kind, is_kept in ((subprocess.Popen, False), (LeaderProcess, True)):
        process = kind([sys.executable, "-c", ""])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process.poll() == 0
        assert psutil.pid_exists(process.pid) == is_kept
        if isinstance(process, LeaderProcess):
            process.reap()


@pytest.mark.parametrize("is_reaped", [True, False], ids=["", "control"])
def test_the_group_of_a_leader_that_somebody_else_reaped_is_not_signalled(
    monkeypatch: pytest.MonkeyPatch, is_reaped: bool
) -> None:
    """Its number may be a stranger's: a program that uses us may wait for all its children."""
    signalled: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda *what: signalled.append(what))
    leader = LeaderProcess([sys.executable, "-c", ""], start_new_session=True)
    os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
    assert leader.poll() == 0  # seen before it was reaped
    if is_reaped:
        os.waitpid(leader.pid, 0)
    PLATFORM.ask_group(leader)
    PLATFORM.kill_group(leader)
    expected = [(leader.pid, signal.SIGTERM), (leader.pid, signal.SIGKILL)]
    assert signalled == ([] if is_reaped else expected)
    leader.reap()


@pytest.mark.parametrize(
    ("command", "directory", "problem"),
    [
        (("no-such-program",), ".", "the program 'no-such-program' was not found"),
        (("./data.txt",), ".", "is not executable"),
        (("./script",), ".", "the interpreter named in the first line"),
        ((sys.executable,), "missing", "does not exist"),
        ((sys.executable,), "data.txt", "is not a directory"),
        ((), ".", "its start command is empty"),
        ((sys.executable, "a\0b"), ".", "the system refused"),
    ],
)
async def test_what_cannot_start_says_why(
    tmp_path: Path, command: tuple[str, ...], directory: str, problem: str
) -> None:
    (tmp_path / "data.txt").write_text("no program")
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    async with process_bench(tmp_path) as bench:
        launch = Launch(
            agent="a", generation=1, command=command, working_directory=tmp_path / directory
        )
        with pytest.raises(AgentStartFailed, match="Agent 'a' could not be started") as caught:
            await bench.runtime.start(launch, bench.on_exit)
        assert problem in caught.value.message
        assert caught.value.next_step
        assert not bench.exits


async def test_cancelled_start_leaves_no_process(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        for turns in range(6):
            launch = bench.launch("never_ready")
            starting = asyncio.create_task(bench.runtime.start(launch, bench.on_exit))
            for _ in range(turns):
                await asyncio.sleep(0)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
        await eventually(lambda: not living_of_run(bench.runtime.run_id))


async def test_after_close_nothing_starts(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        await bench.start("ignores_sigterm")
        await asyncio.gather(bench.runtime.close(), bench.runtime.close())
        assert not living_of_run(bench.runtime.run_id)
        with pytest.raises(SupervisorShuttingDown):
            await bench.runtime.start(bench.launch("healthy"), bench.on_exit)


async def test_usage_counts_the_whole_tree(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("forks_children", "2")
        usage = await bench.runtime.usage(handle)
        assert usage is not None
        assert usage.processes == 3
        assert usage.memory_bytes > 0
        assert usage.cpu_percent is None

        async def measured() -> bool:
            again = await bench.runtime.usage(handle)
            return again is not None and again.cpu_percent is not None

        await eventually(measured)
        await bench.runtime.stop(handle, 1)
        assert await bench.runtime.usage(handle) is None


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_descriptors_do_not_grow_and_do_not_leak_into_agents(tmp_path: Path) -> None:
    listing = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))), 'ready')"
    async with process_bench(tmp_path) as bench:

        async def cycle() -> None:
            bench.generation += 1
            launch = Launch(
                agent="a",
                generation=bench.generation,
                command=("/bin/sleep", "60"),
                working_directory=tmp_path,
            )
            handle = await bench.runtime.start(launch, bench.on_exit)
            await bench.runtime.stop(handle, 5)

        await cycle()
        before = count_descriptors()
        for _ in range(200):
            await cycle()
        assert count_descriptors() == before
        assert len(bench.exits) == 201

        await bench.start("never_ready", agent="other")
        launch = Launch(
            agent="listing",
            generation=1,
            command=(sys.executable, "-S", "-c", listing),
            working_directory=tmp_path,
        )
        await bench.runtime.start(launch, bench.on_exit)
        await eventually(lambda: bench.texts("listing"))
        # Its standard streams, and the directory it is listing.
        assert bench.texts("listing") == ["[0, 1, 2, 3] ready"]
