"""The agent on real sources, as a process: files stand for a provider that anyone can be."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.integration.market_data.conftest import AgentProcess, StartAgent, run_agent
from tests.support import eventually, eventually_sync

DAYS = 40
FIRST_DAY = (datetime.now(UTC) - timedelta(days=DAYS)).date()


def settings_for(folder: Path) -> dict[str, Any]:
    options = {"folder": str(folder), "asset_class": "crypto", "poll_seconds": 0.05}
    return {
        "source": "live",
        "priorities": {"crypto": ["file"]},
        "symbols": ["BTC"],
        "calendar": "24/7",
        "source_options": {"file": options},
    }


def close_of(day: int) -> float:
    return 100.0 + day % 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the daily bars of BTC, one of them impossible, and no trades yet."""
    folder = tmp_path / "files"
    folder.mkdir()
    rows = ["date,open,high,low,close,volume"]
    for day in range(DAYS):
        close = close_of(day)
        high = close - 20 if day == 20 else close + 1
        rows.append(f"{FIRST_DAY + timedelta(days=day)},{close},{high},{close - 1},{close},5.5")
    (folder / "BTC_1d.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "BTC.csv").write_text("time,price,size\n", encoding="utf-8")
    return folder


@pytest.fixture
def live(start_agent: StartAgent, folder: Path, tmp_path: Path) -> AgentProcess:
    """Return an agent that serves the folder."""
    return start_agent(settings=settings_for(folder), directory=tmp_path / "live")


def trade(folder: Path, *prices: float) -> None:
    """Append trades of now."""
    with (folder / "BTC.csv").open("a", encoding="utf-8") as file:
        for price in prices:
            file.write(f"{datetime.now(UTC).isoformat()},{price},0.25\n")


def bars(agent: AgentProcess, **question: Any) -> dict[str, Any]:
    answer = agent.get("/historical/BTC", params=question)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_bars_are_those_of_the_source_and_say_so(live: AgentProcess) -> None:
    body = bars(live, start_date=str(FIRST_DAY))

    closes = [bar["close"] for bar in body["data"]]
    assert closes == [close_of(day) for day in range(DAYS) if day != 20]
    assert (body["source"], body["replay"], body["intraday"]) == ("file", False, "real")
    assert {bar["source"] for bar in body["data"]} == {"file"}
    assert live.get("/clock").json()["replay"] is False


def test_what_is_impossible_is_quarantined_and_told(live: AgentProcess) -> None:
    bars(live, start_date=str(FIRST_DAY))

    [row] = live.get("/quarantine").json()["rejected"]
    assert row["timestamp"][:10] == str(FIRST_DAY + timedelta(days=20))
    [score] = live.get("/quality/BTC").json()["scores"]
    assert (score["rejected"], score["source"]) == (1, "file")
    assert score["score"] < 100


def test_what_was_read_survives_a_kill_and_the_source(
    live: AgentProcess, start_agent: StartAgent, folder: Path, tmp_path: Path
) -> None:
    before = bars(live, start_date=str(FIRST_DAY), end_date=str(FIRST_DAY + timedelta(days=30)))
    live.end(signal.SIGKILL)
    (folder / "BTC_1d.csv").write_text("date,open,high,low,close,volume\n", encoding="utf-8")
    again = start_agent(settings=settings_for(folder), directory=tmp_path / "live")
    after = bars(again, start_date=str(FIRST_DAY), end_date=str(FIRST_DAY + timedelta(days=30)))
    assert [kept_of(bar) for bar in after["data"]] == [kept_of(bar) for bar in before["data"]]


def kept_of(bar: dict[str, Any]) -> dict[str, Any]:
    """Return a bar without its score, which is saved now and then only."""
    return {name: value for name, value in bar.items() if name != "quality_score"}


async def test_trades_are_streamed_as_prices_and_bars_and_kept(
    live: AgentProcess, folder: Path
) -> None:
    async with asyncio.timeout(30), connect(live.stream_url, proxy=None) as connection:
        await connection.send(
            json.dumps({"op": "subscribe", "symbols": ["BTC"], "intervals": ["1s", "5t"]})
        )
        messages = of_connection(connection)
        trading = asyncio.create_task(keep_trading(folder))
        prices, closed = set(), {"1s": 0, "5t": 0}
        async for message in messages:
            if message["type"] in ("tick", "snapshot"):
                prices.add(message["price"]["price"])
                assert message["price"]["source"] == "file"
            if message["type"] == "bar" and message["bar"]["closed"]:
                closed[message["interval"]] += 1
                assert message["interval"] == "1s" or message["bar"]["volume"] == 1.25
            # The first second began before it was watched: it is told, but not kept.
            if closed["1s"] >= 2 and closed["5t"] >= 1 and len(prices) >= 2:
                break
        trading.cancel()
    assert prices <= {101.0, 101.5, 102.0}
    eventually_sync(lambda: bars(live, interval="1s", limit=5)["data"], 30.0)
    price = live.get("/price/BTC").json()
    assert price["price"] in prices | {101.0, 101.5, 102.0}
    assert live.get("/health").json()["data"]["state"] == "fresh"


async def test_a_fat_finger_is_never_streamed(live: AgentProcess, folder: Path) -> None:
    seen = []
    async with asyncio.timeout(30), connect(live.stream_url, proxy=None) as connection:
        await connection.send(json.dumps({"op": "subscribe", "symbols": ["BTC"]}))
        trading = asyncio.create_task(keep_trading(folder))
        async for message in of_connection(connection):
            if message["type"] in ("tick", "snapshot"):
                seen.append(message["price"]["price"])
                if len(seen) == 3:
                    trade(folder, 1.0)
                    trade(folder, -3.0)
                if len(seen) >= 10:
                    break
        trading.cancel()
    assert min(seen) >= 101.0

    def reasons() -> set[str]:
        return {row["reason"] for row in live.get("/quarantine").json()["rejected"]}

    eventually_sync(lambda: reasons() == {"not_positive", "outlier"}, 30.0)


def test_a_source_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    settings = json.dumps({"source": "live", "priorities": {"equity": ["nowhere"]}})
    ended = run_agent(tmp_path / "data", "--port", "0", AGENT_SETTINGS=settings)
    assert ended.returncode == 2
    assert "nowhere" in ended.stderr
    assert "priorities" in ended.stderr


def test_production_takes_real_sources_only(tmp_path: Path) -> None:
    settings = json.dumps({"source": "demo"})
    ended = run_agent(
        tmp_path / "data", "--port", "0", "--environment", "production", AGENT_SETTINGS=settings
    )
    assert ended.returncode == 2
    assert "production" in ended.stderr


async def of_connection(connection: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """Yield messages of one connection."""
    async for text in connection:
        yield json.loads(text)


async def keep_trading(folder: Path) -> None:
    """Append a trade now and then, until cancelled."""
    for number in range(10_000):
        trade(folder, (101.0, 101.5, 102.0)[number % 3])
        await asyncio.sleep(0.1)


async def test_what_is_streamed_can_be_recorded_and_lived_through_again(
    live: AgentProcess, start_agent: StartAgent, folder: Path, tmp_path: Path
) -> None:
    before = bars(live, limit=10)["data"]
    trading = asyncio.create_task(keep_trading(folder))
    try:
        await eventually(lambda: live.get("/health").json()["data"]["state"] == "fresh", 20)
        started = live.post("/recordings", {"name": "monday"})
        assert started.status_code == 201, started.text
        assert started.json()["source"] == "file"

        def rows() -> int:
            return int(live.get("/recordings").json()["recordings"][0]["rows"])

        await eventually(lambda: rows() > started.json()["rows"] + 20, 20)
    finally:
        trading.cancel()
    assert live.post("/recordings/monday/stop", {}).json()["state"] == "complete"
    heard = live.get("/price/BTC").json()["price"]
    live.end()

    settings = {"source": "recording", "recording": "monday", "replay_speed": 1_000_000}
    again = start_agent(settings=settings, directory=tmp_path / "live")
    await eventually(lambda: again.get("/clock").json()["finished"], 20)
    price = again.get("/price/BTC").json()
    name = "recording:monday of file"
    assert (price["price"], price["source"], price["replay"]) == (heard, name, True)
    past = bars(again, limit=10)["data"]
    assert [bar["close"] for bar in past] == [bar["close"] for bar in before]
    assert {bar["source"] for bar in past} == {name}
    async with asyncio.timeout(30), connect(again.stream_url, proxy=None) as connection:
        await connection.send(json.dumps({"op": "subscribe", "symbols": ["BTC"]}))
        async for message in of_connection(connection):
            if message["type"] == "snapshot" and message["price"]["price"] == heard:
                break
        start = again.get("/clock").json()["start"]
        assert again.post("/clock", {"now": start, "speed": 1000}).status_code == 200
        kinds = set()
        async for message in of_connection(connection):
            kinds.add(message["type"])
            if {"reset", "snapshot"} <= kinds:
                break


def test_a_damaged_archive_is_set_aside_and_told(
    live: AgentProcess, start_agent: StartAgent, folder: Path, tmp_path: Path
) -> None:
    bars(live, start_date=str(FIRST_DAY))
    live.end()
    archive = tmp_path / "live" / "archive.duckdb"
    archive.write_bytes(b"\0" * 8192)
    again = start_agent(settings=settings_for(folder), directory=tmp_path / "live")
    health = again.get("/health").json()
    assert health["status"] == "degraded"
    assert "damaged" in health["message"]
    assert len(list(archive.parent.glob("archive.duckdb.damaged-*"))) == 1
    assert len(bars(again, start_date=str(FIRST_DAY))["data"]) == DAYS - 1
