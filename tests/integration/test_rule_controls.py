"""Rules of supervision that only real processes can show, each with its control arm.

The rest of them, and which test proves which rule, is named in docs/supervision.md.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.process_bench import is_alive, living_of_run, process_bench
from tests.support import PUPPETS, eventually, eventually_sync
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.processes import run_tag, upkeep
from trading_dashboard.orchestrator.processes.guardian_keeper import GuardianKeeper
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM

PIPE_BYTES = 65_536


@contextlib.contextmanager
def plain(puppet: str, *arguments: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Start a puppet as a program without any of our care would."""
    command = [sys.executable, str(PUPPETS / f"{puppet}.py"), *arguments]
    process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
        command, **{"stdout": subprocess.PIPE, **options}
    )
    family = {psutil.Process(process.pid)}
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith((b"ready", b"authorization"))
        with contextlib.suppress(psutil.Error):
            family |= set(psutil.Process(process.pid).children(recursive=True))
        yield process
    finally:
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def test_an_agent_has_its_own_session_and_no_standard_input(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("never_ready")
        assert os.getsid(handle.pid) == os.getpgid(handle.pid) == handle.pid
        assert Path(f"/proc/{handle.pid}/fd/0").readlink() == Path(os.devnull)


def test_control_a_plain_child_shares_session_and_input() -> None:
    reading, writing = os.pipe()
    with plain("never_ready", stdin=reading) as process:
        assert os.getsid(process.pid) == os.getsid(0)
        assert str(Path(f"/proc/{process.pid}/fd/0").readlink()).startswith("pipe:")
    os.close(reading)
    os.close(writing)


def test_control_who_waits_for_the_end_of_the_pipe_misses_the_exit() -> None:
    command = [sys.executable, str(PUPPETS / "holds_pipe_after_exit.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        os.set_blocking(process.stdout.fileno(), False)
        # The leader has ended; the pipe has not: there is neither a byte nor an end.
        with pytest.raises(BlockingIOError):
            os.read(process.stdout.fileno(), 1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_control_the_request_alone_does_not_end_who_ignores_it() -> None:
    with plain("ignores_sigterm") as process:
        process.terminate()
        # Answered in order: once it is suspended, it has dealt with the request.
        process.send_signal(signal.SIGSTOP)
        looked_at = psutil.Process(process.pid)
        eventually_sync(lambda: looked_at.status() == psutil.STATUS_STOPPED)
        assert is_alive(looked_at)


async def test_control_without_a_grace_nobody_gets_it(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("slow_stop", "600")
        report = await bench.runtime.stop(handle, 0)
        assert (str(report.exit_status), report.killed) == ("signal 9 (SIGKILL)", 1)


async def test_control_a_cancelled_start_that_is_not_undone_leaves_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave(*_: object) -> None:
        return

    monkeypatch.setattr(LocalRuntime, "_undo", leave)
    async with process_bench(tmp_path) as bench:
        starting = asyncio.create_task(
            bench.runtime.start(bench.launch("never_ready"), bench.on_exit)
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await eventually(lambda: living_of_run(bench.runtime.run_id))


async def test_control_a_guardian_that_is_not_replaced_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_replacement(_: GuardianKeeper) -> None:
        return

    monkeypatch.setattr(GuardianKeeper, "_replace", no_replacement)
    async with process_bench(tmp_path) as bench:
        first = bench.runtime.guardian_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: bench.runtime.guardian_pid is None)
        await bench.start("never_ready")
        assert bench.runtime.guardian_pid is None


async def test_control_a_lease_that_nobody_looks_after_stays_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOOK_SECONDS", 3600)
    async with process_bench(tmp_path) as bench:
        path = tmp_path / "var" / "run" / "lease.json"
        path.write_text("{")
        handle = await bench.start("never_ready")
        await bench.runtime.stop(handle, 1)
        assert path.read_text() == "{"


def test_control_a_pipe_that_nobody_drains_stops_its_writer() -> None:
    with plain("floods_stdout", "4", "ends", bufsize=0) as process:
        assert process.stdout is not None
        pipe, waiting = process.stdout.fileno(), array.array("i", [0])

        def is_full() -> bool:
            fcntl.ioctl(pipe, termios.FIONREAD, waiting)
            return waiting[0] > PIPE_BYTES - 4096

        eventually_sync(is_full)
        looked_at = psutil.Process(process.pid)
        eventually_sync(lambda: looked_at.status() == psutil.STATUS_SLEEPING)
        assert process.poll() is None  # it has 4 MiB to write and would have ended


def test_control_unredacted_the_secrets_are_there() -> None:
    environ = {**os.environ, "DEMO_API_KEY": "s3cr3t-value-of-the-agent"}
    with plain("writes_secrets", env=environ) as process:
        assert process.stdout is not None
        written = b"".join(iter(process.stdout.readline, b"ready\n"))
        for secret in (b"s3cr3t-value-of-the-agent", b"hunter2", b"correct-horse"):
            assert secret in written


def test_control_who_writes_a_log_in_its_own_turn_fails_with_the_disk() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space"):
            os.write(full, b"a line\n")
    finally:
        os.close(full)


async def test_nothing_else_that_is_started_gets_the_tag_of_an_agent(tmp_path: Path) -> None:
    before = PLATFORM.tags.read(os.getpid())
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("never_ready")
        assert PLATFORM.tags.read(handle.pid) is not None
        assert PLATFORM.tags.read(os.getpid()) == before
        assert bench.runtime.guardian_pid is not None
        assert PLATFORM.tags.read(bench.runtime.guardian_pid) == before


def test_control_while_tagging_every_child_gets_the_tag() -> None:
    before = PLATFORM.tags.read(os.getpid())
    with PLATFORM.tags.from_birth(run_tag.run_number("run") << run_tag.TREE_BITS):
        tagged = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        assert PLATFORM.tags.read(tagged.pid) is not None
        tagged.communicate(b"\n")
    assert PLATFORM.tags.read(os.getpid()) == before
