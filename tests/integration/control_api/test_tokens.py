"""Tokens: what each role may do, and replacing them while they are in use."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.control_api.fakes import READ_TOKEN, TOKEN, Desk, serve
from tests.support import eventually
from trading_dashboard.clients.control import ControlClient
from trading_dashboard.clients.control_stream import ControlStream
from trading_dashboard.clients.credentials import Credentials
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.tokens import Grant, Tokens
from trading_dashboard.models.control import (
    TOKEN_REPLACED,
    LogMessage,
    SnapshotMessage,
    TokenRole,
    UpdateMessage,
)
from trading_dashboard.models.errors import Forbidden, TradingDashboardError, Unauthorized
from trading_dashboard.models.states import AgentStatus

OPERATOR, READ_ONLY = TokenRole.OPERATOR, TokenRole.READ_ONLY


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serve() as served:
        yield served


def client_of(desk: Desk, role: TokenRole = OPERATOR) -> ControlClient:
    """Return a client that reads its token again, as one of a project does."""
    return ControlClient(desk.url, Credentials(desk.stored[role], lambda: desk.stored[role]))


async def test_a_read_only_token_looks_at_everything(desk: Desk) -> None:
    desk.manager.write("first")
    async with ControlClient(desk.url, READ_TOKEN) as reader:
        assert "first" in (await reader.status()).agents
        assert (await reader.logs("first")).lines
        assert "trading_dashboard_agent_up" in await reader.metrics()
        async with reader.stream() as stream:
            assert isinstance(await anext(aiter(stream)), SnapshotMessage)


async def test_a_read_only_token_changes_nothing(desk: Desk) -> None:
    paths: dict[str, Any] = create_api(desk.supervision, desk.tokens).openapi()["paths"]
    changing = [path for path, operations in paths.items() if "post" in operations]
    assert len(changing) >= 8
    headers = {"Authorization": f"Bearer {READ_TOKEN}"}
    async with httpx.AsyncClient(base_url=desk.url, headers=headers, trust_env=False) as http:
        for path in (*changing, "/nowhere"):
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
                response = await http.request(method, path.replace("{name}", "first"))
                error = response.json()["error"]
                assert (response.status_code, error["code"]) == (403, "forbidden"), (method, path)
                assert "control.token" in error["next_step"]
    assert desk.manager.actions == []
    assert desk.shutdowns == []
    assert desk.stored == {OPERATOR: TOKEN, READ_ONLY: READ_TOKEN}
    async with ControlClient(desk.url, READ_TOKEN) as reader:
        with pytest.raises(Forbidden):
            await reader.stop("first")


async def test_replaced_tokens_work_no_more_and_the_new_ones_do(desk: Desk) -> None:
    async with ControlClient(desk.url, TOKEN) as old, ControlClient(desk.url, READ_TOKEN) as reader:
        answer = await old.rotate_tokens()
        assert answer.rotated == [OPERATOR, READ_ONLY]
        for client in (old, reader):
            with pytest.raises(Unauthorized):
                await client.status()
    assert not {TOKEN, READ_TOKEN} & set(desk.stored.values())
    for role in TokenRole:
        async with ControlClient(desk.url, desk.stored[role]) as fresh:
            assert (await fresh.status()).agents


async def test_one_role_can_be_replaced_alone(desk: Desk) -> None:
    async with ControlClient(desk.url, TOKEN) as operator:
        await operator.rotate_tokens(READ_ONLY)
        assert (await operator.status()).agents
        assert desk.stored[OPERATOR] == TOKEN
        assert desk.stored[READ_ONLY] != READ_TOKEN


async def test_a_rotation_is_recorded_without_the_tokens(desk: Desk) -> None:
    async with client_of(desk) as client:
        await client.rotate_tokens(OPERATOR)
    (event,) = desk.manager.events.recent()
    assert event.data == {
        "action": "rotate tokens", "origin": "api", "from": "127.0.0.1", "roles": ["operator"],
    }  # fmt: skip
    assert not any(token in event.model_dump_json() for token in (TOKEN, *desk.stored.values()))


async def test_streams_of_an_old_token_are_closed_and_others_stay(desk: Desk) -> None:
    url = desk.url.replace("http", "ws") + "/v1/ws"
    sockets = [
        await connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)
        for token in (TOKEN, READ_TOKEN)
    ]
    operator, reader = sockets
    for socket in sockets:
        await socket.recv()
    await desk.tokens.rotate([OPERATOR])
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionClosed) as closed:
            await read_to_the_end(operator)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, "replaced" in closed.value.rcvd.reason) == (4401, True)
        desk.manager.set("first", AgentStatus.RUNNING)
        assert "update" in str(await reader.recv())
    await reader.close()


async def test_a_client_of_a_project_does_not_notice(desk: Desk) -> None:
    async with client_of(desk) as client:
        for _ in range(2):
            await desk.tokens.rotate(list(TokenRole))
            assert (await client.start("first")).ok
            assert (await asyncio.gather(*(client.status() for _ in range(3))))[2].agents


async def test_a_stream_of_a_project_goes_on_without_gap_or_repetition(desk: Desk) -> None:
    async with client_of(desk) as client, client.stream() as stream:
        for _ in range(3):
            desk.manager.write("first")
        await stream.subscribe_logs(["first"], lines=10)
        seen: list[int] = []
        kinds: list[type] = []

        async def read() -> None:
            async for message in stream:
                kinds.append(type(message))
                if isinstance(message, LogMessage):
                    seen.append(message.line.seq)

        reading = asyncio.create_task(read())
        await eventually(lambda: len(seen) == 3)
        await desk.tokens.rotate([OPERATOR])
        desk.manager.write("first")
        await eventually(lambda: len(seen) == 4)
        desk.manager.set("first", AgentStatus.RUNNING)
        await eventually(lambda: UpdateMessage in kinds)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert seen == [0, 1, 2, 3]
    assert kinds.count(SnapshotMessage) == 2


async def test_a_stream_that_cannot_read_its_token_again_says_so(desk: Desk) -> None:
    """The control arm: without reading again, the rotation ends the stream."""
    stream = await ControlStream(desk.url, Credentials(TOKEN)).open()
    messages = aiter(stream)
    await anext(messages)
    await desk.tokens.rotate([OPERATOR])
    with pytest.raises(Unauthorized):
        async with asyncio.timeout(10):
            await anext(messages)
    await stream.aclose()


async def test_what_is_in_the_file_works_at_every_moment() -> None:
    seen: list[tuple[bool, bool]] = []

    def store(role: TokenRole, token: str) -> None:
        seen.append((accepts(tokens, "old"), accepts(tokens, token)))

    tokens = Tokens({OPERATOR: "old"}, store)
    await tokens.rotate([OPERATOR])
    assert seen == [(True, True)]
    assert not accepts(tokens, "old")


async def test_a_token_that_cannot_be_written_changes_nothing() -> None:
    written: list[str] = []

    def full(role: TokenRole, token: str) -> None:
        written.append(token)
        raise OSError(errno.ENOSPC, "No space left on device")

    tokens = Tokens({OPERATOR: "old", READ_ONLY: "reader"}, full)
    with pytest.raises(TradingDashboardError, match=r"No space left.*old token still works"):
        await tokens.rotate([OPERATOR, READ_ONLY])
    assert accepts(tokens, "old")
    assert not accepts(tokens, written[0])


async def test_many_rotations_at_once_leave_one_token_per_role(desk: Desk) -> None:
    async with client_of(desk) as client:
        await asyncio.gather(*(client.rotate_tokens() for _ in range(8)))
        assert (await client.status()).agents
    assert len(desk.tokens._grants) == len(TokenRole)


def test_every_token_is_compared_whichever_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[TokenRole] = []
    proven = Grant.is_proven_by

    def noting(self: Grant, given: bytes) -> bool:
        compared.append(self.role)
        return proven(self, given)

    monkeypatch.setattr(Grant, "is_proven_by", noting)
    tokens = Tokens({OPERATOR: "a", READ_ONLY: "b"})
    for given, role in ((b"a", OPERATOR), (b"b", READ_ONLY), (b"c", None), (b"", None)):
        compared.clear()
        found = tokens.grant_of(given)
        assert (found.role if found else None) is role
        assert compared == [OPERATOR, READ_ONLY]


def test_an_empty_token_is_none() -> None:
    with pytest.raises(ValueError, match="everybody"):
        Tokens({OPERATOR: ""})


async def test_a_stream_elsewhere_is_refused_in_the_one_shape(desk: Desk) -> None:
    url = desk.url.replace("http", "ws") + "/v2/ws"
    headers = {"Authorization": f"Bearer {READ_TOKEN}"}
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers, proxy=None)
    assert refused.value.response.status_code == 404
    assert b'"code": "not_found"' in (refused.value.response.body or b"")


def test_the_close_code_is_documented_by_its_number() -> None:
    assert TOKEN_REPLACED == 4401


async def read_to_the_end(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


def accepts(tokens: Tokens, token: str) -> bool:
    return tokens.grant_of(token.encode()) is not None
