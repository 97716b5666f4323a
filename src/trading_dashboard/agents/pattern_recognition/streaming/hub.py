"""`/stream`: who is subscribed to what, and handing on what has happened.

Owns the subscribers. What happened is written as JSON once, whoever reads it. It all runs on the
event loop; a snapshot is made where the book lives, and whatever happens meanwhile waits behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from trading_dashboard.agents.kit.subscribers import Subscribers
from trading_dashboard.agents.pattern_recognition.live.book import Brought, Event
from trading_dashboard.agents.pattern_recognition.streaming.outbox import Slot
from trading_dashboard.agents.pattern_recognition.streaming.subscriber import Interest, Subscriber

RESNAPSHOT_SECONDS = 1.0
"""While histories are loading, who reads them gets a new snapshot this often at most."""

MakeSnapshot = Callable[[dict[str, Interest]], Awaitable[tuple[int, dict[str, Any]]]]


class PatternHub(Subscribers[Subscriber]):
    """All subscribers of this agent; what the follower tells."""

    def __init__(
        self,
        make_snapshot: MakeSnapshot,
        as_of: Callable[[], str | None],
        knows: Callable[[str], bool],
    ) -> None:
        super().__init__()
        self.knows = knows
        """Says whether a symbol is followed."""
        self.reason: str | None = "Market data has not answered yet."
        """Why nothing newer is known; None while the market is followed."""
        self._make_snapshot = make_snapshot
        self._as_of = as_of
        self._due: asyncio.TimerHandle | None = None
        self._renewed: set[tuple[str, str]] = set()

    # What happens

    def happened(self, outcome: Brought) -> None:
        """Hand events on; who reads what was replaced begins anew."""
        touched: set[Subscriber] = set()
        if outcome.replaced:
            for subscriber in self._subscribers:
                if subscriber.wants_any(outcome.replaced):
                    subscriber.outbox.reset('"type":"reset","reason":"amended"')
                    touched.add(subscriber)
        if self._subscribers:
            for event in outcome.events:
                touched |= self._hand_on(event)
        for subscriber in touched:
            subscriber.wake()
        if outcome.loaded and self._subscribers:
            self._renew_later(outcome)

    def forgotten(self, reason: str) -> None:
        """Tell everybody that all begins anew."""
        body = f'"type":"reset","reason":{_text(reason)}'
        for subscriber in self._subscribers:
            subscriber.outbox.reset(body)
            subscriber.wake()

    def condition(self, reason: str | None) -> None:
        """Tell everybody whether the market is followed."""
        self.reason = reason
        body = self._condition_body()
        for subscriber in self._subscribers:
            subscriber.outbox.condition(body)
            subscriber.wake()

    # Subscribers

    def join(self) -> Subscriber:
        """Add a subscriber, who is told the condition at once."""
        subscriber = Subscriber(self.snapshot)
        self._enter(subscriber)
        subscriber.outbox.condition(self._condition_body())
        return subscriber

    def subscribe(self, subscriber: Subscriber, symbols: list[str], wanted: Interest) -> None:
        """Add symbols; a snapshot of all that is wanted now follows."""
        for symbol in symbols:
            subscriber.wanted[symbol] = wanted
        subscriber.outbox.needs_snapshot = True
        subscriber.wake()

    def unsubscribe(self, subscriber: Subscriber, symbols: list[str]) -> None:
        """Remove symbols."""
        for symbol in symbols:
            subscriber.wanted.pop(symbol, None)

    async def snapshot(self, subscriber: Subscriber) -> tuple[int, str]:
        """Return a snapshot of all that a subscriber wants, and the event it is of."""
        event, body = await self._make_snapshot(dict(subscriber.wanted))
        body = {"type": "snapshot", "event": event, "stale": self.reason is not None, **body}
        return event, orjson.dumps(body).decode()[1:-1]

    def close(self) -> None:
        """End every subscriber's pump."""
        if self._due is not None:
            self._due.cancel()
        super().close()

    # Private

    def _hand_on(self, event: Event) -> set[Subscriber]:
        found, body = event.found, event.found.body
        readers = {it for it in self._subscribers if it.wants(found.key, body["kind"])}
        if readers:
            text = orjson.dumps({**body, "worth": event.worth}).decode()
            inside = f'"type":"pattern","event":{event.number},"detection":{text}'
            for reader in readers:
                slot = Slot(event.number, inside, found.is_new, found.was)
                reader.outbox.pattern(body["id"], slot)
        return readers

    def _renew_later(self, outcome: Brought) -> None:
        self._renewed |= outcome.loaded
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(RESNAPSHOT_SECONDS, self._renew)

    def _renew(self) -> None:
        self._due = None
        renewed, self._renewed = self._renewed, set()
        for subscriber in self._subscribers:
            if subscriber.wants_any(renewed):
                subscriber.outbox.needs_snapshot = True
                subscriber.wake()

    def _condition_body(self) -> str:
        about = {"stale": self.reason is not None, "reason": self.reason, "as_of": self._as_of()}
        return f'"type":"condition",{orjson.dumps(about).decode()[1:-1]}'


def _text(value: str) -> str:
    return orjson.dumps(value).decode()
