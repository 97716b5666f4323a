"""The agent on a recording: labelled, the same at every speed, and blind to what is to come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from tests.support import eventually
from tests.unit.market_data.recording.conftest import SOURCE, Desk, ticks_of
from tests.unit.market_data.streaming.conftest import BEGAN, SECOND, bars_of
from trading_dashboard.agents.kit import AgentEnvironment
from trading_dashboard.agents.market_data.assembly import check_source
from trading_dashboard.agents.market_data.played.assembly import build_played
from trading_dashboard.agents.market_data.recording.heard import Actions, Batch, Past
from trading_dashboard.agents.market_data.records import CorporateEvent
from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument
from trading_dashboard.models.errors import SourceRefused
from trading_dashboard.models.market import AS_FAST_AS_POSSIBLE, HistoricalResponse, PriceResponse
from trading_dashboard.models.settings import MarketDataSettings

COIN = Instrument(
    symbol="A", name="Coin of A", asset_class=AssetClass.CRYPTO, exchange="test",
    calendar="24/7", time_zone="UTC", currency="EUR",
)  # fmt: skip
NAME = f"recording:one of {SOURCE}"


class KnowsCoin:
    """What was known before the recording: a minute, and a split long ago."""

    async def before(self, source: str, symbols: tuple[str, ...]) -> list[Batch]:
        assert (source, symbols) == (SOURCE, ())
        split = CorporateEvent(source=SOURCE, symbol="A", ex_day=1, ratio=2.0)
        return [Past(bars_of("A", [(-60, 0.5, True, 0)])), Actions(SOURCE, (split,))]

    def instrument(self, symbol: str) -> Instrument | None:
        return COIN if symbol == "A" else None


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    desk = Desk(tmp_path / "recordings", known=KnowsCoin())
    await desk.record()
    return tmp_path


@asynccontextmanager
async def played(folder: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    found = MarketDataSettings(source="recording", recording="one", **settings)
    app = build_played(found, AgentEnvironment(name="market_data", data_directory=folder))
    token = app.operator.path.read_text("utf-8").strip()
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client,
    ):
        yield client


def moment(second: float) -> str:
    return datetime.fromtimestamp((BEGAN + int(second * SECOND)) / SECOND, UTC).isoformat()


async def finished(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/clock")).json()["finished"])


async def seen(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return all that is known now, but for times that pass on the wall."""
    routes = ("/symbols", "/price/A", "/historical/A?interval=1m", "/actions/A", "/gaps")
    found = {route: (await client.get(route)).json() for route in routes}
    found["/price/A"].pop("seq", None)
    return found


def closes(known: dict[str, Any]) -> list[float]:
    return [bar["close"] for bar in known["/historical/A?interval=1m"]["data"]]


async def test_it_says_what_it_is_and_ends_where_the_recording_ends(folder: Path) -> None:
    async with played(folder, replay_speed=AS_FAST_AS_POSSIBLE) as client:
        await eventually(partial(finished, client))
        price = PriceResponse.model_validate((await client.get("/price/a")).json())
        assert (price.price, price.source, price.replay, price.currency) == (1.3, NAME, True, "EUR")
        past = HistoricalResponse.model_validate(
            (await client.get("/historical/A?interval=1m&start_date=2000-01-01")).json()
        )
        assert [bar.close for bar in past.data] == [0.5, 1.0, 1.3]
        assert {bar.source for bar in past.data} == {NAME}
        (source,) = (await client.get("/sources")).json()["sources"]
        assert (source["name"], source["real"]) == (NAME, False)
        health = (await client.get("/health")).json()
        assert (health["data"]["state"], health["data"]["source"]) == ("idle", NAME)
        (recording,) = (await client.get("/recordings")).json()["recordings"]
        assert recording["playing"]
        assert (await client.delete("/recordings/one")).status_code == 409


async def test_nothing_later_than_the_clock_is_told_wherever_it_is_set(folder: Path) -> None:
    async with played(folder, replay_speed=0.1) as client:

        async def at(second: float) -> dict[str, Any]:
            change = {"now": moment(second), "paused": True}
            assert (await client.post("/clock", json=change)).status_code == 200
            return await seen(client)

        late = await at(1.08)
        assert closes(late) == [0.5, 1.0, 1.3]
        assert late["/price/A"]["price"] == 1.2
        (gap,) = [gap for gap in late["/gaps"]["gaps"] if gap["symbol"] == "A"]
        assert (gap["cause"], gap["detail"]) == ("source_silent", "no word")
        lasted = [datetime.fromisoformat(gap[name]) for name in ("start", "end")]
        assert lasted == [datetime.fromisoformat(moment(second)) for second in (0.5, 1.0)]
        early = await at(0.2)
        assert closes(early) == [0.5, 1.0, 1.1]
        assert (early["/price/A"]["price"], early["/gaps"]["gaps"]) == (1.5, [])
        assert await at(1.08) == late
        # At the very beginning no price has come, but what was known before is known.
        first = await at(0.0)
        assert closes(first) == [0.5, 1.0, 1.1]
        assert first["/price/A"]["error"]["code"] == "data_unavailable"
        assert [item["ratio"] for item in first["/actions/A"]["actions"]] == [2.0]
        out = await client.post("/clock", json={"now": moment(-1)})
        assert (out.status_code, out.json()["error"]["code"]) == (422, "invalid_range")


async def test_every_speed_ends_in_the_same(folder: Path) -> None:
    ends = []
    for speed in (5.0, 1000.0, AS_FAST_AS_POSSIBLE):
        async with played(folder, replay_speed=speed) as client:
            await eventually(partial(finished, client))
            ends.append(await seen(client))
            back = {"now": moment(0.0), "speed": speed}
            assert (await client.post("/clock", json=back)).status_code == 200
            await eventually(partial(finished, client))
            ends.append(await seen(client))
    assert all(end == ends[0] for end in ends)


async def test_a_restart_goes_on_where_it_was(folder: Path) -> None:
    async with played(folder, replay_speed=0.1) as client:
        await client.post("/clock", json={"now": moment(0.2), "paused": True, "speed": 2})
    async with played(folder, replay_speed=0.1) as client:
        clock = (await client.get("/clock")).json()
        assert (clock["paused"], clock["speed"]) == (True, 2)
        assert datetime.fromisoformat(clock["now"]) == datetime.fromisoformat(moment(0.2))
        assert (await client.get("/price/A")).json()["price"] == 1.5
    # Other settings begin anew.
    async with played(folder, replay_speed=0.2) as client:
        assert not (await client.get("/clock")).json()["paused"]


async def test_a_damaged_recording_says_how_far_it_can_be_played(folder: Path) -> None:
    part = next((folder / "recordings" / "one").glob("*.arrow"))
    part.write_bytes(b"damaged")
    async with played(folder, replay_speed=1000) as client:

        async def is_told() -> bool:
            return bool((await client.get("/health")).json()["status"] == "degraded")

        await eventually(is_told)
        assert "cannot be read" in (await client.get("/health")).json()["message"]


async def test_what_cannot_be_played_is_refused(folder: Path) -> None:
    environment = AgentEnvironment(name="market_data", data_directory=folder)
    missing = MarketDataSettings(source="recording", recording="two")
    with pytest.raises(SourceRefused, match="no recording 'two'"):
        build_played(missing, environment)
    desk = Desk(folder / "recordings")
    await desk.library.start("two", SOURCE)
    desk.library.hear(ticks_of(0.0, 1.0, source="another"))
    await desk.library.stop("two")
    with pytest.raises(SourceRefused, match="empty"):
        build_played(missing, environment)
    for wrong in (
        {"source": "recording"}, {"replay_speed": 0.05}, {"replay_speed": 1001.0},
        {"source": "recording", "recording": "../one"},
        {"source": "recording", "recording": "one", "replay_speed": 2000.0},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            MarketDataSettings(**wrong)
    real = AgentEnvironment(name="market_data", data_directory=folder, environment="production")
    with pytest.raises(SourceRefused, match="production refuses"):
        check_source(MarketDataSettings(source="recording", recording="one"), real)
