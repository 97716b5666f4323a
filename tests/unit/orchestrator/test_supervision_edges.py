"""Moments in which two things happen at once, on a runtime without processes."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import DEGRADED, HEALTHY, SILENT, agent, becomes, desk, info
from trading_dashboard.models.errors import AgentStartFailed
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.runtime import ExitStatus, PortOwner

STRANGER = PortOwner(port=1, pid=77, command="debugger", is_leftover=False)


async def test_a_start_that_took_too_long_says_why_when_it_returns(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, startup_timeout=0.2)}) as made:
        made.prober.default = SILENT
        made.runtime.stop_gate = asyncio.Event()  # its process takes its time to end
        assert not await asyncio.wait_for(made.manager.start_agent("a"), 20)
        late = await info(made)
        assert late.status is AgentStatus.STOPPING
        assert "was not healthy 0.2 s after its start" in (late.error_message or "")


async def test_each_start_has_its_own_deadline(tmp_path: Path) -> None:
    agents = {"a": agent(1, startup_timeout=0.2), "b": agent(2, startup_timeout=600)}
    async with desk(tmp_path, agents) as made:
        made.prober.outcomes[1] = SILENT
        results = await asyncio.wait_for(made.manager.start_all_enabled_agents(), 20)
        assert results == {"a": False, "b": True}
        assert (await info(made)).status is not AgentStatus.ERROR


async def test_a_desk_that_ends_while_it_adopts_ends_all_the_same(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "b": agent(2)}) as made:
        made.runtime.ports[1] = STRANGER
        asked, answer = asyncio.Event(), asyncio.Event()
        probe = made.prober.probe

        async def slow(url: str, timeout_seconds: float) -> ProbeOutcome:
            asked.set()
            await answer.wait()
            return await probe(url, timeout_seconds)

        with patch.object(made.prober, "probe", slow):
            starting = asyncio.create_task(made.manager.start_all_enabled_agents())
            await asked.wait()
            closing = asyncio.create_task(made.manager.aclose())
            await asyncio.sleep(0)
            answer.set()
            await closing
        await starting
        assert not made.runtime.is_open
        assert made.runtime.processes == {}


async def test_a_start_prevented_by_the_disk_fails_instead_of_waiting(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        run = made.manager.settings.state_directory / "run"
        run.mkdir(parents=True)
        (run / "agents").write_text("a file where a folder should be")
        with pytest.raises(OSError, match="agents"):
            await asyncio.wait_for(made.manager.start_agent("a"), 20)
        assert not made.runtime.is_open
        (run / "agents").unlink()
        assert await made.manager.start_agent("a")


async def test_news_of_a_dependency_never_disturb_a_start(tmp_path: Path) -> None:
    agents = {"a": agent(1, restart={"policy": "never"}), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_agent("b"))
        await eventually(lambda: "a" in made.runtime.processes)
        made.runtime.crash("a")
        assert not await starting
        assert (await info(made, "b")).error_code == "dependency_unavailable"
        made.prober.outcomes[1] = HEALTHY
        assert await made.manager.start_agent("a")
        await eventually(lambda: "b" in made.runtime.processes)
        assert (await info(made, "b")).error_message is None
        made.prober.outcomes[1] = DEGRADED

        async def is_degraded() -> bool:
            return (await info(made)).health_message is not None

        await eventually(is_degraded)
        made.prober.outcomes[2] = HEALTHY
        assert (await becomes(made, AgentStatus.RUNNING, "b")).generation == 1


async def test_restarts_of_a_waiting_agent_are_answered_by_its_start(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1), "b": agent(2, depends_on=["a"])}) as made:
        made.prober.outcomes[1] = SILENT
        asked = [asyncio.create_task(made.manager.start_agent("b"))]
        await eventually(lambda: "a" in made.runtime.processes)
        asked += [asyncio.create_task(made.manager.restart_agent("b")) for _ in range(3)]
        await asyncio.sleep(0)
        made.prober.outcomes[1] = HEALTHY
        assert await asyncio.gather(*asked) == [True] * 4
        assert [launch.agent for launch in made.runtime.launches] == ["a", "b"]


async def test_a_less_patient_stop_shortens_the_one_under_way(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.stop_gate = asyncio.Event()
        patient = asyncio.create_task(made.manager.stop_agent("a", 600))
        await becomes(made, AgentStatus.STOPPING)
        impatient = asyncio.create_task(made.manager.stop_agent("a", 0))
        await eventually(lambda: ("a", 1, 0) in made.runtime.stops)
        made.runtime.stop_gate.set()
        assert await patient
        assert await impatient


@pytest.mark.parametrize("verb", ["stop", "start"])
async def test_a_tree_that_could_not_be_ended_is_not_forgotten(tmp_path: Path, verb: str) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.stop_error = RuntimeError("boom")
        assert not await made.manager.stop_agent("a")
        made.runtime.stop_error = None
        if verb == "stop":
            assert await made.manager.stop_agent("a")
            assert made.runtime.processes == {}, "stopped, it says, while a process lives"
        else:
            # FakeRuntime.start asserts that no other generation lives.
            assert await made.manager.start_agent("a")


async def test_the_end_of_a_tree_that_could_not_be_ended_is_no_new_error(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.stop_error = RuntimeError("boom")
        assert not await made.manager.stop_agent("a")
        made.runtime.stop_error = None
        made.runtime.crash("a")
        await eventually(lambda: not made.runtime.processes)
        assert "RuntimeError: boom" in ((await info(made)).error_message or "")


async def test_dependents_do_not_wait_for_an_external_agent_that_left(tmp_path: Path) -> None:
    agents = {"a": agent(1, failure_threshold=1), "b": agent(2, depends_on=["a"])}
    async with desk(tmp_path, agents) as made:
        made.runtime.ports[1] = STRANGER
        assert await made.manager.start_agent("b")
        made.prober.outcomes[1] = SILENT
        await becomes(made, AgentStatus.STOPPED)
        assert not await asyncio.wait_for(made.manager.restart_agent("b"), 20)
        assert (await info(made, "b")).error_code == "dependency_unavailable"


async def test_requests_that_come_too_late_are_refused(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        closing_began, closed, close = asyncio.Event(), asyncio.Event(), made.runtime.close

        async def slow() -> None:
            closing_began.set()
            await closed.wait()
            await close()

        with patch.object(made.runtime, "close", slow):
            closing = asyncio.create_task(made.manager.aclose())
            await closing_began.wait()
            assert not made.runtime.processes
            assert not await asyncio.wait_for(made.manager.stop_agent("a"), 20)
            closed.set()
            await closing


async def test_a_cancelled_close_can_be_taken_up_again(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.stop_gate = asyncio.Event()
        closing = asyncio.create_task(made.manager.aclose())
        await becomes(made, AgentStatus.STOPPING)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        made.runtime.stop_gate.set()
        await made.manager.aclose()
        assert not made.runtime.is_open


async def test_a_stopped_agent_shows_nothing_of_its_process(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        never_started = await info(made)
        await made.manager.start_agent("a")
        await made.manager.stop_agent("a")
        history = {"generation", "last_exit", "last_health_check"}
        assert (await info(made)).model_dump(exclude=history) == never_started.model_dump(
            exclude=history
        )


async def test_somebody_else_answering_on_the_port_is_never_taken_for_the_agent(
    tmp_path: Path,
) -> None:
    agents = {"a": agent(1, restart={"policy": "never"})}
    async with desk(tmp_path, agents) as made:
        made.runtime.rivals[1] = STRANGER
        assert not await made.manager.start_agent("a")
        failed = await info(made)
        assert (failed.status, failed.error_code) == (AgentStatus.ERROR, "port_in_use")
        assert "pid 77 (debugger) answers on port 1 in its place" in (failed.error_message or "")
        assert made.runtime.processes == {}


async def test_an_answer_that_outlives_its_process_does_not_count(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart={"policy": "never"})}) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await eventually(lambda: "a" in made.runtime.processes)
        process = made.runtime.processes["a"]
        process.exit_status = ExitStatus(1)  # ended, but not reported yet
        made.prober.default = HEALTHY
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 1)
        assert (await info(made)).status is AgentStatus.STARTING
        process.on_exit(process.handle, process.exit_status)
        assert not await starting


async def test_a_prober_that_fails_never_leaves_an_agent_looking_healthy(tmp_path: Path) -> None:
    agents = {"a": agent(1, failure_threshold=2, restart={"when_unhealthy": False})}
    async with desk(tmp_path, agents) as made:
        assert await made.manager.start_agent("a")
        with patch.object(made.prober, "probe", side_effect=RuntimeError("boom")):

            async def is_unhealthy() -> bool:
                return (await info(made)).health is Health.UNHEALTHY

            await eventually(is_unhealthy)
            assert "RuntimeError: boom" in ((await info(made)).health_message or "")
        await eventually(lambda: made.prober.asked > 1)


async def test_a_start_that_lacked_something_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    restart = {"max_restarts": 1000, "first_delay_seconds": 0.01, "max_delay_seconds": 0.01}
    async with desk(tmp_path, {"a": agent(1, restart=restart)}) as made:
        error = AgentStartFailed("No process could be started.")
        error.__cause__ = OSError(errno.EAGAIN, "Resource temporarily unavailable")
        made.runtime.start_error = error
        starting = asyncio.create_task(made.manager.start_agent("a"))

        async def tries_again() -> bool:
            return (await info(made)).restarts > 0

        await eventually(tries_again)
        made.runtime.start_error = None
        assert await starting


async def test_a_stop_does_not_wait_for_whoever_holds_the_port(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        made.runtime.ports[1] = STRANGER
        asked = asyncio.Event()

        async def hangs(url: str, timeout_seconds: float) -> ProbeOutcome:
            asked.set()
            await asyncio.sleep(600)
            return SILENT

        with patch.object(made.prober, "probe", hangs):
            starting = asyncio.create_task(made.manager.start_agent("a"))
            await asked.wait()
            assert await asyncio.wait_for(made.manager.stop_agent("a"), 20)
            assert not await starting
            assert (await info(made)).status is AgentStatus.STOPPED
        made.runtime.ports.clear()
        assert await made.manager.start_agent("a")
