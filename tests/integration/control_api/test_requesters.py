"""Who asked, and from where: what is recorded of each client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.control_api.fakes import TOKEN, Desk, serve
from trading_dashboard.clients.control import ControlClient
from trading_dashboard.clients.credentials import Credentials
from trading_dashboard.models.requester import Requester, acted


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serve() as served:
        yield served


@pytest.mark.parametrize(
    ("headers", "recorded"),
    [
        ({}, {"origin": "api", "from": "127.0.0.1"}),
        ({"X-Client": "cli"}, {"origin": "cli", "from": "127.0.0.1"}),
        (
            {"X-Client": "cli", "X-Client-User": "alice"},
            {"origin": "cli", "from": "127.0.0.1", "user": "alice"},
        ),
        (
            {"X-Client": "dashboard", "X-Client-Address": "192.0.2.7"},
            {"origin": "dashboard", "from": "192.0.2.7"},
        ),
        ({"X-Client": "dashboard"}, {"origin": "dashboard", "from": "127.0.0.1"}),
        ({"X-Client": "root"}, {"origin": "api", "from": "127.0.0.1"}),
        ({"X-Client": "CLI"}, {"origin": "api", "from": "127.0.0.1"}),
        ({"X-Client-Address": "192.0.2.7"}, {"origin": "api", "from": "127.0.0.1"}),
        (
            {"X-Client": "dashboard", "X-Client-Address": "<script>"},
            {"origin": "dashboard", "from": "127.0.0.1"},
        ),
        ({"X-Client-User": "a\tb; rm -rf"}, {"origin": "api", "from": "127.0.0.1"}),
    ],
)
async def test_the_record_names_client_address_and_user(
    headers: dict[str, str], recorded: dict[str, str], desk: Desk
) -> None:
    authorized = {"Authorization": f"Bearer {TOKEN}", **headers}
    async with httpx.AsyncClient(base_url=desk.url, headers=authorized, trust_env=False) as http:
        assert (await http.post("/v1/agents/first/stop")).status_code == 200
        assert (await http.post("/v1/tokens/rotate", json={"role": "read-only"})).is_success
    ((_, _, origin),) = desk.manager.actions
    assert acted("stop", origin) == {"action": "stop", **recorded}
    told = [event.data for event in desk.manager.events.recent() if event.agent is None]
    expected = {"action": "rotate tokens", **recorded, "roles": ["read-only"]}
    assert told == [expected]


@pytest.mark.parametrize("header", ["X-Client", "X-Client-User", "X-Client-Address"])
async def test_what_a_client_says_of_itself_is_bounded(header: str, desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", header: "x" * 65}
    async with httpx.AsyncClient(base_url=desk.url, headers=headers, trust_env=False) as http:
        assert (await http.post("/v1/agents/first/stop")).status_code == 422
    assert desk.manager.actions == []


async def test_a_client_says_who_it_is(desk: Desk) -> None:
    credentials = Credentials(TOKEN, client="cli", user="alice")
    async with ControlClient(desk.url, credentials) as client:
        await client.stop("first")
        await client.shutdown()
    (_, _, origin) = desk.manager.actions[0]
    assert acted("x", origin)["user"] == "alice"
    assert desk.shutdowns == ["cli"]


@pytest.mark.parametrize("user", [None, "", "Jürgen Ö", "a\r\nb: c", "x" * 65])
def test_a_user_s_name_that_no_header_can_carry_is_left_out(user: str | None) -> None:
    assert "X-Client-User" not in Credentials("t", user=user).headers


def test_others_are_recorded_by_name_alone() -> None:
    assert acted("stop", "library") == {"action": "stop", "origin": "library"}
    nothing: dict[str, Any] = acted("stop", Requester("api"))
    assert nothing == {"action": "stop", "origin": "api"}
