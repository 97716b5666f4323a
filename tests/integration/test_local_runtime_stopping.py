"""Ending whole trees. Each protection has a control arm: without it, the test finds survivors."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.integration.process_bench import (
    alive,
    kill,
    kill_group,
    living_of_run,
    process_bench,
    tree_of,
)
from tests.support import eventually
from trading_dashboard.orchestrator.processes.process_reference import open_reference
from trading_dashboard.orchestrator.processes.process_tree import (
    members,
    read_stat,
    take_snapshot,
)

FAMILIES = ["forks_children", "changes_session", "double_forks", "clears_environ", "keeps_forking"]


@pytest.mark.parametrize("puppet", FAMILIES)
async def test_no_member_outlives_a_stop(tmp_path: Path, puppet: str) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start(puppet)
        tree = tree_of(handle.pid) | living_of_run(bench.runtime.run_id)
        assert len(tree) > 1
        report = await bench.runtime.stop(handle, 0.2)
        assert not alive(tree)
        assert not living_of_run(bench.runtime.run_id)
        assert report.members > 1


@pytest.mark.parametrize("puppet", ["changes_session", "double_forks", "clears_environ"])
async def test_control_killing_the_group_alone_leaves_survivors(
    tmp_path: Path, puppet: str
) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start(puppet)
        tree = tree_of(handle.pid) | living_of_run(bench.runtime.run_id)
        kill_group(handle.pid)
        await eventually(lambda: bench.exits)
        survivors = alive(tree)
        kill(survivors)
        assert survivors


async def test_control_the_marker_alone_misses_who_cleared_the_environment(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("clears_environ")
        tree = tree_of(handle.pid)
        assert len(tree) == 3
        assert len(living_of_run(bench.runtime.run_id)) == 1
        found = members(take_snapshot(), session=handle.pid, is_ours=lambda _: False)
        assert found.keys() == {process.pid for process in tree}


async def test_who_ignores_the_request_is_killed_after_the_grace(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("ignores_sigterm")
        os.kill(handle.pid, signal.SIGTERM)  # control arm: the request alone does nothing
        report = await bench.runtime.stop(handle, 0.2)
        assert str(report.exit_status) == "signal 9 (SIGKILL)"
        assert report.killed == 1
        assert report.seconds >= 0.2


async def test_who_needs_time_to_stop_gets_it(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("slow_stop", "0.3")
        report = await bench.runtime.stop(handle, 10)
        assert (str(report.exit_status), report.killed) == ("exit code 0", 0)
        assert bench.texts()[-1] == "stopped"


async def test_who_is_suspended_is_woken_to_stop(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("slow_stop", "0")
        os.kill(handle.pid, signal.SIGSTOP)
        report = await bench.runtime.stop(handle, 10)
        assert (str(report.exit_status), report.killed) == ("exit code 0", 0)


async def test_second_stop_shortens_the_first(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("slow_stop", "600")
        patient = asyncio.create_task(bench.runtime.stop(handle, 600))
        await eventually(lambda: "stopping" in bench.texts())
        report = await bench.runtime.stop(handle, 0)
        assert report.killed == 1
        assert report == await patient


async def test_cancelled_stop_goes_on(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("slow_stop", "600")
        stopping = asyncio.create_task(bench.runtime.stop(handle, 600))
        await eventually(lambda: "stopping" in bench.texts())
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        os.kill(handle.pid, signal.SIGUSR1)
        await eventually(lambda: bench.exits)
        assert str((await bench.runtime.stop(handle, 10)).exit_status) == "exit code 0"


async def test_leader_keeps_its_number_until_the_tree_is_gone(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("holds_pipe_after_exit")
        await eventually(lambda: bench.exits)
        leader = read_stat(handle.pid)
        assert leader is not None
        assert leader.state == "Z"
        await bench.runtime.stop(handle, 1)
        assert read_stat(handle.pid) is None


async def test_a_recycled_pid_is_never_held(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        handle = await bench.start("never_ready")
        process = read_stat(handle.pid)
        assert process is not None
        # Control arm: the right start time is held.
        reference = open_reference(process.identity)
        assert reference is not None
        reference.close()
        assert open_reference((handle.pid, process.start_ticks - 1)) is None


async def test_stopping_one_agent_leaves_the_others(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        kept = await bench.start("changes_session", agent="kept")
        kept_tree = tree_of(kept.pid)
        handle = await bench.start("changes_session")
        await bench.runtime.stop(handle, 0.1)
        assert alive(kept_tree) == kept_tree


async def test_close_ends_all_at_once(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        for number in range(5):
            await bench.start("slow_stop", "0.2", agent=f"slow{number}")
        run_id = bench.runtime.run_id
        await bench.runtime.close()
        assert not living_of_run(run_id)
        assert {str(status) for _, status in bench.exits} == {"exit code 0"}
