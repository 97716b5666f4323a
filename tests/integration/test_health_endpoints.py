"""Health endpoints that misbehave in every way, asked of real processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.integration.probe_bench import Tell, checked_again, probe, teller, told
from tests.integration.test_agent_manager import becomes, info, manager, stranger
from tests.support import PUPPETS, eventually
from trading_dashboard.models.agents import ProbeRole
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Health, Management
from trading_dashboard.orchestrator.local_runtime import LocalRuntime


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Return a function that says how the agent answers from now on."""
    return teller(tmp_path)


BAD = {
    "503": "/health answered 503",
    "redirect": "/health answered 302",
    "late": "no answer within 0.4 s",
    "hang": "no answer within 0.4 s",
    "drip": "no answer within 0.4 s",
    "garbage": "the answer was not HTTP",
    "break": "the answer was not HTTP",
}


@pytest.mark.parametrize("word", BAD)
async def test_no_bad_answer_starts_an_agent(
    tmp_path: Path, free_port: int, tell: Tell, word: str
) -> None:
    tell(word, elsewhere="200")
    agent = told(tmp_path, free_port, startup_timeout=1.5, restart={"max_restarts": 0})
    async with manager(tmp_path, {"a": agent}) as made:
        assert not await made.start_agent("a")
        failed = await becomes(made, lambda i: i.status is AgentStatus.ERROR)
    assert BAD[word] in (failed.error_message or "")


async def test_a_body_without_end_is_a_good_answer_once_enough_was_read(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    tell("huge")
    async with manager(tmp_path, {"a": told(tmp_path, free_port)}) as made:
        assert await made.start_agent("a")
        assert (await checked_again(made, ProbeRole.LIVENESS)).health is Health.HEALTHY


APART = {"readiness": {"path": "/ready"}, "liveness": {"path": "/live"}}


@pytest.mark.parametrize("word", ["503", "hang", "garbage", "redirect"])
async def test_readiness_that_fails_for_ever_never_restarts(
    tmp_path: Path, free_port: int, tell: Tell, word: str
) -> None:
    agents = {"a": told(tmp_path, free_port, probes=APART)}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        tell(ready=word)
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        unready = await checked_again(made, ProbeRole.READINESS)
        assert (unready.status, unready.generation) == (AgentStatus.RUNNING, 1)
        assert not unready.is_up
        assert probe(unready, ProbeRole.READINESS).is_passing is False
        assert probe(unready, ProbeRole.LIVENESS).is_passing is True
        tell()
        await becomes(made, lambda i: i.is_up and i.generation == 1)


@pytest.mark.parametrize("word", ["503", "hang", "garbage", "redirect"])
async def test_control_the_same_failure_of_liveness_restarts(
    tmp_path: Path, free_port: int, tell: Tell, word: str
) -> None:
    agents = {"a": told(tmp_path, free_port, probes=APART)}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        tell(live=word)
        await becomes(made, lambda i: i.generation > 1)
        tell()
        await becomes(made, lambda i: i.is_up)
        changes = [e.data for e in made.events.recent() if e.kind is EventKind.PROBE_CHANGED]
    assert ("liveness", "failing") in [(data["role"], data["to"]) for data in changes]


@pytest.mark.parametrize(
    ("liveness", "is_restarted"),
    [({}, False), ({"expected_status": ["200-299"]}, True)],
    ids=["of_itself", "control_of_its_dependencies"],
)
async def test_liveness_does_not_ask_for_dependencies(
    tmp_path: Path, free_port: int, tell: Tell, liveness: dict[str, Any], is_restarted: bool
) -> None:
    agents = {"a": told(tmp_path, free_port, probes={"liveness": liveness})}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        tell("503")  # what it depends on is away
        await becomes(made, lambda i: i.health is Health.UNHEALTHY or i.generation > 1)
        if is_restarted:
            await becomes(made, lambda i: i.generation > 1)
        else:
            found = await checked_again(made, ProbeRole.LIVENESS)
            assert (found.generation, found.status) == (1, AgentStatus.RUNNING)


@pytest.mark.parametrize(("threshold", "is_noticed"), [(2, False), (1, True)], ids=["", "control"])
async def test_flapping_below_the_threshold_changes_nothing(
    tmp_path: Path, free_port: int, tell: Tell, threshold: int, is_noticed: bool
) -> None:
    agents = {"a": told(tmp_path, free_port, failure_threshold=threshold)}
    async with manager(tmp_path, agents) as made:
        await made.start_agent("a")
        tell("flap")
        if is_noticed:
            await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        else:
            await checked_again(made, ProbeRole.READINESS, 8)
            kinds = [event.kind for event in made.events.recent()]
            assert EventKind.HEALTH_CHANGED not in kinds
            assert EventKind.PROBE_CHANGED not in kinds


async def test_one_good_answer_among_bad_ones_heals_nothing(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    agents = {"a": told(tmp_path, free_port, failure_threshold=1, success_threshold=2)}
    async with manager(tmp_path, agents) as made:
        await made.start_agent("a")
        tell("flap")
        await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        found = await checked_again(made, ProbeRole.READINESS, 8)
        assert found.health is Health.UNHEALTHY
        tell()
        await becomes(made, lambda i: i.health is Health.HEALTHY)


async def test_status_and_body_are_as_expected_or_it_is_not_ready(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    ready = {"path": "/ready", "expected_status": [200, "401-403"], "expected_body": "all well"}
    agents = {"a": told(tmp_path, free_port, probes={"readiness": ready})}
    async with manager(tmp_path, agents) as made:
        tell(ready="say so far all well")
        assert await made.start_agent("a")
        tell(ready="say All Well")
        unwell = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert unwell.health_message == '/ready answered 200 without "all well"'
        tell(ready="say all well")
        await becomes(made, lambda i: i.is_up)


@pytest.mark.parametrize("is_watched", [True, False], ids=["", "control"])
async def test_a_program_that_takes_the_port_over_does_not_pass_for_the_agent(
    tmp_path: Path, free_port: int, tell: Tell, is_watched: bool
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells cheaply who listens")
    agent = told(tmp_path, free_port, failure_threshold=100)
    listeners = LocalRuntime.listeners if is_watched else lambda *_: None
    with patch.object(LocalRuntime, "listeners", listeners):
        async with manager(tmp_path, {"a": agent}) as made:
            await made.start_agent("a")
            tell("leave")
            await eventually(lambda: any(line.text == "left" for line in made.logs("a")))
            healthy = [sys.executable, str(PUPPETS / "healthy.py"), str(free_port)]
            with stranger(healthy) as thief:
                if not is_watched:
                    lied_to = await checked_again(made, ProbeRole.READINESS)
                    assert (lied_to.health, lied_to.generation) == (Health.HEALTHY, 1)
                    return
                found = await becomes(made, lambda i: i.management is Management.EXTERNAL)
                assert found.pid == thief.pid
                reasons = [str(e.data.get("reason")) for e in made.events.recent()]
                assert any(f"pid {thief.pid}" in r and "in its place" in r for r in reasons)


async def test_an_agent_without_http_is_asked_by_tcp(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    tell("garbage")
    agents = {"a": told(tmp_path, free_port, probes={"readiness": {"kind": "tcp"}})}
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        found = await checked_again(made, ProbeRole.READINESS)
        assert (found.health, found.generation) == (Health.HEALTHY, 1)
        assert [p.role for p in found.probes] == [ProbeRole.STARTUP, ProbeRole.READINESS]
        tell("leave")
        gone = await becomes(made, lambda i: i.health is Health.UNHEALTHY)
        assert (gone.health_message, gone.generation) == ("connection refused", 1)


async def test_a_stranger_that_takes_connections_is_not_adopted(
    tmp_path: Path, free_port: int, tell: Tell
) -> None:
    agents = {"a": told(tmp_path, free_port, probes={"readiness": {"kind": "tcp"}})}
    with stranger([sys.executable, str(PUPPETS / "healthy.py"), str(free_port)]):
        async with manager(tmp_path, agents) as made:
            assert not await made.start_agent("a")
            assert (await info(made)).error_code == "port_in_use"
