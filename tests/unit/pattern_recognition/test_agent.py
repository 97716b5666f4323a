"""The agent over a market in memory: what is answered while it starts, and from which bars."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from tests.support import eventually
from tests.unit.pattern_recognition.live.fake_market import FakeMarket
from tests.unit.pattern_recognition.live.walks import walk
from trading_dashboard.agents.kit import AgentEnvironment
from trading_dashboard.agents.pattern_recognition import assembly, surroundings
from trading_dashboard.agents.pattern_recognition import questions as questions_module
from trading_dashboard.agents.pattern_recognition.agent import WORTHS_AT_ONCE, PatternAgent
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.live import asking, reading
from trading_dashboard.agents.pattern_recognition.live.asking import Choice
from trading_dashboard.agents.pattern_recognition.live.market import History
from trading_dashboard.agents.pattern_recognition.live.series import LiveSeries, moment
from trading_dashboard.agents.pattern_recognition.own_bars import checked_bars
from trading_dashboard.agents.pattern_recognition.questions import Questions
from trading_dashboard.agents.pattern_recognition.scanning import Scanning
from trading_dashboard.agents.pattern_recognition.streaming.connection import handle
from trading_dashboard.agents.pattern_recognition.streaming.subscriber import Interest
from trading_dashboard.agents.pattern_recognition.surroundings import Surroundings
from trading_dashboard.models.market import Interval
from trading_dashboard.models.pattern_api import OwnBars, ScanOrder


class GappyMarket(FakeMarket):
    """One of its hourly bars has no prices."""

    async def history(
        self, symbol: str, timeframe: Interval, *, limit: int, start: date | None = None
    ) -> History:
        found = await super().history(symbol, timeframe, limit=limit, start=start)
        if timeframe != "1h":
            return found
        bars = found.bars
        opened, high, low, close = (
            it.copy() for it in (bars.open, bars.high, bars.low, bars.close)
        )
        for column in (opened, high, low, close):
            column[100] = np.nan
        return History(Bars(bars.time, opened, high, low, close, bars.volume), found.label)


@asynccontextmanager
async def serving(folder: Path, market: FakeMarket, **settings: Any) -> AsyncIterator[PatternAgent]:
    environment = AgentEnvironment(
        name="pattern_recognition",
        data_directory=folder,
        settings={"timeframes": ["1m"], "history_bars": 600, **settings},
    )
    app = assembly.build(environment, market)
    agent: PatternAgent = app.state.agent
    async with agent.lifespan(app):
        yield agent


async def test_who_subscribes_while_the_agent_starts_is_told_once_it_follows(
    tmp_path: Path,
) -> None:
    market = FakeMarket()
    market.is_away = True
    async with serving(tmp_path, market) as agent:
        subscriber = agent.hub.join()
        asked = orjson.dumps({"op": "subscribe", "symbols": ["AAPL"]})
        assert handle(asked, subscriber, agent.hub) == []
        subscriber.outbox.needs_snapshot = False
        market.is_away = False
        await eventually(lambda: len(agent.book.trackers) == 1)
        await eventually(lambda: subscriber.outbox.needs_snapshot)
        assert (await agent.hub.snapshot(subscriber))[1].count('"symbol":"AAPL"')
        # Once it is known what there is, what there is not is refused.
        asked = orjson.dumps({"op": "subscribe", "symbols": ["MSFT"]})
        assert handle(asked, subscriber, agent.hub)[0]["error"]["code"] == "unknown_symbol"
        agent.hub.leave(subscriber)


@pytest.mark.parametrize("limit", [5, 300, 1_700])
async def test_vwap_begins_with_its_session_however_few_bars_are_asked_for(
    tmp_path: Path, limit: int
) -> None:
    market = FakeMarket(at=1_700)
    bars, day = market.bars("AAPL"), 1_440
    expected = np.empty(1_700)
    for start, stop in ((0, day), (day, 1_700)):
        part = bars.between(start, stop)
        money = (part.high + part.low + part.close) / 3 * part.volume
        expected[start:stop] = money.cumsum() / part.volume.cumsum()
    async with serving(tmp_path, market) as agent:
        await eventually(lambda: len(agent.book.trackers) == 1)
        found = await Surroundings(agent).indicator("AAPL", "1m", "vwap", {}, limit)
    assert found["lines"][0]["values"] == pytest.approx(expected[-limit:].tolist(), abs=1e-9)


async def test_vwap_has_no_value_where_the_start_of_its_session_is_too_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "MAX_SESSION_BARS", 10)
    async with serving(tmp_path, FakeMarket(at=1_445)) as agent:
        await eventually(lambda: len(agent.book.trackers) == 1)
        found = await Surroundings(agent).indicator("AAPL", "1m", "vwap", {}, 8)
    values = found["lines"][0]["values"]
    assert [value is None for value in values] == [True] * 3 + [False] * 5


async def test_a_bar_without_prices_leaves_the_levels_their_average_true_range(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, GappyMarket()) as agent:
        found = await Surroundings(agent).levels("AAPL", "1h")
    assert len(found["levels"]) > 3
    for level in found["levels"]:
        distance = (level["price"] - found["close"]) / found["atr"]
        assert level["distance_atr"] == pytest.approx(distance)


async def test_bars_are_taken_where_they_are_added(tmp_path: Path) -> None:
    """A view of the bars made in another thread would hide the next bar from the detectors."""
    threads = []

    class Noting(LiveSeries):
        @property
        def bars(self) -> Bars:
            threads.append(threading.current_thread().name)
            return super().bars

    async with serving(tmp_path, FakeMarket()) as agent:
        await eventually(lambda: len(agent.book.trackers) == 1)
        tracker = agent.book.trackers["AAPL", "1m"]
        tracker.series = Noting(tracker.series.bars)
        await Surroundings(agent).bars("AAPL", "1m", 100)
    assert threads
    assert all(name.startswith("book") for name in threads)


async def test_worths_of_many_let_what_is_live_come_in_between(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeMarket()) as agent:
        await eventually(lambda: agent.book.worths.ledger.timeframes)
        questions = Questions(agent)
        asked = asyncio.create_task(questions.patterns("AAPL", "1m", Choice(), 600))
        turns = 0
        while not asked.done():
            await agent.in_book(lambda: None)
            turns += 1
        found = await asked
        whole = agent.book.worth_of(found["patterns"])
        page = await questions.history("AAPL", "1m", None, offset=0, limit=600)
        subscriber = agent.hub.join()
        agent.hub.subscribe(subscriber, ["*"], Interest(frozenset(), asking.EVERY_KIND))
        snapshot = orjson.loads(f"{{{(await agent.hub.snapshot(subscriber))[1]}}}")
        agent.hub.leave(subscriber)
    assert turns >= len(found["patterns"]) // WORTHS_AT_ONCE > 10
    told = {body["id"]: body["worth"] for body in found["patterns"]}
    assert list(told.values()) == whole
    assert sum(bool(worth) for worth in whole) > 100
    for body in [row["detection"] for row in page["rows"]] + snapshot["patterns"]:
        assert body["worth"] == told[body["id"]]


async def test_bars_of_ones_own_are_looked_at_beside_the_loop_and_say_what_has_no_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def noted(own: OwnBars) -> Bars:
        threads.append(threading.current_thread().name)
        return checked_bars(own)

    monkeypatch.setattr(questions_module, "checked_bars", noted)
    monkeypatch.setattr(questions_module, "MAX_OWN_WORTHS", 100)
    bars = walk(600)
    columns = {name: getattr(bars, name).tolist() for name in ("open", "high", "low", "close")}
    own = OwnBars(timestamp=[moment(time) for time in bars.time.tolist()], **columns)
    async with serving(tmp_path, FakeMarket()) as agent:
        found = await Questions(agent).detect(own)
        monkeypatch.setattr(reading, "MAX_WORTH_BARS", 500)
        longer = await Questions(agent).detect(own)
    assert [name.split("_")[0] for name in threads] == ["asked", "asked"]
    assert "the newest 100 detections" in found["note"]
    assert any(body["worth"] for body in found["patterns"][:100])
    assert len(found["patterns"]) > 200
    assert not any(body["worth"] for body in found["patterns"][100:])
    assert "not measured" in longer["note"]
    assert not any(body["worth"] for body in longer["patterns"])


class SlowMarket(FakeMarket):
    """Bars of days never come."""

    async def history(
        self, symbol: str, timeframe: Interval, *, limit: int, start: date | None = None
    ) -> History:
        if timeframe == "1d":
            await asyncio.Event().wait()
        return await super().history(symbol, timeframe, limit=limit, start=start)


async def test_a_scan_that_waits_for_market_data_is_cancelled_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, SlowMarket()) as agent:
        scanning = Scanning(agent)
        scan = (await scanning.order(ScanOrder(symbols=["AAPL"], timeframe="1d"))).id
        await eventually(lambda: agent.scans.status(scan).state == "running")
        agent.scans.cancel(scan)
        await eventually(lambda: agent.scans.status(scan).state == "cancelled")


async def test_what_scans_found_is_forgotten_when_the_clock_is_set(tmp_path: Path) -> None:
    market = FakeMarket()
    async with serving(tmp_path, market) as agent:
        await eventually(lambda: agent.follower.trouble is None)
        scanning = Scanning(agent)
        scan = (await scanning.order(ScanOrder(timeframe="1m", within_bars=300))).id
        await eventually(lambda: agent.scans.status(scan).state == "complete")
        found = await scanning.found(scan, 0, 2_000)
        told = [(body["known_at"], body["symbol"]) for body in found["patterns"]]
        assert told == sorted(told, reverse=True)
        assert len(told) > 50
        market.at = 650
        market.reset("clock_jump")
        await eventually(lambda: agent.scans.status(scan).state == "failed")
        found = await scanning.found(scan, 0, 10)
    assert found["patterns"] == []
    assert "clock_jump" in found["status"]["message"]
