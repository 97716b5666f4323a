"""Searching an agent's lines and downloading its file, over real sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.control_api.fakes import TOKEN, Desk, log_line, serve
from tests.support import eventually
from trading_dashboard.clients.control import ControlClient
from trading_dashboard.control_api.log_routes import CHUNK_BYTES
from trading_dashboard.models.control import LogMessage
from trading_dashboard.models.errors import NoLogFile, UnknownAgent
from trading_dashboard.models.log_search import LogSearch


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serve() as served:
        yield served


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[ControlClient]:
    async with ControlClient(desk.url, TOKEN) as control:
        yield control


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=desk.url, headers=headers, trust_env=False) as asking:
        yield asking


def fill(desk: Desk) -> None:
    for seq, (level, text) in enumerate(
        [("info", "Tick AAPL"), ("error", "no feed"), ("debug", "aapl?"), ("warning", "AAPL late")]
    ):
        line = log_line("first", seq).model_copy(update={"level": level, "text": text})
        desk.manager.lines["first"].append(line)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (LogSearch(), [0, 1, 2, 3]),
        (LogSearch(grep="aapl"), [0, 2, 3]),
        (LogSearch(level="warning"), [1, 3]),
        (LogSearch(grep="AAPL", level="info"), [0, 3]),
        (LogSearch(grep=".*"), []),
    ],
)
async def test_lines_are_searched(
    search: LogSearch, found: list[int], client: ControlClient, desk: Desk
) -> None:
    fill(desk)
    assert [line.seq for line in (await client.logs("first", 10, search)).lines] == found
    newest = (await client.logs("first", 1, search)).lines
    assert [line.seq for line in newest] == found[-1:], "as many as asked for after the search"


@pytest.mark.parametrize("query", ["grep=", "grep=a%0Ab", "grep=" + "x" * 201, "level=loud"])
async def test_a_search_that_makes_no_sense_is_refused(query: str, http: httpx.AsyncClient) -> None:
    response = await http.get(f"/v1/agents/first/logs?{query}")
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["place"].startswith("query.")


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/v1/agents/first/logs?grpe=x", "Did you mean grep?"),
        ("/v1/events?agents=first&limit=1", "Did you mean agent?"),
        ("/v1/status?verbose=1", "Remove it."),
    ],
)
async def test_a_misspelt_parameter_is_refused_and_not_left_out(
    path: str, remedy: str, http: httpx.AsyncClient
) -> None:
    response = await http.get(path)
    assert response.status_code == 422
    (detail,) = response.json()["error"]["details"]
    assert detail["problem"].endswith(remedy)
    assert (await http.get("/v1/agents/first/logs?grep=x&level=info&lines=1")).status_code == 200


async def test_the_stream_searches_past_and_new_lines(client: ControlClient, desk: Desk) -> None:
    fill(desk)
    seen: list[int] = []
    async with client.stream() as stream:
        await stream.subscribe_logs(["first"], 10, LogSearch(grep="line 5"))
        await stream.subscribe_logs(["first"], 10, LogSearch(grep="late"))
        async with asyncio.timeout(10):
            async for message in stream:
                if isinstance(message, LogMessage):
                    seen.append(message.line.seq)
                    break
        followers = desk.manager.followers
        await stream.subscribe_logs(["first"], 0, LogSearch(grep="line 5"))
        await eventually(lambda: desk.manager.followers > followers)
        for _ in range(3):
            desk.manager.write("first")
        async with asyncio.timeout(10):
            async for message in stream:
                if isinstance(message, LogMessage):
                    seen.append(message.line.seq)
                    break
    assert seen == [3, 5]


async def download(client: ControlClient, name: str) -> bytes:
    async with client.log_file(name) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_the_file_is_given_whole(client: ControlClient, desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "first.log"
    path.write_bytes(b"0123456789\n" * CHUNK_BYTES)
    info = desk.manager.infos["first"]
    desk.manager.infos["first"] = info.model_copy(update={"log_path": str(path)})
    assert await download(client, "first") == path.read_bytes()
    with pytest.raises(UnknownAgent):
        await download(client, "frist")


async def test_only_an_ordinary_file_is_given(
    client: ControlClient, desk: Desk, tmp_path: Path
) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/etc/hostname")
    for path in (tmp_path / "none", tmp_path, pipe, link):
        info = desk.manager.infos["first"]
        desk.manager.infos["first"] = info.model_copy(update={"log_path": str(path)})
        with pytest.raises(NoLogFile, match="once the agent has written"):
            await download(client, "first")


async def test_the_file_is_not_for_strangers(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.url, trust_env=False) as stranger:
        assert (await stranger.get("/v1/agents/first/logs/file")).status_code == 401
