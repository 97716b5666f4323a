"""Questions under way, shared by all who ask the same.

Owns the tasks that ask: one asker's leaving does not disturb the others, and a question that nobody
waits for any more is cancelled. Knows nothing of sources.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable, Sequence
from typing import Any

from trading_dashboard.agents.market_data.sources.contract import SourceUnreachable


class Flight:
    """One question under way and how many wait for it."""

    __slots__ = ("askers", "keys", "task")

    def __init__(self, keys: Sequence[Hashable], task: asyncio.Task[Any]) -> None:
        self.keys = keys
        self.task = task
        self.askers = 0


class Flights:
    """All questions under way, by what they answer."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Flight] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.joined = 0
        """Questions that were answered by one already under way."""

    def __len__(self) -> int:
        return len(self._tasks)

    def find(self, key: Hashable) -> Flight | None:
        """Return the flight that will answer this, if there is one."""
        return self._by_key.get(key)

    def start(self, keys: Sequence[Hashable], work: Coroutine[Any, Any, Any]) -> Flight:
        """Begin a question that answers all these keys; somebody must wait for it at once."""
        task = asyncio.create_task(work)
        flight = Flight(keys, task)
        for key in keys:
            self._by_key[key] = flight
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._ended(flight))
        return flight

    async def result(self, flight: Flight) -> Any:
        """Return what the question brought, or raise what it raised."""
        self.joined += flight.askers > 0
        flight.askers += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if flight.task.cancelled() and asker is not None and not asker.cancelling():
                raise SourceUnreachable("The sources are being closed") from None
            raise
        finally:
            flight.askers -= 1
            if flight.askers == 0 and not flight.task.done():
                self._forget(flight)
                flight.task.cancel()

    async def close(self) -> None:
        """Cancel what is under way and wait for its end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, flight: Flight) -> None:
        self._tasks.discard(flight.task)
        self._forget(flight)
        if not flight.task.cancelled():
            # Whoever waited was told; if all had left, nobody else will look.
            flight.task.exception()

    def _forget(self, flight: Flight) -> None:
        for key in flight.keys:
            if self._by_key.get(key) is flight:
                del self._by_key[key]
