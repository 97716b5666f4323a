"""REST: who is let in, what verbs answer, how every error looks."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.control_api.fakes import TOKEN, Desk, serve
from tests.support import eventually
from trading_dashboard.clients.control import ControlApiError, ControlClient
from trading_dashboard.control_api.errors import STATUS_BY_ERROR, status_of
from trading_dashboard.control_api.guard import MAX_BODY_BYTES, Guard
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models import errors
from trading_dashboard.models.control import MaintenanceRequest, TokenRole
from trading_dashboard.models.errors import (
    AgentDisabled,
    NotManaged,
    NotSupervised,
    TradingDashboardError,
    Unauthorized,
    UnknownAgent,
)
from trading_dashboard.models.states import AgentStatus


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serve() as served:
        yield served


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=desk.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[ControlClient]:
    async with ControlClient(desk.url, TOKEN) as control:
        yield control


def error_of(response: httpx.Response) -> dict[str, Any]:
    error = response.json()["error"]
    assert set(error) == {"code", "message", "subject", "observed", "next_step", "details"}
    assert isinstance(error, dict)
    return error


async def test_status_names_supervisor_and_agents(client: ControlClient) -> None:
    status = await client.status()
    assert (status.supervisor.run_id, status.supervisor.state) == ("r1", "running")
    assert list(status.agents) == ["first", "disabled", "external", "buggy"]
    assert await client.agents() == status.agents
    assert await client.agent("first") == status.agents["first"]


async def test_verbs_act_and_say_where_the_agent_is(client: ControlClient, desk: Desk) -> None:
    started = await client.start("first")
    assert (started.ok, started.pending, started.agent.status) == (True, False, AgentStatus.RUNNING)
    assert (await client.start("first")).ok, "starting twice is harmless"
    assert (await client.restart("first")).ok
    assert (await client.stop("first")).agent.status is AgentStatus.STOPPED
    assert (await client.stop("first")).ok, "stopping twice is harmless"
    assert (await client.start_all()).results == {"first": True}
    assert (await client.stop_all()).results == {"first": True}
    assert {origin for _, _, origin in desk.manager.actions} == {"api"}


async def test_maintenance_begins_changes_and_ends(client: ControlClient, desk: Desk) -> None:
    asked = MaintenanceRequest(on=True, minutes=30, reason="new model")
    begun = (await client.set_maintenance("first", asked)).agent.maintenance
    assert begun is not None
    assert begun.until is not None
    assert (begun.until - begun.since).total_seconds() == 1800
    assert (begun.reason, begun.by) == ("new model", "api")
    endless = await client.set_maintenance("first", MaintenanceRequest(on=True))
    assert endless.agent.maintenance is not None
    assert endless.agent.maintenance.until is None
    ended = await client.set_maintenance("first", MaintenanceRequest(on=False))
    assert (ended.ok, ended.agent.maintenance) == (True, None)
    assert desk.manager.actions == [("maintenance", "first", "api")] * 3
    with pytest.raises(UnknownAgent):
        await client.set_maintenance("frist", asked)


@pytest.mark.parametrize(
    "body",
    ["{}", '{"on": 1}', '{"on": true, "minutes": 0}', '{"on": true, "minutes": 10081}',
     '{"on": true, "minutes": 1.5}', '{"on": true, "reason": ""}',
     '{"on": true, "reason": "a\\u001b[2J"}', '{"on": true, "until": "now"}',
     '{"on": true, "reason": "' + "x" * 201 + '"}'],
)  # fmt: skip
async def test_maintenance_that_cannot_be_is_refused(http: httpx.AsyncClient, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = await http.post(
        "/v1/agents/first/maintenance", content=body.encode(), headers=headers
    )
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")


async def test_a_wait_has_an_end_but_the_verb_goes_on(client: ControlClient, desk: Desk) -> None:
    desk.manager.gate.clear()
    answer = await client.start("first", wait_seconds=0.05)
    assert (answer.ok, answer.pending) == (False, True)
    assert (await client.stop_all(wait_seconds=0)).pending
    desk.manager.gate.set()
    await eventually(lambda: ("start", "first", "api") in desk.manager.actions)


async def test_a_client_that_goes_away_cancels_nothing(http: httpx.AsyncClient, desk: Desk) -> None:
    desk.manager.gate.clear()
    with pytest.raises(httpx.ReadTimeout):
        await http.post("/v1/agents/first/start", timeout=0.1)
    desk.manager.gate.set()
    await eventually(lambda: ("start", "first", "api") in desk.manager.actions)


async def test_errors_come_back_as_the_class_that_was_raised(client: ControlClient) -> None:
    with pytest.raises(UnknownAgent) as unknown:
        await client.start("frist")
    assert unknown.value.next_step == "Did you mean first?"
    with pytest.raises(AgentDisabled):
        await client.start("disabled")
    with pytest.raises(NotManaged):
        await client.stop("external")
    with pytest.raises(UnknownAgent):
        await client.logs("frist")
    with pytest.raises(ControlApiError, match="Not Found"):
        await client.logs("../../etc/passwd")
    with pytest.raises(ControlApiError) as invalid:
        await client.start("first", wait_seconds=301)
    assert invalid.value.api_code == "invalid_request"


async def test_a_fault_of_ours_shows_no_details(http: httpx.AsyncClient) -> None:
    response = await http.post("/v1/agents/buggy/start")
    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert "secret detail" not in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("GET", "/nowhere", b"", 404, "not_found"),
        ("PUT", "/v1/status", b"", 405, "method_not_allowed"),
        ("GET", "/v1/agents/first/logs?lines=0", b"", 422, "invalid_request"),
        ("POST", "/v1/agents/first/start", b"{", 422, "invalid_request"),
        ("POST", "/v1/agents/first/start", b'{"wait": 1}', 422, "invalid_request"),
        ("POST", "/v1/agents/first/start", b'{"wait_seconds": "1"}', 422, "invalid_request"),
        ("POST", "/v1/agents/first/start", b'{"wait_for_health": 0}', 422, "invalid_request"),
        ("POST", "/v1/stop-all", b'{"wait_seconds": true}', 422, "invalid_request"),
        ("POST", "/v1/reload", b'{"dry_run": "no"}', 422, "invalid_request"),
        ("POST", "/v1/agents/first/start", b"x" * (MAX_BODY_BYTES + 1), 413, "body_too_large"),
    ],
)
async def test_the_framework_s_errors_have_the_same_shape(
    method: str, path: str, content: bytes, status: int, code: str, http: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await http.request(method, path, content=content, headers=headers)
    assert (response.status_code, error_of(response)["code"]) == (status, code)


async def test_a_body_that_is_not_sent_as_json_is_told_how(http: httpx.AsyncClient) -> None:
    """As `curl -d` sends it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await http.post(
        "/v1/agents/first/start", content=b'{"wait_seconds": 1}', headers=headers
    )
    assert response.status_code == 422
    assert "`Content-Type: application/json`" in error_of(response)["next_step"]
    assert "`Content-Type" not in error_of(await http.get("/v1/events?limit=0"))["next_step"]


async def test_a_chunked_body_is_bounded_too(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 2):
            yield b"x" * 1024

    response = await http.post("/v1/agents/first/start", content=endless())
    assert response.status_code == 413


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"bearer{TOKEN}", TOKEN]
)
async def test_without_the_token_nothing_is_told(authorization: str | None, desk: Desk) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx.AsyncClient(base_url=desk.url, headers=headers, trust_env=False) as stranger:
        for path in ("/v1/status", "/openapi.json", "/nowhere"):
            response = await stranger.get(path)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert error_of(response)["code"] == "unauthorized"
        assert (await stranger.get("/health")).status_code == 200


async def test_a_token_that_is_not_ascii_is_refused(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.url, trust_env=False) as stranger:
        headers = {b"Authorization": b"Bearer \xff\xfe"}
        assert (await stranger.get("/v1/status", headers=headers)).status_code == 401


@pytest.mark.parametrize("header", ["Host", "Origin"])
@pytest.mark.parametrize("value", ["evil.example", "http://evil.example", "http://[", "null", ""])
async def test_foreign_hosts_and_origins_are_refused(
    header: str, value: str, http: httpx.AsyncClient
) -> None:
    for path in ("/v1/status", "/health"):
        response = await http.get(path, headers={header: value})
        assert response.status_code == (400 if (header, value) == ("Host", "") else 403) or (
            error_of(response)["code"] == "forbidden"
        )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:99", "[::1]:80", "LOCALHOST"])
async def test_loopback_names_are_served(host: str, http: httpx.AsyncClient) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert (await http.get("/v1/status", headers=headers)).status_code == 200


async def test_logs_are_the_newest_lines(client: ControlClient, desk: Desk) -> None:
    for _ in range(5):
        desk.manager.write("first")
    answer = await client.logs("first", 2)
    assert [line.seq for line in answer.lines] == [3, 4]
    assert answer.path == "/x/first.log"


async def test_shutdown_is_asked_for_and_answered_at_once(
    client: ControlClient, desk: Desk
) -> None:
    assert (await client.shutdown()).run_id == "r1"
    assert desk.shutdowns == ["api"]


async def test_no_supervisor_is_said_so(client: ControlClient, desk: Desk) -> None:
    await desk.server.aclose()
    with pytest.raises(NotSupervised, match="trading-dashboard up"):
        await client.status()


async def test_a_wrong_token_is_unauthorized_for_the_client(desk: Desk) -> None:
    async with ControlClient(desk.url, "another run's") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.status()


async def test_signals_stay_the_supervisor_s() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serve():
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_body_that_never_comes_is_not_waited_for_forever() -> None:
    sent: list[Any] = []

    async def app(*_: Any) -> None:
        raise AssertionError("must not be reached")

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer t")]
    scope = {"type": "http", "method": "GET", "path": "/v1/status", "headers": headers}
    tokens = Tokens({TokenRole.OPERATOR: "t"})
    await Guard(app, tokens, body_deadline_seconds=0.01)(scope, receive, send)
    assert sent[0]["status"] == 408


def test_each_error_has_a_status() -> None:
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, TradingDashboardError):
            assert status_of(kind.__new__(kind)) >= 400
    assert all(int(status) >= 400 for status in STATUS_BY_ERROR.values())


async def test_the_scheme_has_no_case_and_paths_have_one_form(desk: Desk) -> None:
    headers = {"Authorization": f"bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=desk.url, headers=headers, trust_env=False) as http:
        assert (await http.get("/v1/status")).status_code == 200
        assert error_of(await http.get("/v1/status/"))["code"] == "not_found"
