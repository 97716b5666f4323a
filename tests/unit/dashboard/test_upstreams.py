"""Where the gateway may go, and with which authority."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from trading_dashboard.dashboard.desk_files import DeskFiles
from trading_dashboard.dashboard.gateway.upstreams import PathRefused, Upstreams
from trading_dashboard.models.errors import NotSupervised, UnknownAgent

AGENTS: dict[str, Any] = {
    "market_data": {"url": "http://localhost:8000", "management": "managed"},
    "foreign": {"url": "http://localhost:9000/base", "management": "external"},
    "odd": {"url": "file:///etc/passwd", "management": "managed"},
}


@pytest.fixture
def files(tmp_path: Path) -> DeskFiles:
    run = tmp_path / "run"
    (run / "agents").mkdir(parents=True)
    (run / "lease.json").write_text(json.dumps({"control_url": "http://127.0.0.1:7000/"}))
    (run / "control.token").write_text("control-token\n")
    for name in ("market_data", "foreign"):
        (run / "agents" / f"{name}.token").write_text(f"{name}-token")
    return DeskFiles(tmp_path)


def upstreams(files: DeskFiles, status: int = 200) -> Upstreams:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"agents": AGENTS})

    return Upstreams(files, httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def test_control_paths_are_below_v1_with_the_token(files: DeskFiles) -> None:
    target = upstreams(files).control("agents/market_data/logs", "lines=5")

    assert str(target.url) == "http://127.0.0.1:7000/v1/agents/market_data/logs?lines=5"
    assert target.headers == {"authorization": "Bearer control-token", "x-client": "dashboard"}
    assert "control-token" not in repr(target)


@pytest.mark.parametrize(
    "path",
    ["../shutdown", "a/../b", "a//b", "", "a/", "%2e%2e/x", "a%2fb", "a%5cb", "a\\b", ".", "a;b",
     "http://evil", "//evil.example/x", "a b", "%00", "a\r\nb", "ü"],
)  # fmt: skip
async def test_paths_that_are_not_plain_are_refused(files: DeskFiles, path: str) -> None:
    with pytest.raises(PathRefused):
        upstreams(files).control(path)
    with pytest.raises(PathRefused):
        await upstreams(files).agent("market_data", path)


async def test_a_read_has_no_authority_and_a_change_has(files: DeskFiles) -> None:
    read = await upstreams(files).agent("market_data", "price/BRK.B", "a=b")
    change = await upstreams(files).agent("market_data", "clock", with_authority=True)

    assert str(read.url) == "http://localhost:8000/price/BRK.B?a=b"
    assert read.headers == {}
    assert change.headers == {"authorization": "Bearer market_data-token"}


async def test_an_agent_that_asks_for_a_read_token_gets_that_and_no_more(files: DeskFiles) -> None:
    for name in ("market_data", "foreign"):
        (files.run_directory / "agents" / f"{name}.read.token").write_text("read-token")
    read = await upstreams(files).agent("market_data", "price/AAPL")
    foreign = await upstreams(files).agent("foreign", "price/AAPL")

    assert read.headers == {"authorization": "Bearer read-token"}
    assert foreign.headers == {}


async def test_a_process_someone_else_runs_never_gets_our_token(files: DeskFiles) -> None:
    target = await upstreams(files).agent("foreign", "clock", with_authority=True)

    assert str(target.url) == "http://localhost:9000/base/clock"
    assert target.headers == {}


@pytest.mark.parametrize("name", ["unknown", "../control", "odd", "MARKET_DATA", ""])
async def test_only_agents_of_the_desk_can_be_reached(files: DeskFiles, name: str) -> None:
    with pytest.raises(UnknownAgent):
        await upstreams(files).agent(name, "price/AAPL")


async def test_without_a_supervisor_nothing_is_reached(files: DeskFiles) -> None:
    with pytest.raises(NotSupervised):
        await upstreams(files, status=500).agent("market_data", "price/AAPL")
    (files.run_directory / "lease.json").unlink()
    with pytest.raises(NotSupervised):
        upstreams(files).control("status")


async def test_a_socket_goes_to_the_same_place(files: DeskFiles) -> None:
    target = await upstreams(files).agent("market_data", "stream")

    assert target.socket_url == "ws://localhost:8000/stream"
