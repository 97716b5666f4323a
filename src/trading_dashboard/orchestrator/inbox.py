"""The messages one agent's task has not read yet, and what the newest request among them wants.

Whoever posts never waits, and a stop need not wait for what the task is doing (`unless_stopped`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from trading_dashboard.orchestrator.messages import (
    MaintenanceRequested,
    Message,
    RestartRequested,
    SettingsChanged,
    StartRequested,
    StopRequested,
)
from trading_dashboard.orchestrator.waiters import settle

T = TypeVar("T")


class StopPosted(Exception):
    """What was being done is not wanted any more: a request to stop is waiting to be read."""


class Inbox:
    """A queue of messages. Posting never blocks and never fails."""

    def __init__(self) -> None:
        self.is_wanted = False
        """The last request was to run: a dependent may wait for the agent."""
        self._is_read = True
        self._stops = 0
        self._requests = 0
        self._stop_posted = asyncio.Event()
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    def post(self, message: Message) -> None:
        """Add a message; a request that nobody will ever read is refused at once."""
        if not self._is_read:
            refuse(message)
            return
        if isinstance(message, StartRequested | RestartRequested | StopRequested):
            self._requests += 1
        if isinstance(message, StartRequested | RestartRequested):
            self.is_wanted = True
        elif isinstance(message, StopRequested):
            self.is_wanted = False
            self._stops += 1
            self._stop_posted.set()
        self._queue.put_nowait(message)

    async def get(self) -> Message:
        """Return the next message."""
        message = await self._queue.get()
        if isinstance(message, StartRequested | RestartRequested | StopRequested):
            self._requests -= 1
        if isinstance(message, StopRequested):
            self._stops -= 1
            if not self._stops:
                self._stop_posted.clear()
        return message

    def decide(self, is_wanted: bool) -> None:
        """A rule decided whether the agent is to run; a request nobody has read yet counts more."""
        if not self._requests:
            self.is_wanted = is_wanted

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; drop it as soon as a stop is posted.

        Raises:
            StopPosted: There is a request to stop that was not read yet.
        """
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop_posted.wait())
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            if self._stops:  # also if the work is done by now: nothing may follow from it
                raise StopPosted
            return working.result()
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    def open(self) -> None:
        """From now on somebody reads."""
        self._is_read = True

    def close(self) -> None:
        """Answer every request left, and every later one, with False: nobody waits for ever."""
        self._is_read = False
        self._stops = self._requests = 0
        self._stop_posted.clear()
        while not self._queue.empty():
            refuse(self._queue.get_nowait())


def refuse(message: Message) -> None:
    """Answer a request with False; other messages have nobody waiting."""
    if isinstance(
        message,
        StartRequested | StopRequested | RestartRequested | SettingsChanged | MaintenanceRequested,
    ):
        settle(message.done, False)
