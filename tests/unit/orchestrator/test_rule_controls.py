"""Control arms of the supervision rules, on fakes: with a protection off, the harm is seen.

The tests they stand beside are named in docs/supervision.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import SILENT, FakeProber, agent, becomes, desk, info
from tests.unit.orchestrator.raw_server import answer, server
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.fetching import fetch
from trading_dashboard.orchestrator.messages import Message
from trading_dashboard.orchestrator.probes import MAX_BODY_BYTES, HttpProber, ProbeOutcome


async def test_control_with_many_writers_a_storm_makes_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message is handled as it comes, not after the one before."""
    tasks: list[asyncio.Task[None]] = []

    def handle_at_once(self: AgentTask, message: Message) -> None:
        async def handle() -> None:
            await self._handlers[type(message)](message)

        tasks.append(asyncio.create_task(handle()))

    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        with monkeypatch.context() as patch:
            patch.setattr(AgentTask, "post", handle_at_once)
            storm = [asyncio.create_task(made.manager.restart_agent("a")) for _ in range(10)]
            await eventually(lambda: any(task.done() and task.exception() for task in tasks))
            for task in (*storm, *tasks):
                task.cancel()
            broken = await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*storm, return_exceptions=True)
    assert any(isinstance(error, Exception) for error in broken)


async def test_control_news_of_the_present_process_are_acted_upon(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1)}) as made:
        await made.manager.start_agent("a")
        old = made.runtime.processes["a"]
        await made.manager.restart_agent("a")
        # The very message that is dropped as stale, but with the generation of today.
        today = replace(old.handle, generation=made.runtime.processes["a"].handle.generation)
        assert old.exit_status is not None or made.runtime.poll(old.handle) is None
        from trading_dashboard.orchestrator.runtime import ExitStatus

        old.on_exit(today, ExitStatus(1))
        await eventually(lambda: len(made.runtime.launches) == 3)


async def test_silence_while_the_machine_slept_is_forgiven(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, failure_threshold=1)}) as made:
        await made.manager.start_agent("a")
        made.prober.default = replace(SILENT, suspended=True)
        asked = made.prober.asked
        await eventually(lambda: made.prober.asked > asked + 3)
        assert len(made.runtime.launches) == 1
        # Control arm: the same silence, awake.
        made.prober.default = SILENT
        await eventually(lambda: len(made.runtime.launches) == 2)


async def test_health_requests_of_one_agent_never_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, most, asked, gate = 0, 0, 0, asyncio.Event()

    async def slow(_: FakeProber, url: str, timeout_seconds: float) -> ProbeOutcome:
        nonlocal under_way, most, asked
        under_way, asked = under_way + 1, asked + 1
        most = max(most, under_way)
        try:
            await gate.wait()
        finally:
            under_way -= 1
        return SILENT

    monkeypatch.setattr(FakeProber, "probe", slow)
    async with desk(tmp_path, {"a": agent(1, health_check_interval=0.1)}) as made:
        starting = asyncio.create_task(made.manager.start_agent("a", wait_for_health=False))
        await eventually(lambda: asked == 1)
        # Control arm: two who ask at the same time are seen.
        second = asyncio.create_task(made.prober.probe("http://127.0.0.1:1/", 1))
        await eventually(lambda: most == 2)
        gate.set()
        await asyncio.gather(second, starting)
        most = 0
        await eventually(lambda: asked > 6)
        assert most == 1


async def test_control_without_a_deadline_a_hanging_server_is_waited_for() -> None:
    async def hang(*_: object) -> None:
        await asyncio.sleep(600)

    async with server(hang) as url:
        unbounded = asyncio.create_task(fetch(url, MAX_BODY_BYTES))
        assert not (await HttpProber().probe(url, 0.2)).answered
        assert not unbounded.done()
        unbounded.cancel()
        await asyncio.gather(unbounded, return_exceptions=True)


async def test_control_who_follows_redirects_takes_another_for_the_agent() -> None:
    async with server(answer("200 OK")) as target:
        redirect = answer("302 Found", headers=f"Location: {target}\r\n")
        async with server(redirect) as url:
            async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
                assert (await client.get(url)).status_code == 200
            assert not (await HttpProber().probe(url, 5)).ok


async def test_control_who_heeds_the_environment_asks_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with server(answer("418 Proxy")) as proxy, server(answer("200 OK")) as url:
        monkeypatch.setenv("http_proxy", proxy.removesuffix("/health"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with httpx.AsyncClient(trust_env=True) as client:
            assert (await client.get(url)).status_code == 418
        assert (await HttpProber().probe(url, 5)).ok


async def test_control_without_a_cap_a_huge_body_is_taken_in() -> None:
    body = b"x" * (MAX_BODY_BYTES * 4)
    async with server(answer("200 OK", body)) as url:
        assert len((await fetch(url, len(body)))[1]) == len(body)
        assert len((await fetch(url, MAX_BODY_BYTES))[1]) <= MAX_BODY_BYTES


async def test_the_counter_of_restarts_is_never_reset(tmp_path: Path) -> None:
    async with desk(tmp_path, {"a": agent(1, restart={"max_restarts": 1})}) as made:
        await made.manager.start_agent("a")
        made.runtime.crash("a")
        await eventually(lambda: len(made.runtime.launches) == 2)
        await becomes(made, AgentStatus.RUNNING)
        made.runtime.crash("a")
        await becomes(made, AgentStatus.ERROR)
        # A person's start forgives the past: the budget is whole again, the counter is not.
        assert await made.manager.start_agent("a")
        made.runtime.crash("a")
        await eventually(lambda: len(made.runtime.launches) == 4)
        assert (await becomes(made, AgentStatus.RUNNING)).restarts == 2


async def test_control_who_is_not_stopped_in_a_backoff_starts_again(tmp_path: Path) -> None:
    restart = {"first_delay_seconds": 0.2, "max_delay_seconds": 0.2}
    async with desk(tmp_path, {"a": agent(1, restart=restart)}) as made:
        await made.manager.start_agent("a")
        for n in (1, 2):
            await eventually(lambda n=n: len(made.runtime.launches) == n)  # type: ignore[misc]
            made.runtime.crash("a")
        await eventually(lambda: len(made.runtime.launches) == 3)
        assert (await info(made)).status in (AgentStatus.STARTING, AgentStatus.RUNNING)
