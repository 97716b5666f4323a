"""The stream of patterns: what a reader gets, fast or slow."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from tests.support import eventually
from trading_dashboard.agents.kit import subscribers
from trading_dashboard.agents.kit.streams import Problems
from trading_dashboard.agents.pattern_recognition.live.book import Brought, Event
from trading_dashboard.agents.pattern_recognition.live.found import Finding, Key
from trading_dashboard.agents.pattern_recognition.streaming import outbox as outbox_module
from trading_dashboard.agents.pattern_recognition.streaming.connection import handle
from trading_dashboard.agents.pattern_recognition.streaming.hub import PatternHub
from trading_dashboard.agents.pattern_recognition.streaming.outbox import Outbox, Slot
from trading_dashboard.agents.pattern_recognition.streaming.subscriber import Subscriber

KEY: Key = ("AAPL", "1m")


def event(number: int, name: str = "a", key: Key = KEY, **about: Any) -> Event:
    body = {"id": name, "kind": "chart", "state": about.pop("state", "forming")}
    return Event(number, Finding(key, body, 0, **({"is_new": True} | about)))


class Reader:
    """A hub with one subscriber, and what reached it."""

    def __init__(self, *, ready: bool = True) -> None:
        self.snapshots = 0
        self.event = 0
        self.hub = PatternHub(self.make, lambda: None, lambda symbol: symbol == "AAPL")
        self.subscriber = self.hub.join()
        self.texts: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        if ready:
            self.gate.set()

    async def make(self, _wanted: object) -> tuple[int, dict[str, Any]]:
        self.snapshots += 1
        return self.event, {"patterns": [], "as_of": None}

    async def send(self, text: str) -> None:
        await self.gate.wait()
        self.texts.append(orjson.loads(text))

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [text for text in self.texts if text["type"] == kind]

    def ask(self, **operation: Any) -> Problems:
        return handle(orjson.dumps(operation), self.subscriber, self.hub)


@pytest.fixture
def reader() -> Reader:
    return Reader()


async def run(reader: Reader) -> asyncio.Task[None]:
    return asyncio.create_task(reader.subscriber.pump(reader.send))


async def test_a_snapshot_then_what_happens_numbered_without_a_gap(reader: Reader) -> None:
    pump = await run(reader)
    assert reader.ask(op="subscribe", symbols=["aapl"]) == []
    await eventually(lambda: reader.said("snapshot"))
    reader.hub.happened(Brought([event(1), event(2, was="forming", is_new=False)]))
    reader.hub.happened(Brought([event(3, "other", key=("IBM", "1m"))]))
    await eventually(lambda: reader.said("pattern"))
    assert [text["seq"] for text in reader.texts] == list(range(1, len(reader.texts) + 1))
    assert reader.said("condition")[0]["stale"] is True
    assert {text["detection"]["id"] for text in reader.said("pattern")} == {"a"}
    reader.hub.close()
    await pump


async def test_timeframes_and_kinds_are_chosen(reader: Reader) -> None:
    pump = await run(reader)
    reader.ask(op="subscribe", symbols=["*"], timeframes=["5m"], kinds=["chart"])
    await eventually(lambda: reader.said("snapshot"))
    candle = event(3, "candle", key=("IBM", "5m"))
    candle.found.body["kind"] = "candlestick"
    five = event(2, "five", key=("IBM", "5m"))
    reader.hub.happened(Brought([event(1), candle, five]))
    await eventually(lambda: reader.said("pattern"))
    assert [text["detection"]["id"] for text in reader.said("pattern")] == ["five"]
    reader.hub.close()
    await pump


def test_a_slow_reader_gets_the_newest_state_and_a_count() -> None:
    box = Outbox()
    for number, state in enumerate(["forming", "confirmed", "failed"], 1):
        box.pattern("a", Slot(number, f'"state":"{state}"', number == 1, None))
    box.pattern("b", Slot(4, '"state":"forming"', is_new=False, was="forming"))
    texts = [orjson.loads(f"{{{body}}}") for body in box.drain(10)]
    assert texts == [
        {"state": "failed", "is_new": True, "was": None, "conflated": 2},
        {"state": "forming", "is_new": False, "was": "forming"},
    ]
    assert box.conflated == 2
    assert not box


def test_too_many_that_wait_become_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 3)
    box = Outbox()
    for number in range(1, 7):
        box.pattern(str(number), Slot(number, '"x":1', is_new=True, was=None))
    assert box.needs_snapshot
    assert box.drain(10) == []
    assert len(box) <= 4
    box.has_snapshot(5)
    assert len(box.drain(10)) == 1  # number 6: what the snapshot does not hold


async def test_what_happens_while_a_snapshot_is_made_comes_after_it(reader: Reader) -> None:
    reader.event = 1
    making = asyncio.Event()
    make = reader.make

    async def slowly(wanted: object) -> tuple[int, dict[str, Any]]:
        made = await make(wanted)
        await making.wait()
        return made

    reader.hub._make_snapshot = slowly
    pump = await run(reader)
    reader.ask(op="subscribe", symbols=["*"])
    await eventually(lambda: reader.snapshots)
    reader.hub.happened(Brought([event(1, "in it"), event(2, "after it")]))
    making.set()
    await eventually(lambda: reader.said("pattern"))
    kinds = [text["type"] for text in reader.texts if text["type"] != "condition"]
    assert kinds == ["snapshot", "pattern"]
    assert reader.said("pattern")[0]["event"] == 2
    reader.hub.close()
    await pump


async def test_a_reset_drops_what_waited_and_a_snapshot_follows() -> None:
    reader = Reader(ready=False)
    pump = await run(reader)
    reader.ask(op="subscribe", symbols=["*"])
    reader.hub.happened(Brought([event(1)]))
    reader.hub.forgotten("clock_jump")
    reader.gate.set()
    await eventually(lambda: len(reader.said("snapshot")) >= 1 and reader.said("reset"))
    assert reader.said("pattern") == []
    kinds = [text["type"] for text in reader.texts if text["type"] != "condition"]
    assert kinds[-1] == "snapshot"
    reader.hub.happened(Brought(replaced={KEY}))
    await eventually(lambda: reader.said("reset")[-1]["reason"] == "amended")
    reader.hub.close()
    await pump


async def test_silence_is_filled(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "SILENCE_SECONDS", 0.02)
    pump = await run(reader)
    await eventually(lambda: reader.said("heartbeat"))
    reader.hub.close()
    await pump


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"nonsense", "invalid_operation"),
        (b'{"op":"subscribe"}', "invalid_operation"),
        (b'{"op":"subscribe","symbols":["MSFT"]}', "unknown_symbol"),
    ],
)
def test_what_is_no_operation_is_answered(text: bytes, code: str) -> None:
    async def answer() -> Any:
        reader = Reader()
        return handle(text, reader.subscriber, reader.hub)

    (problem,) = asyncio.run(answer())
    assert problem["error"]["code"] == code
    assert problem["error"]["next_step"]


async def test_unsubscribed_is_not_told(reader: Reader) -> None:
    reader.ask(op="subscribe", symbols=["AAPL"])
    reader.ask(op="unsubscribe", symbols=["AAPL"])
    reader.hub.happened(Brought([event(1)]))
    assert isinstance(reader.subscriber, Subscriber)
    assert len(reader.subscriber.outbox) == 0


def test_what_is_no_longer_followed_keeps_nothing_subscribed(reader: Reader) -> None:
    reader.ask(op="subscribe", symbols=["AAPL"])
    assert reader.ask(op="unsubscribe", symbols=["GONE", "AAPL"]) == []
    assert reader.subscriber.wanted == {}
