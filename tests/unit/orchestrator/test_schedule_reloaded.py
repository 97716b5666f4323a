"""Hours and what a person did against them, when the configuration changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.orchestrator.fakes import Desk, agent, desk
from tests.unit.orchestrator.test_schedule_rule import (
    CRON,
    MONDAY_NOON,
    SUNDAY,
    Clock,
    becomes,
    looked,
    says,
    scheduled,
)
from trading_dashboard.cli.formatting import hours_text
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import schedule_rule


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_rule, "CHECK_SECONDS", 0.02)


async def reconfigured(made: Desk, **more: Any) -> dict[str, bool]:
    """Give the agent other settings, as a reload does."""
    old = made.manager.settings
    directory = old.agents["a"].working_directory
    new = AgentSettings(**{**agent(1, **more), "name": "a", "working_directory": directory})
    return await made.manager.reconfigure(old.model_copy(update={"agents": {"a": new}}))


async def test_a_new_process_for_a_reload_undoes_no_start_by_hand(tmp_path: Path) -> None:
    clock = Clock(SUNDAY)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_agent("a")
        assert await reconfigured(made, schedule=CRON, env={"X": "2"}) == {"a": True}
        await looked(clock)
        running = await says(made, "started by hand; its hours begin Mon 08:00 UTC")
        assert (running.status, running.generation) == (AgentStatus.RUNNING, 2)


async def test_a_reload_is_no_stop_by_hand(tmp_path: Path) -> None:
    clock = Clock(MONDAY_NOON)
    finishes: dict[str, Any] = {"restart": {"final_exit_codes": [0]}}
    async with desk(tmp_path, {"a": scheduled(**finishes)}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        made.runtime.crash("a", 0)
        await becomes(made, AgentStatus.STOPPED)
        await reconfigured(made, schedule=CRON, env={"X": "2"}, **finishes)
        await looked(clock)
        assert "by hand" not in (hours_text(await says(made, "until Mon 18:00 UTC")) or "")


@pytest.mark.parametrize("is_start", [True, False])
async def test_what_a_person_did_stands_until_the_hours_of_now_begin(
    tmp_path: Path, is_start: bool
) -> None:
    clock = Clock(SUNDAY if is_start else MONDAY_NOON)
    async with desk(tmp_path, {"a": scheduled()}, clock=clock) as made:
        await made.manager.start_all_enabled_agents()
        await (made.manager.start_agent if is_start else made.manager.stop_agent)("a")
        await says(made, "Mon 08:00 UTC" if is_start else "Tue 08:00 UTC")
        sooner = {"start": "0 14 * * *", "stop": "0 15 * * *"}
        await reconfigured(made, schedule=sooner)
        if is_start:
            await says(made, "started by hand; its hours begin Sun 14:00 UTC")
        clock.now += 3 * 3600 - 60  # 14:59, within the hours of now
        assert (await becomes(made, AgentStatus.RUNNING)).is_up
        clock.now += 120
        await becomes(made, AgentStatus.STOPPED)
