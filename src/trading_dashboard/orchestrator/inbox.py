"""The messages one agent's task has not read yet, and what the newest request among them wants."""

from __future__ import annotations

import asyncio

from trading_dashboard.orchestrator.messages import (
    Message,
    RestartRequested,
    StartRequested,
    StopRequested,
)
from trading_dashboard.orchestrator.waiters import settle


class Inbox:
    """A queue of messages. Posting never blocks and never fails."""

    def __init__(self) -> None:
        self.is_wanted = False
        """The last request was to run: a dependent may wait for the agent."""
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    def post(self, message: Message) -> None:
        """Add a message."""
        if isinstance(message, StartRequested | RestartRequested):
            self.is_wanted = True
        elif isinstance(message, StopRequested):
            self.is_wanted = False
        self._queue.put_nowait(message)

    async def get(self) -> Message:
        """Return the next message."""
        return await self._queue.get()

    def refuse_all(self) -> None:
        """Answer every request left with False, so that nobody waits for ever."""
        while not self._queue.empty():
            refuse(self._queue.get_nowait())


def refuse(message: Message) -> None:
    """Answer a request with False; other messages have nobody waiting."""
    if isinstance(message, StartRequested | StopRequested | RestartRequested):
        settle(message.done, False)
