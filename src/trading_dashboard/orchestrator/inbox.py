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
        self._is_read = True
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    def post(self, message: Message) -> None:
        """Add a message; a request that nobody will ever read is refused at once."""
        if not self._is_read:
            refuse(message)
            return
        if isinstance(message, StartRequested | RestartRequested):
            self.is_wanted = True
        elif isinstance(message, StopRequested):
            self.is_wanted = False
        self._queue.put_nowait(message)

    async def get(self) -> Message:
        """Return the next message."""
        return await self._queue.get()

    def open(self) -> None:
        """From now on somebody reads."""
        self._is_read = True

    def close(self) -> None:
        """Answer every request left, and every later one, with False: nobody waits for ever."""
        self._is_read = False
        while not self._queue.empty():
            refuse(self._queue.get_nowait())


def refuse(message: Message) -> None:
    """Answer a request with False; other messages have nobody waiting."""
    if isinstance(message, StartRequested | StopRequested | RestartRequested):
        settle(message.done, False)
