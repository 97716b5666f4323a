"""The lease: one supervisor per project, and the next one cleans up after a dead one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.integration.process_bench import alive, living_of_run, process_bench
from tests.integration.test_guardian import STUBBORN, supervised
from tests.support import eventually
from trading_dashboard.models.errors import AlreadySupervised
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.processes.lease import (
    Lease,
    ProjectLease,
    boot_id,
    read_lease,
)
from trading_dashboard.orchestrator.processes.platforms import linux_names
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.process_tree import (
    RUN_ID,
    STATE_DIRECTORY,
    own_start_ticks,
)
from trading_dashboard.orchestrator.runtime import PortOwner


async def test_lease_says_who_runs_the_project_and_where(tmp_path: Path) -> None:
    path = tmp_path / "var" / "run" / "lease.json"
    async with process_bench(tmp_path) as bench:
        bench.runtime.update_lease(control_url="http://127.0.0.1:1", dashboard_url="http://x")
        lease = read_lease(path)
        assert lease is not None
        assert (lease.run_id, lease.pid) == (bench.runtime.run_id, os.getpid())
        assert (lease.start_ticks, lease.boot_id) == (own_start_ticks(), boot_id())
        assert lease.control_url == "http://127.0.0.1:1"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()


async def test_second_supervisor_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("never_ready")
        bench.runtime.update_lease(dashboard_url="http://localhost:8501")
        second = LocalRuntime(tmp_path / "var")
        with pytest.raises(AlreadySupervised, match=rf"pid {os.getpid()}.*localhost:8501"):
            await second.open()
        await second.close()
        assert bench.runtime.poll(handle) is None
        assert read_lease(tmp_path / "var" / "run" / "lease.json") is not None


async def test_project_can_be_claimed_again_after_a_clean_end(tmp_path: Path) -> None:
    for _ in range(3):
        async with process_bench(tmp_path) as bench:
            await bench.start("never_ready")


async def test_when_supervisor_and_guardian_both_die_the_next_start_cleans_up(
    tmp_path: Path,
) -> None:
    with supervised(tmp_path / "var", *STUBBORN) as run:
        processes = run.processes()
        os.kill(run.process.pid, signal.SIGSTOP)
        run.guardian.kill()
        run.process.kill()
        run.process.wait()
        # Control arm: up to here nothing has ended them.
        assert alive(processes) == processes
        async with process_bench(tmp_path):
            assert not living_of_run(run.run_id)
            assert not alive(processes)


@pytest.mark.parametrize(
    ("state_directory", "run_id"), [("/somewhere/else/var", "old"), (None, None)]
)
async def test_who_is_not_provably_ours_is_left_alone(
    tmp_path: Path, state_directory: str | None, run_id: str | None
) -> None:
    environ = dict(os.environ)
    if state_directory is not None and run_id is not None:
        environ |= {STATE_DIRECTORY: state_directory, RUN_ID: run_id}
    bystander = sleeper(environ)
    try:
        _write_dead_lease(tmp_path / "var", bystander.pid, run_id or "old")
        async with process_bench(tmp_path) as bench:
            owner = PortOwner(port=1, pid=bystander.pid, command=None, is_leftover=True)
            assert not await bench.runtime.remove_leftover(owner)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


async def test_leftover_is_removed_on_request(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        state = str(bench.runtime.state_directory)
        leftover = sleeper({**os.environ, STATE_DIRECTORY: state, RUN_ID: "old"})
        try:
            # Just after an exec the kernel shows no environment yet; a real leftover is older.
            await eventually(lambda: psutil.Process(leftover.pid).environ().get(RUN_ID) == "old")
            owner = PortOwner(port=1, pid=leftover.pid, command=None, is_leftover=False)
            assert await bench.runtime.remove_leftover(owner)
            assert psutil.Process(leftover.pid).status() == psutil.STATUS_ZOMBIE
        finally:
            leftover.kill()
            leftover.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"run_id": 1}', "\x00"])
async def test_a_damaged_lease_does_not_stop_a_start(tmp_path: Path, content: str) -> None:
    run = tmp_path / "var" / "run"
    run.mkdir(parents=True)
    (run / "lease.json").write_text(content)
    async with process_bench(tmp_path):
        assert read_lease(run / "lease.json") is not None


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"pid": "x"}'])
async def test_a_lease_damaged_while_it_runs_is_written_again(
    tmp_path: Path, content: str | None
) -> None:
    async with process_bench(tmp_path) as bench:
        bench.runtime.update_lease(control_url="http://127.0.0.1:1")
        path = tmp_path / "var" / "run" / "lease.json"
        before = read_lease(path)
        path.unlink()
        if content is not None:
            path.write_text(content)
        assert read_lease(path) is None
        assert before is not None
        await eventually(lambda: read_lease(path) == before)


async def test_without_its_lock_file_the_project_still_has_one_supervisor(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        run = tmp_path / "var" / "run"
        (run / "lock").unlink()
        # Control arm: the lock alone, made anew, would let a second one in.
        with (run / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert _claim_elsewhere(run).returncode != 0
        await eventually(lambda: _is_locked(run / "lock"), what="it is locked again")
        (run / "lease.json").unlink()
        assert _claim_elsewhere(run).returncode != 0
        await eventually(lambda: read_lease(run / "lease.json") is not None)
        handle = await bench.start("never_ready")
        assert bench.runtime.poll(handle) is None


async def test_without_any_of_its_files_the_project_still_has_one_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by `rm -rf var`: nothing that is left on the disk tells of the first one."""
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("never_ready")
        # From here on nobody makes lock and lease again.
        monkeypatch.setattr(ProjectLease, "mend", lambda _: None)
        shutil.rmtree(tmp_path / "var" / "run")
        second = LocalRuntime(tmp_path / "var")
        with pytest.raises(AlreadySupervised, match=rf"pid {os.getpid()}\b"):
            await second.open()
        assert bench.runtime.poll(handle) is None
        # Control arm: without a name in the kernel the second one gets in.
        monkeypatch.setattr(PLATFORM, "take_name", lambda _: None)
        lease = ProjectLease(tmp_path / "var" / "run")
        lease.claim("second")
        lease.release()


@pytest.mark.parametrize("listens", [True, False])
def test_a_stranger_on_the_name_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as squatter:
        squatter.bind(linux_names._name(folder))
        if listens:
            squatter.listen()
            assert linux_names.take_name(folder) == os.getpid()  # control arm: one of us
            monkeypatch.setattr(os, "geteuid", lambda: 4711)
            monkeypatch.setattr(linux_names, "_ask", lambda _: (os.getpid(), 4712))
        lease = ProjectLease(folder)
        lease.claim("x")
        lease.release()


def _is_locked(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _claim_elsewhere(run: Path) -> subprocess.CompletedProcess[bytes]:
    code = (
        "import sys, pathlib\n"
        "from trading_dashboard.orchestrator.processes.lease import ProjectLease\n"
        "ProjectLease(pathlib.Path(sys.argv[1])).claim('x')\n"
    )
    command = [sys.executable, "-c", code, str(run)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environ, capture_output=True, check=False, timeout=60)


def test_lock_ends_with_its_holder_whatever_happens(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from trading_dashboard.orchestrator.processes.lease import ProjectLease\n"
        "lease = ProjectLease(pathlib.Path(sys.argv[1])); lease.claim('x'); lease.publish()\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        with pytest.raises(AlreadySupervised):
            ProjectLease(tmp_path).claim("y")
        holder.kill()
        holder.wait()
    lease = ProjectLease(tmp_path)
    lease.claim("y")
    assert lease.previous is not None
    assert lease.previous.run_id == "x"
    lease.release()


def sleeper(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "600"], env=environ)


def _write_dead_lease(state_directory: Path, pid: int, run_id: str) -> None:
    run = state_directory / "run"
    run.mkdir(parents=True)
    lease = Lease(
        run_id=run_id, pid=pid, start_ticks=1, boot_id=boot_id(), started_at="2026-01-01T00:00:00Z"
    )
    fields = {name: getattr(lease, name) for name in Lease.__dataclass_fields__}
    (run / "lease.json").write_text(json.dumps(fields))


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff", b'{"run_id": 1}', b"[" * 100_000])
def test_a_lease_that_makes_no_sense_is_none(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "lease.json"
    path.write_bytes(junk)
    assert read_lease(path) is None
