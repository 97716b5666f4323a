"""The agent over a market in memory: what is answered while it starts, and from which bars."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.support import eventually
from tests.unit.pattern_recognition.live.fake_market import FakeMarket
from trading_dashboard.agents.kit import AgentEnvironment
from trading_dashboard.agents.pattern_recognition import assembly
from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.streaming.connection import handle


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
