"""Exit codes after which a restart does not help."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support import eventually
from tests.unit.orchestrator.fakes import FAST_RESTART, SILENT, agent, becomes, desk, info
from trading_dashboard.models.states import AgentStatus

FINAL = {**FAST_RESTART, "final_exit_codes": [0, 78]}


async def test_code_0_is_finished_and_no_failure(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=FINAL)}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a", 0)
        done = await becomes(made, AgentStatus.STOPPED)
        assert (done.error_message, done.last_exit) == (None, "exit code 0")
        assert len(made.runtime.launches) == 1
        assert await made.manager.start_agent("a"), "a person can start it again"


async def test_another_final_code_is_an_error_with_the_next_step(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=FINAL)}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a", 78)
        failed = await becomes(made, AgentStatus.ERROR)
        message = failed.error_message or ""
        assert "exited with code 78 after" in message
        assert "code 78 is one of agents.a.restart.final_exit_codes" in message
        assert "Mend the cause, then start it again" in message
        assert len(made.runtime.launches) == 1


async def test_other_codes_and_signals_restart_as_ever(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=FINAL)}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a", 1)
        await eventually(lambda: len(made.runtime.launches) == 2)
        made.runtime.crash("a", -9)
        await eventually(lambda: len(made.runtime.launches) == 3)


async def test_unless_configured_every_code_restarts(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a", 0)
        await eventually(lambda: len(made.runtime.launches) == 2)


async def test_a_start_that_ends_with_a_final_code_is_answered(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=FINAL)}) as made:
        made.prober.default = SILENT
        starting = asyncio.create_task(made.manager.start_agent("a"))
        await eventually(lambda: made.runtime.processes)
        made.runtime.crash("a", 0)
        assert not await starting
        assert (await info(made)).status is AgentStatus.STOPPED
