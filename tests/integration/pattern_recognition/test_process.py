"""A pattern agent beside a real market data agent: killed, left alone, and asked again."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import httpx

from tests.integration.market_data.conftest import AgentProcess, StartAgent
from tests.integration.pattern_recognition.conftest import StartPatterns, wait_until_it_follows
from tests.support import eventually_sync
from trading_dashboard.agents.pattern_recognition.shapes.detect import search
from trading_dashboard.models.patterns import PatternsResponse

SETTINGS: dict[str, Any] = {"timeframes": ["1m", "5m"], "symbols": ["AAPL"], "history_bars": 600}


def patterns(agent: AgentProcess, timeframe: str = "1m") -> list[dict[str, Any]]:
    """Return all patterns, without their worth."""
    answer = agent.get(f"/patterns/AAPL?timeframe={timeframe}&limit=2000").json()
    PatternsResponse.model_validate(answer)
    return [{**body, "worth": None} for body in answer["patterns"]]


def as_of(agent: AgentProcess) -> str:
    return str(agent.get("/patterns/AAPL?timeframe=1m&limit=1").json()["as_of"])


def cut(bodies: list[dict[str, Any]], at: str) -> dict[str, Any]:
    """Return what was known of detections at a time: their ids and what had become of them."""
    return {
        body["id"]: [change for change in body["changes"] if change["at"] <= at]
        for body in bodies
        if body["known_at"] <= at
    }


def advance(market: AgentProcess, agents: list[AgentProcess], before: str) -> None:
    """Let market time pass for a moment, stop it, and wait until all have seen the same."""
    market.set_clock(paused=False, speed=1000)
    eventually_sync(lambda: as_of(agents[0]) > before, 20)
    market.set_clock(paused=True)
    newest = f"{market.url}/historical/AAPL?interval=1m&limit=1"

    def seen() -> bool:
        bars = market.get(newest.removeprefix(market.url)).json()["data"]
        return all(as_of(agent) == bars[-1]["timestamp"] for agent in agents)

    eventually_sync(seen, 20)


def test_kills_and_gaps_leave_no_trace(
    start_agent: StartAgent, start_patterns: StartPatterns, tmp_path: Path, data: Path
) -> None:
    market = start_agent()
    market.set_clock(paused=True)
    whole = start_patterns(market, "whole", **SETTINGS)
    cut_off = start_patterns(market, "cut", **SETTINGS)
    for agent in (whole, cut_off):
        wait_until_it_follows(agent, 2)
    started = as_of(whole)
    advance(market, [whole, cut_off], started)
    middle, known = as_of(whole), patterns(whole)

    # Patterns are killed, market time goes on; then market data is killed, too.
    cut_off.end(signal.SIGKILL)
    advance(market, [whole], middle)
    gap = as_of(whole)
    cut_off = start_patterns(market, "cut", **SETTINGS)
    wait_until_it_follows(cut_off, 2)
    market.end(signal.SIGKILL)
    eventually_sync(lambda: whole.get("/health").json()["data"]["state"] == "stale", 20)
    # How whole series are searched is told, in health and in the log.
    assert whole.get("/health").json()["checks"]["search"]["message"] == str(search())
    assert str(search()) in whole.log.read_text()
    answer = whole.get("/patterns/AAPL?timeframe=1m").json()
    assert answer["stale"] is True
    assert whole.get("/patterns/IBM?timeframe=1m").json()["error"]["code"] == "data_unavailable"

    market = _again(start_agent, market, data)
    eventually_sync(lambda: whole.get("/health").json()["data"]["state"] == "fresh", 30)
    market.set_clock(paused=True)
    advance(market, [whole, cut_off], gap)

    for timeframe in ("1m", "5m"):
        found = patterns(cut_off, timeframe)
        assert found == patterns(whole, timeframe)
        assert len({body["id"] for body in found}) == len(found) > 100
    # What was answered earlier is what is answered now, cut at that time.
    limit = min(body["known_at"] for body in known)
    later = [body for body in patterns(whole) if body["known_at"] >= limit]
    oldest = min(body["known_at"] for body in later)
    earlier = [body for body in known if body["known_at"] > oldest]
    assert cut([b for b in later if b["known_at"] > oldest], middle) == cut(earlier, middle)

    _sets_back(market, whole)
    assert (whole.end(), cut_off.end()) == (0, 0)


def _sets_back(market: AgentProcess, whole: AgentProcess) -> None:
    """Set the clock back: nothing later than it is answered."""
    market.set_clock(now="2012-08-01T15:00:00Z", paused=True)
    eventually_sync(lambda: as_of(whole) < "2012-08-01T15:00:00Z", 30)
    wait_until_it_follows(whole, 2)
    assert {body["known_at"] for body in patterns(whole)}
    assert all(body["known_at"] < "2012-08-01T15:00:00Z" for body in patterns(whole))


def _again(start_agent: StartAgent, market: AgentProcess, data: Path) -> AgentProcess:
    """Return market data started again at the same address."""
    return start_agent(port=market.port, directory=data)


def test_it_says_what_it_cannot_use(start_agent: StartAgent, start_patterns: StartPatterns) -> None:
    market = start_agent()
    market.set_clock(paused=True)
    began = time.monotonic()
    agent = start_patterns(market, **SETTINGS)
    assert time.monotonic() - began < 15
    wait_until_it_follows(agent, 2)
    assert agent.get("/patterns/XYZ").json()["error"]["code"] == "unknown_symbol"
    order = {"timeframe": "1d", "bars": 300, "within_bars": 20}
    scan = httpx.post(f"{agent.url}/scan", json=order, trust_env=False).json()

    def is_over() -> bool:
        return bool(agent.get(f"/scan/{scan['id']}").json()["state"] == "complete")

    eventually_sync(is_over, 30)
    found = agent.get(f"/scan/{scan['id']}/patterns?limit=2000").json()
    assert found["total"] == len(found["patterns"]) > 20
    assert {body["symbol"] for body in found["patterns"]} == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    one = {body["id"]: body for body in found["patterns"] if body["symbol"] == "AAPL"}
    same = agent.get("/patterns/AAPL?timeframe=1d&limit=2000").json()["patterns"]
    candles = {body["id"] for body in same if body["kind"] == "candlestick"}
    assert {name for name, body in one.items() if body["kind"] == "candlestick"} <= candles
