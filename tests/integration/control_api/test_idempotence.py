"""Every verb repeated, and many at once: no more comes of it than of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import eventually
from tests.unit.orchestrator.fakes import Desk, agent
from tests.unit.orchestrator.fakes import desk as manager_on_fakes
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.control import TokenRole
from trading_dashboard.models.events import EventKind

DUPLICATES = 8
CHAIN = {"a": agent(1), "b": agent(2, depends_on=["a"])}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with manager_on_fakes(tmp_path, CHAIN) as made:
        yield made


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    nobody: Any = None
    supervision = Supervision(
        agents=desk.manager, describe=lambda: nobody, request_shutdown=lambda _: None
    )
    tokens = Tokens({role: role for role in TokenRole})
    transport = httpx.ASGITransport(create_api(supervision, tokens))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "launches", "running"),
    [
        ("/v1/agents/b/start", ["a", "b"], {"a", "b"}),
        ("/v1/agents/a/stop", [], set()),
        ("/v1/start-all", ["a", "b"], {"a", "b"}),
        ("/v1/stop-all", [], set()),
        ("/v1/emergency-stop", [], set()),
        ("/v1/tokens/rotate", [], set()),
    ],
)
async def test_duplicates_on_a_stopped_desk_do_as_much_as_one(
    path: str, launches: list[str], running: set[str], http: httpx.AsyncClient, desk: Desk
) -> None:
    answers = await asyncio.gather(*(http.post(path) for _ in range(DUPLICATES)))
    assert {answer.status_code for answer in answers} == {200}
    assert [launch.agent for launch in desk.runtime.launches] == launches
    assert set(desk.runtime.processes) == running
    assert all(answer.json().get("ok", True) for answer in answers)


@pytest.mark.parametrize(
    ("path", "launches", "running"),
    [
        ("/v1/agents/b/start", 0, {"a", "b"}),
        ("/v1/agents/b/restart", 1, {"a", "b"}),
        ("/v1/agents/b/stop", 0, {"a"}),
        ("/v1/start-all", 0, {"a", "b"}),
        ("/v1/stop-all", 0, set()),
        ("/v1/emergency-stop", 0, set()),
    ],
)
async def test_duplicates_on_a_running_desk_do_as_much_as_one(
    path: str, launches: int, running: set[str], http: httpx.AsyncClient, desk: Desk
) -> None:
    await desk.manager.start_all_enabled_agents()
    before = len(desk.runtime.launches)
    desk.runtime.stop_gate = asyncio.Event()  # so that all have asked before one is done
    asking = [asyncio.create_task(http.post(path)) for _ in range(DUPLICATES)]
    await eventually(lambda: asked(desk) == DUPLICATES + 1)
    desk.runtime.stop_gate.set()
    answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} == {200}
    assert len(desk.runtime.launches) - before == launches
    assert set(desk.runtime.processes) == running
    if not path.endswith("restart"):
        assert (await http.post(path)).status_code == 200
        assert set(desk.runtime.processes) == running


async def test_a_restart_after_another_is_another(http: httpx.AsyncClient, desk: Desk) -> None:
    """The control arm: one after the other, each of two restarts makes a process."""
    await desk.manager.start_all_enabled_agents()
    for _ in range(2):
        assert (await http.post("/v1/agents/b/restart")).json()["ok"]
    assert len(desk.runtime.launches) == 4


def asked(desk: Desk) -> int:
    """Return how many verbs the manager was asked for."""
    events = desk.manager.events.recent()
    return sum(event.kind is EventKind.OPERATOR_ACTED for event in events)
