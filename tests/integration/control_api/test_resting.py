"""Starting all where some need not run: no failure, and told what they are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.support import eventually
from tests.unit.orchestrator.fakes import FAST_RESTART, SILENT, Desk, agent
from tests.unit.orchestrator.fakes import desk as manager_on_fakes
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.agents import Maintenance
from trading_dashboard.models.control import TokenRole

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
HOURS = {"start": "0 8 * * mon-fri", "stop": "0 18 * * mon-fri"}
FINAL = {**FAST_RESTART, "policy": "never", "final_exit_codes": [0, 78]}


def client(made: Desk) -> httpx.AsyncClient:
    nobody: Any = None
    supervision = Supervision(
        agents=made.manager, describe=lambda: nobody, request_shutdown=lambda _: None
    )
    app = create_api(supervision, Tokens({role: role for role in TokenRole}))
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30)


async def ended(made: Desk, code: int, path: str) -> dict[str, Any]:
    """Return the answer to a request in whose course agent `job` ends with `code`."""
    made.prober.outcomes[3] = SILENT
    async with client(made) as http:
        asking = asyncio.create_task(http.post(path))
        await eventually(lambda: made.runtime.launches and "job" in made.runtime.processes)
        made.runtime.crash("job", code)
        answer: dict[str, Any] = (await asking).json()
    return answer


async def test_who_rests_is_no_failure_and_is_named(tmp_path: Path) -> None:
    agents = {
        "feed": agent(1, schedule=HOURS),
        "reader": agent(2, depends_on=["feed"]),
        "job": agent(3, restart=FINAL),
        "mended": agent(4),
    }
    async with manager_on_fakes(tmp_path, agents, clock=lambda: SUNDAY) as made:
        work = Maintenance(since=datetime.fromtimestamp(SUNDAY, UTC))
        await made.manager.set_maintenance("mended", work)
        answer = await ended(made, 0, "/v1/start-all")
        assert answer["results"] == dict.fromkeys(agents, True)
        assert answer["resting"] == {
            "feed": "idle until Mon 08:00 UTC",
            "reader": "waits for feed, idle until Mon 08:00 UTC",
            "job": "finished, exit code 0",
            "mended": "in maintenance",
        }


async def test_who_failed_is_a_failure(tmp_path: Path) -> None:
    agents = {"job": agent(3, restart=FINAL), "reader": agent(2, depends_on=["job"])}
    async with manager_on_fakes(tmp_path, agents) as made:
        answer = await ended(made, 78, "/v1/start-all")
        assert answer["results"] == {"job": False, "reader": False}
        assert answer["resting"] == {}


async def test_a_named_start_that_finishes_is_well(tmp_path: Path) -> None:
    async with manager_on_fakes(tmp_path, {"job": agent(3, restart=FINAL)}) as made:
        answer = await ended(made, 0, "/v1/agents/job/start")
        assert (answer["ok"], answer["agent"]["has_finished"]) == (True, True)
    async with manager_on_fakes(tmp_path / "b", {"job": agent(3, restart=FINAL)}) as made:
        answer = await ended(made, 78, "/v1/agents/job/start")
        assert (answer["ok"], answer["agent"]["has_finished"]) == (False, False)


async def test_a_start_that_somebody_stopped_has_not_finished(tmp_path: Path) -> None:
    async with manager_on_fakes(tmp_path, {"job": agent(3, restart=FINAL)}) as made:
        made.prober.outcomes[3] = SILENT
        async with client(made) as http:
            asking = asyncio.create_task(http.post("/v1/agents/job/start"))
            await eventually(lambda: "job" in made.runtime.processes)
            await http.post("/v1/agents/job/stop")
            assert (await asking).json()["ok"] is False
