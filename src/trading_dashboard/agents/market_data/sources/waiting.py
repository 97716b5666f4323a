"""Waiting for a provider: never longer than a deadline, and not past the source's closing.

Owns the clock of every question under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from trading_dashboard.agents.market_data.sources.contract import SourceUnreachable

Result = TypeVar("Result")


class Pending:
    """Waits between `open` and `close`, in one loop."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._is_open = False
        self._under_way: set[asyncio.Timeout] = set()

    def open(self) -> None:
        """Allow questions."""
        self._is_open = True

    def close(self) -> None:
        """Fail whoever waits."""
        self._is_open = False
        for timeout in [one for one in self._under_way if not one.expired()]:
            timeout.reschedule(asyncio.get_running_loop().time())

    def check(self) -> None:
        """Raise `SourceUnreachable` if closed."""
        if not self._is_open:
            raise SourceUnreachable(f"{self._source} is not open.")

    async def of(self, answer: Awaitable[Result], seconds: float | None) -> Result:
        """Return an answer that comes in time; None is as long as it takes.

        Raises:
            SourceUnreachable: It did not, or the source was closed.
        """
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                self._under_way.add(timeout)
                return await answer
        except TimeoutError:
            if not timeout.expired():
                raise
        finally:
            self._under_way.discard(timeout)
        if not self._is_open:
            raise SourceUnreachable(f"{self._source} was closed while it was asked.")
        raise SourceUnreachable(f"{self._source} did not answer within {seconds:g} s.")
