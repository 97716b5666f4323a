"""The hub: nothing between snapshot and updates, nothing twice, nobody buffered without end."""

import asyncio

import pytest

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.orchestrator.events import EventHub, Lagged, Subscription

AGENT = AgentInfo(name="a", path="/", url="http://127.0.0.1:1", port=1)


def hub() -> EventHub:
    return EventHub(lambda: {"a": AGENT})


async def test_updates_follow_the_snapshot_without_gap() -> None:
    events = hub()
    events.publish(EventKind.TRANSITION, AGENT)
    with events.subscribe() as subscription:
        assert subscription.snapshot.seq == 1
        events.publish(EventKind.TRANSITION, AGENT)
        events.publish(EventKind.AGENT_CHANGED, AGENT)
        seen = [(await anext(subscription)).event.seq for _ in range(2)]
    assert seen == [2, 3]


async def test_a_reader_that_is_too_slow_is_told() -> None:
    events = hub()
    with events.subscribe(capacity=2) as subscription:
        for _ in range(3):
            events.publish(EventKind.TRANSITION, AGENT)
        with pytest.raises(Lagged):
            await anext(subscription)


async def test_a_waiting_reader_is_woken_by_an_update_and_by_the_end() -> None:
    events = hub()
    with events.subscribe() as subscription:
        first = asyncio.ensure_future(collect(subscription))
        await asyncio.sleep(0)
        events.publish(EventKind.TRANSITION, AGENT)
        await asyncio.sleep(0)
        events.close()
        assert await first == [1]


async def collect(subscription: Subscription) -> list[int]:
    return [update.event.seq async for update in subscription]


async def test_leaving_the_block_unsubscribes() -> None:
    events = hub()
    with events.subscribe():
        assert events.has_subscribers
    assert not events.has_subscribers


async def test_recent_events_leave_out_the_noise_and_are_bounded() -> None:
    events = hub()
    for _ in range(1500):
        events.publish(EventKind.TRANSITION, AGENT)
        events.publish(EventKind.AGENT_CHANGED, AGENT)
    recent = events.recent(2000)
    assert len(recent) == 1000
    assert {event.kind for event in recent} == {EventKind.TRANSITION}
    assert events.recent(0) == []
