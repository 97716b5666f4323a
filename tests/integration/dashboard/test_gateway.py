"""What the gateway forwards, and what it keeps to itself."""

from __future__ import annotations

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.dashboard_desk import DashboardDesk, any_port, running_desk
from tests.support import eventually_sync


def open_socket(
    desk: DashboardDesk, person: httpx.Client, path: str
) -> contextlib.AbstractContextManager[ClientConnection]:
    session = person.cookies[desk.cookie_name]
    return connect(
        f"ws://localhost:{desk.port}{path}",
        origin=Origin(desk.url),
        additional_headers={"Cookie": f"{desk.cookie_name}={session}"},
        proxy=None,
    )


def receive(socket: ClientConnection, kind: str) -> dict[str, Any]:
    for text in socket:
        message: dict[str, Any] = json.loads(text)
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind}")


def read_to_the_end(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=10)


def test_the_control_api_is_reached_without_a_token_in_the_page(
    person: httpx.Client, desk: DashboardDesk
) -> None:
    answer = person.get("/api/control/status")

    assert set(answer.json()["agents"]) >= {"market_data", "risk_management"}
    assert desk.control_token() not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_reads_carry_no_token_and_changes_carry_the_agents(
    person: httpx.Client, csrf: dict[str, str], desk: DashboardDesk
) -> None:
    read = person.get("/api/agents/market_data/echo").json()["headers"]
    change = person.post("/api/agents/market_data/echo", headers=csrf, json={}).json()["headers"]

    assert "authorization" not in read
    assert change["authorization"] == f"Bearer {desk.agent_token()}"


def test_cookies_and_own_headers_of_the_browser_stay_here(
    person: httpx.Client, csrf: dict[str, str]
) -> None:
    sent = {**csrf, "authorization": "Bearer mine", "x-forwarded-for": "1.2.3.4"}
    seen = person.post("/api/agents/market_data/echo", headers=sent, json={}).json()["headers"]

    assert not {"cookie", "x-csrf-token", "x-forwarded-for", "origin"} & set(seen)
    assert "mine" not in seen["authorization"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/agents/nobody/echo", 404),
        ("/api/agents/market_data/%2e%2e/echo", 400),
        ("/api/agents/market_data/a%2fb", 400),
        ("/api/agents/market_data//echo", 400),
        ("/api/control/..%2fhealth", 400),
        ("/api/control/http:%2f%2fevil.example", 400),
    ],
)
def test_tricks_with_paths_are_refused(person: httpx.Client, path: str, status: int) -> None:
    request = person.build_request("GET", person.base_url)
    request.url = request.url.copy_with(raw_path=path.encode())

    assert person.send(request).status_code == status


def test_a_page_of_an_agent_never_becomes_a_page_of_ours(person: httpx.Client) -> None:
    answer = person.get("/api/agents/market_data/page")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


def test_redirects_are_not_followed(person: httpx.Client) -> None:
    answer = person.get("/api/agents/market_data/moved")

    assert answer.status_code == 502
    assert "location" not in answer.headers


def test_bodies_are_bounded_both_ways(person: httpx.Client, csrf: dict[str, str]) -> None:
    large = person.post("/api/agents/market_data/echo", headers=csrf, content=b"x" * 100_000)
    assert large.status_code == 413

    with pytest.raises(httpx.RemoteProtocolError):
        person.get("/api/agents/market_data/large")


def test_errors_of_an_agent_arrive_as_they_are(person: httpx.Client) -> None:
    answer = person.get("/api/agents/market_data/historical/APPL")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_symbol"


def test_the_stream_flows_both_ways(person: httpx.Client, desk: DashboardDesk) -> None:
    with open_socket(desk, person, "/api/agents/market_data/stream") as socket:
        assert receive(socket, "clock")["clock"]["replay"]
        socket.send(json.dumps({"op": "subscribe", "symbols": ["AAPL"], "intervals": ["1m"]}))
        assert receive(socket, "snapshot")["symbol"] == "AAPL"
        assert receive(socket, "bar")["interval"] == "1m"


def test_the_control_socket_sends_a_snapshot(person: httpx.Client, desk: DashboardDesk) -> None:
    with open_socket(desk, person, "/api/control/ws") as socket:
        assert "market_data" in receive(socket, "snapshot")["agents"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/api/agents/nobody/stream", 4404), ("/api/agents/dashboard/stream", 4502)],
)
def test_a_socket_that_leads_nowhere_says_why(
    person: httpx.Client, desk: DashboardDesk, path: str, code: int
) -> None:
    with open_socket(desk, person, path) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert closed.value.rcvd.reason


def test_a_lost_upstream_is_told_to_the_page(person: httpx.Client, desk: DashboardDesk) -> None:
    with open_socket(desk, person, "/api/agents/market_data/stream") as socket:
        receive(socket, "clock")
        desk.steer(drop=["market"])
        with pytest.raises(ConnectionClosed) as closed:
            read_to_the_end(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4502


def test_leaving_closes_the_connection_to_the_agent(
    person: httpx.Client, desk: DashboardDesk
) -> None:
    before = desk.steer()["sockets"]["market"]
    with open_socket(desk, person, "/api/agents/market_data/stream") as socket:
        receive(socket, "clock")
        assert desk.steer()["sockets"]["market"] == before + 1

    eventually_sync(lambda: desk.steer()["sockets"]["market"] == before, what="socket closed")


def test_the_end_is_prompt_with_open_sockets_and_nothing_secret_was_logged(
    tmp_path: Path,
) -> None:
    with running_desk(tmp_path / "var", any_port()) as desk, contextlib.ExitStack() as stack:
        person = stack.enter_context(httpx.Client(base_url=desk.url, trust_env=False))
        link = desk.login_url()
        person.get(link)
        for _ in range(3):
            socket = stack.enter_context(open_socket(desk, person, "/api/control/ws"))
            receive(socket, "snapshot")
        assert desk.process is not None
        desk.process.send_signal(signal.SIGTERM)
        assert desk.process.wait(10) == 0
        assert desk.process.stdout is not None
        output = desk.process.stdout.read()

    assert link.partition("token=")[2] not in output
    assert desk.control_token() not in output


def test_without_a_supervisor_requests_and_sockets_say_so(tmp_path: Path) -> None:
    with running_desk(tmp_path / "var", any_port()) as desk:
        desk.end_puppet()
        with httpx.Client(base_url=desk.url, trust_env=False) as person:
            person.get(desk.login_url())
            answer = person.get("/api/agents/market_data/symbols")
            with (
                open_socket(desk, person, "/api/control/ws") as socket,
                pytest.raises(ConnectionClosed) as closed,
            ):
                socket.recv(timeout=10)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_supervised")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4502


def test_an_unknown_address_of_the_api_is_no_page(person: httpx.Client) -> None:
    for path in ("/api/x", "/api/control", "/api/agents/market_data", "/api/session/x"):
        answer = person.get(path)

        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_replaced_token_is_noticed_by_nobody(
    person: httpx.Client, csrf: dict[str, str], desk: DashboardDesk
) -> None:
    with open_socket(desk, person, "/api/control/ws") as socket:
        receive(socket, "snapshot")
        before = desk.control_token()
        for _ in range(2):
            desk.steer(rotate=str(desk.state / "run" / "control.token"))
            receive(socket, "snapshot")  # on the same socket
            assert person.get("/api/control/status").status_code == 200
            change = person.post("/api/control/agents/market_data/start", headers=csrf, json={})
            assert change.status_code == 200
        assert desk.control_token() != before
        socket.send(json.dumps({"op": "subscribe_logs", "agents": ["market_data"]}))
        assert receive(socket, "log")["line"]["text"].startswith("demo replay")
        desk.steer(log=["after the rotation"])
        assert [receive(socket, "log")["line"]["text"] for _ in range(3)][-1] == (
            "after the rotation"
        )


def test_a_token_that_is_not_in_the_file_is_asked_for_once(
    person: httpx.Client, desk: DashboardDesk
) -> None:
    """The control arm: what the page would see without the file being read again."""
    token = desk.state / "run" / "control.token"
    right = token.read_text("ascii")
    token.write_text("stale")
    try:
        assert person.get("/api/control/status").status_code == 401
        with (
            open_socket(desk, person, "/api/control/ws") as socket,
            pytest.raises(ConnectionClosed) as closed,
        ):
            read_to_the_end(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4502
    finally:
        token.write_text(right)


def test_changes_say_that_they_come_from_the_dashboard_and_whose_browser(
    person: httpx.Client, csrf: dict[str, str], desk: DashboardDesk
) -> None:
    lies = {**csrf, "x-client": "cli", "x-client-user": "root", "x-client-address": "192.0.2.1"}
    person.post("/api/control/agents/market_data/start", headers=lies, json={})
    assert desk.steer()["clients"][-1] in ("dashboard 127.0.0.1", "dashboard ::1")
