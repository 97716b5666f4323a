"""Posting a message later. Owns one pending timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trading_dashboard.orchestrator.messages import Message


class Timer:
    """At most one message that is still to come."""

    def __init__(self, post: Callable[[Message], None]) -> None:
        self._post = post
        self._pending: asyncio.TimerHandle | None = None

    def post_after(self, seconds: float, message: Message) -> None:
        """Post `message` in `seconds`, at once if that is 0, instead of what was pending."""
        self.cancel()
        if seconds <= 0:
            self._post(message)
        else:
            self._pending = asyncio.get_running_loop().call_later(seconds, self._post, message)

    def cancel(self) -> None:
        """Drop what is pending. A message already posted stays posted."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
