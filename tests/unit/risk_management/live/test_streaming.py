"""What readers of the stream get: all that happened, the newest of what stands, or the door."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from tests.unit.risk_management.live.fake_market import FakeMarket
from tests.unit.risk_management.live.placing import ME, filled, ticket
from trading_dashboard.agents.risk_management.streaming import outbox as outbox_module
from trading_dashboard.agents.risk_management.streaming.hub import RiskHub
from trading_dashboard.agents.risk_management.streaming.subscriber import Subscriber
from trading_dashboard.models.risk.stream import RISK_MESSAGE


class Reader:
    """Reads a subscriber's messages, each valid and in sequence."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.heard: list[Any] = []
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.pumping = asyncio.create_task(subscriber.pump(self._take))

    async def _take(self, text: str) -> None:
        await self.may_read.wait()
        message = RISK_MESSAGE.validate_python(orjson.loads(text))
        assert message.seq == len(self.heard) + 1
        self.heard.append(message)

    def kinds(self) -> list[str]:
        return [message.type for message in self.heard]


async def test_orders_fills_and_the_gate_come_as_they_happen(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        reader = Reader(agent.hub.join())
        await eventually(lambda: reader.heard)
        assert reader.heard[0].gate.trading_allowed
        order, _ = await agent.desk.place(ticket(), ME)
        await filled(agent, market, order)
        agent.gate.kill("a test", ME)
        await eventually(lambda: "gate" in reader.kinds() and held(reader))
        told = [one for one in reader.heard if one.type == "order"]
        assert [one.order.status.value for one in told] == ["working", "filled"]
        assert told[1].fill.price == told[1].order.average_price
        assert held(reader)[0].quantity == 10
        reader.pumping.cancel()


def held(reader: Reader) -> list[Any]:
    """Return the holdings of the newest account; one from before a fill may come first."""
    accounts = [one.account for one in reader.heard if one.type == "account"]
    return list(accounts[-1].positions) if accounts else []


def hub() -> RiskHub:
    account = {"source": "t", "as_of": None, "cash": "1", "market_value": "0", "equity": "1"}
    account |= {"realised": "0", "realised_fifo": "0", "unrealised": "0", "fees": "0"}
    gate = {"state": "halted", "trading_allowed": False, "causes": [], "seq": 1}
    gate |= {"since": "2026-03-02T00:00:00Z", "as_of": "2026-03-02T00:00:00Z"}
    body = {"gate": gate, "account": {**account, "positions": []}, "orders": []}
    return RiskHub(lambda: {**body, "limits": {"limits": [], "as_of": None, "seq": 0}})


async def test_a_slow_reader_gets_the_newest_state_and_every_event() -> None:
    one = hub()
    subscriber = one.join()
    reader = Reader(subscriber)
    await eventually(lambda: reader.heard)
    reader.may_read.clear()
    for place in range(50):
        one.stands("limits", lambda place=place: _limits(place))  # type: ignore[misc]
        one.happened("gate", one._snapshot()["gate"] and {"gate": one._snapshot()["gate"]})
    reader.may_read.set()
    await eventually(lambda: reader.kinds().count("gate") == 50)
    await eventually(lambda: "limits" in reader.kinds())
    last = [message for message in reader.heard if message.type == "limits"][-1]
    assert last.limits.seq == 49
    assert sum(m.conflated + 1 for m in reader.heard if m.type == "limits") == 50
    assert one.conflated > 0
    reader.pumping.cancel()


def _limits(seq: int) -> dict[str, Any]:
    return {"limits": {"limits": [], "as_of": None, "seq": seq}}


async def test_a_reader_that_never_reads_is_shown_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_EVENTS", 10)
    one = hub()
    subscriber = one.join()
    for _ in range(20):
        one.happened("gate", {"gate": one._snapshot()["gate"]})
    assert subscriber.outbox.has_overflown
    async with asyncio.timeout(1):
        await subscriber.pump(lambda _: asyncio.sleep(0))
    one.leave(subscriber)
    assert one.empty.is_set()


async def test_silence_is_filled() -> None:
    reader = Reader(hub().join())
    await eventually(lambda: reader.kinds()[:2] == ["snapshot", "heartbeat"])
    reader.pumping.cancel()
