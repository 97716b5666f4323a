"""An agent that stays above its memory limit is restarted, and says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import FAST_RESTART, Desk, agent, becomes, desk, info
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import memory_rule, monitoring
from trading_dashboard.orchestrator.processes.memory import proportional_bytes

MIB = 2**20
LIMIT = {**FAST_RESTART, "memory_limit_bytes": 100 * MIB}


@pytest.fixture(autouse=True)
def no_spacing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_rule, "SPACING_SECONDS", 0.0)


async def measure(made: Desk, held: int) -> None:
    """Measure once, and let the agent's task take it."""
    made.runtime.memory["a"] = held
    await made.manager.sample_usage()
    await made.manager.set_maintenance("a", None)  # answered after what was posted before


async def test_two_samples_above_the_limit_restart_it(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=LIMIT)}) as made:
        await made.manager.start_agent("a")
        assert (await info(made)).memory_limit_bytes == 100 * MIB
        await measure(made, 150 * MIB)
        assert len(made.runtime.launches) == 1, "one peak is no reason"
        await measure(made, 151 * MIB)
        back = await becomes(made, AgentStatus.RUNNING)
        assert (back.generation, back.restarts) == (2, 1)
        reasons = [e.data.get("reason") for e in made.manager.events.recent()]
        assert "it holds 151 MiB, more than its limit of 100 MiB" in reasons
        assert made.runtime.stops[0][2] == 10.0, "asked to stop, not killed"


async def test_without_a_limit_nothing_happens(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        for _ in range(4):
            await measure(made, 10**12)
        assert len(made.runtime.launches) == 1


async def test_a_peak_that_is_over_counts_no_more(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart=LIMIT)}) as made:
        await made.manager.start_agent("a")
        for held in (150, 50, 150, 50, 150):
            await measure(made, held * MIB)
        assert len(made.runtime.launches) == 1


async def test_samples_of_one_moment_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_rule, "SPACING_SECONDS", 3600.0)
    async with desk(tmp_path, {"a": agent(1, restart=LIMIT)}) as made:
        await made.manager.start_agent("a")
        for _ in range(4):
            await measure(made, 150 * MIB)
        assert len(made.runtime.launches) == 1


async def test_a_limit_that_is_too_low_ends_in_an_error_with_the_remedy(tmp_path: Path) -> None:
    restart = {**LIMIT, "max_restarts": 1}
    async with desk(tmp_path, {"a": agent(1, restart=restart)}) as made:
        await made.manager.start_agent("a")
        made.runtime.memory["a"] = 150 * MIB

        async def given_up() -> bool:
            await made.manager.sample_usage()
            return (await info(made)).status is AgentStatus.ERROR

        await eventually(given_up)
        failed = await info(made)
        assert failed.error_code == "crash_loop"
        assert "150 MiB" in (failed.error_message or "")
        assert "raise the limit" in (failed.error_message or "")


async def test_agents_with_a_limit_are_measured_though_nobody_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "WATCHED_INTERVAL_SECONDS", 0.01)
    agents = {"a": agent(1, restart=LIMIT), "b": agent(2)}
    async with desk(tmp_path, agents) as made:
        made.runtime.memory = {"a": 150 * MIB, "b": 150 * MIB}
        await made.manager.start_all_enabled_agents()
        await eventually(lambda: sum(x.agent == "a" for x in made.runtime.launches) > 1)
        assert (await info(made, "b")).memory_bytes is None, "measuring what nobody asks for"


def process(proc: Path, pid: int, text: str | None) -> None:
    (proc / str(pid)).mkdir()
    if text is not None:
        (proc / str(pid) / "smaps_rollup").write_text(text, encoding="ascii")


def test_shared_pages_count_once(tmp_path: Path) -> None:
    process(tmp_path, 1, "55d0-7ffe ---p 0 00:00 0 [rollup]\nRss: 9000 kB\nPss:   3000 kB\n")
    process(tmp_path, 2, None)  # the system does not tell
    assert proportional_bytes({1: 9000 * 1024, 2: 500, 3: 700}, tmp_path) == 3000 * 1024 + 500


def test_reading_shared_pages_of_oneself() -> None:
    held = proportional_bytes({os.getpid(): 1})
    assert 1024 * 1024 < held < 2**40
