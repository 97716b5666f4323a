"""Leases: renewed while the supervisor lives, to the process it started and to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually, write_project
from tests.unit.orchestrator.fakes import REFUSING, Desk, agent, becomes, desk
from trading_dashboard.config import load_settings
from trading_dashboard.models.errors import ConfigurationError
from trading_dashboard.models.risk.gate import LeaseRenewal
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import lease_renewal
from trading_dashboard.orchestrator.runtime import PortOwner

STRANGER = PortOwner(port=0, pid=77, command="stranger", is_leftover=False)


@dataclass
class Taker:
    """An agent that takes leases, over connections that are kept."""

    port: int = 0
    status: str = "204 No Content"
    hangs: bool = False
    renewals: list[LeaseRenewal] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    connections: int = 0
    times: list[float] = field(default_factory=list)

    async def is_told(self) -> bool:
        return bool(self.renewals)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.answer(reader, writer)
        writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.paths.add(head[0].split(" HTTP")[0])
        self.tokens.append(next(x for x in head if x.startswith("Authorization")).split(" ")[2])
        self.renewals.append(LeaseRenewal.model_validate(json.loads(body)))
        self.times.append(time.monotonic())
        if not self.hangs:
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()


@contextlib.asynccontextmanager
async def taker() -> AsyncIterator[Taker]:
    found, tasks = Taker(), set[asyncio.Task[Any]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await found.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = listening.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def leased(
    root: Path, monkeypatch: pytest.MonkeyPatch, every: float = 0.02, **more: Any
) -> AsyncIterator[tuple[Desk, Taker]]:
    """Give a desk whose agent `b` depends on `a` and has a lease."""
    monkeypatch.setattr(lease_renewal, "INTERVAL_SECONDS", every)
    async with taker() as taking:
        agents = {"a": agent(1), "b": agent(taking.port, lease=True, depends_on=["a"], **more)}
        async with desk(root, agents) as made:
            yield made, taking


async def renewed(taking: Taker, more: int = 1) -> LeaseRenewal:
    """Wait for so many renewals from now on; return the last."""
    wanted = len(taking.renewals) + more

    async def reached() -> bool:
        return len(taking.renewals) >= wanted

    await eventually(reached, what="the lease is renewed")
    return taking.renewals[-1]


async def test_a_lease_is_renewed_with_token_and_health_over_one_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leased(tmp_path, monkeypatch) as (made, taking):
        assert await made.manager.start_agent("b")
        told = await renewed(taking, 5)
        assert (told.ttl_seconds, told.agents, told.reasons) == (3.0, {"a": "healthy"}, {})
        token = tmp_path / "var" / "run" / "agents" / "b.token"
        assert set(taking.tokens) == {token.read_text()}
        assert taking.paths == {"POST /gate/lease"}
        assert taking.connections == 1
        assert len({renewal.run_id for renewal in taking.renewals}) == 1


async def test_what_happens_to_a_dependency_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the next renewal, which would be an hour later."""
    async with leased(tmp_path, monkeypatch, every=3600.0) as (made, taking):
        assert await made.manager.start_agent("b")
        await eventually(taking.is_told, what="the start is told")
        made.prober.outcomes[1] = REFUSING

        async def is_told() -> bool:
            told = taking.renewals[-1]
            return told.agents == {"a": "unhealthy"} and bool(told.reasons["a"])

        await eventually(is_told, what="bad health is told")
        await made.manager.stop_agent("a")

        async def is_stopped() -> bool:
            return taking.renewals[-1].agents == {"a": "stopped"}

        await eventually(is_stopped, what="the end is told")


async def test_no_token_goes_to_whoever_took_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with leased(tmp_path, monkeypatch) as (made, taking):
        assert await made.manager.start_agent("b")
        await renewed(taking)
        # Other sockets listen on the port now, and they are none of the agent's.
        made.runtime.rivals[taking.port] = STRANGER
        made.runtime.sockets[taking.port] = frozenset({2})

        async def is_told() -> bool:
            return "is not the process" in caplog.text

        await eventually(is_told, what="the refusal is logged")
        before = len(taking.renewals)
        await asyncio.sleep(0.2)
        assert len(taking.renewals) == before
        assert not any(token in caplog.text for token in taking.tokens)


async def test_an_agent_that_was_adopted_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leased(tmp_path, monkeypatch) as (made, taking):
        made.runtime.ports[taking.port] = STRANGER
        assert await made.manager.start_agent("b")
        await asyncio.sleep(0.2)
        assert taking.renewals == []


async def test_an_agent_without_the_setting_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "INTERVAL_SECONDS", 0.02)
    async with taker() as taking, desk(tmp_path, {"b": agent(taking.port)}) as made:
        assert await made.manager.start_agent("b")
        await asyncio.sleep(0.2)
        assert taking.connections == 0


@pytest.mark.parametrize("trouble", ["hangs", "refuses", "is gone"])
async def test_an_agent_in_trouble_costs_one_line_and_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    monkeypatch.setattr(lease_renewal, "DEADLINE_SECONDS", 0.05)
    caplog.set_level(logging.INFO, "trading_dashboard.supervisor")
    async with leased(tmp_path, monkeypatch) as (made, taking):
        if trouble == "hangs":
            taking.hangs = True
        elif trouble == "refuses":
            taking.status = "401 Unauthorized"
        else:
            monkeypatch.setattr(lease_renewal, "PATH", "\x00")
        assert await made.manager.start_agent("b")
        await asyncio.sleep(0.5)
        lines = [record for record in caplog.records if "lease" in record.message]
        assert len(lines) == 1
        assert (await becomes(made, AgentStatus.RUNNING, "b")).restarts == 0
        taking.hangs, taking.status = False, "200 OK"
        monkeypatch.setattr(lease_renewal, "PATH", "/gate/lease")

        async def is_well() -> bool:
            return "renewed again" in caplog.text

        await eventually(is_well, what="it is told that it works again")
        assert await made.manager.stop_agent("b")


async def test_a_new_process_gets_a_connection_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leased(tmp_path, monkeypatch) as (made, taking):
        assert await made.manager.start_agent("b")
        await renewed(taking, 3)
        assert await made.manager.restart_agent("b")
        await renewed(taking, 3)
        assert taking.connections == 2


async def test_a_token_that_cannot_be_read_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with leased(tmp_path, monkeypatch) as (made, taking):
        await made.manager.open()
        (tmp_path / "var" / "run" / "agents" / "b.token").unlink()
        assert await made.manager.start_agent("b")

        async def is_told() -> bool:
            return "cannot be read" in caplog.text

        await eventually(is_told, what="the missing token is logged")
        assert taking.renewals == []


def test_a_lease_for_another_machine_is_a_mistake(tmp_path: Path) -> None:
    far = {**agent(1, lease=True), "url": "http://192.0.2.1:8002"}
    write_project(tmp_path, {"agents": {"b": far}})
    with pytest.raises(ConfigurationError, match="which is not this machine"):
        load_settings(tmp_path, environ={})
