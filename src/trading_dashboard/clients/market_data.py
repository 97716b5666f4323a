"""The market data agent's typed client.

Owns setting the clock and a stream that comes back after an interruption. What is asked once is
`market_questions`' and `market_tables`'. Errors arrive as the classes the agent raised
(`models.errors`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime

from trading_dashboard.clients.market_questions import (
    PAGE_LIMIT,
    Adjusted,
    MarketDataRefused,
    MarketDataUnavailable,
)
from trading_dashboard.clients.market_stream import follow
from trading_dashboard.clients.market_tables import MarketTables
from trading_dashboard.models.market_api import (
    MARKET_MESSAGE,
    ClockChange,
    ClockResponse,
    MarketMessage,
    StreamOperation,
)

__all__ = [
    "PAGE_LIMIT",
    "Adjusted",
    "MarketDataClient",
    "MarketDataRefused",
    "MarketDataUnavailable",
]

MAX_MESSAGE_BYTES = 1024 * 1024


class MarketDataClient(MarketTables):
    """Talks to one market data agent. Use it as an async context manager, from one event loop."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        """Make a client.

        Args:
            base_url: Such as ``http://localhost:8000``.
            token: The operator token; needed by `set_clock` only.
        """
        super().__init__(base_url)
        self.is_streaming = False
        """A connection of `stream` stands."""
        self._token = token

    async def set_clock(
        self,
        *,
        speed: float | None = None,
        paused: bool | None = None,
        now: datetime | None = None,
    ) -> ClockResponse:
        """Change the replay; returns once the change is durable.

        Raises:
            Unauthorized: No token was given, or not the agent's.
            InvalidRange: `now` is outside the data.
        """
        change = ClockChange(speed=speed, paused=paused, now=now)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = change.model_dump(mode="json", exclude_none=True)
        return await self._request("POST", "/clock", ClockResponse, json=body, headers=headers)

    # The stream

    async def stream(
        self, symbols: Sequence[str], intervals: Sequence[str] = (), *, closed_only: bool = False
    ) -> AsyncGenerator[MarketMessage]:
        """Yield messages for ever, over as many connections as it takes.

        After an interruption it goes on with what came meanwhile, nothing twice; a `StreamResumed`
        says so. What the agent does not know any more begins anew: a `MarketReset` with a `symbol`
        (reason ``gap``), or of all (reason ``reconnected``), then snapshots. Forget what was
        received of it and read history anew, of `start` to `end` if it names them. A gap in the
        sequence counts as an interruption. Refusals end the stream with their error; silence and
        lost connections do not.

        Args:
            symbols: Names, or patterns such as ``*`` and ``BTC/*``.
            intervals: Bars wanted besides ticks.
            closed_only: Bars only once they have closed, and no ticks.

        Raises:
            Forbidden: The agent does not answer to this host name.
        """
        following = follow(self._connection, symbols, intervals, closed_only=closed_only)
        async with aclosing(following) as messages:
            async for message in messages:
                yield message

    # Private

    def _connection(self, operation: StreamOperation) -> AsyncGenerator[MarketMessage]:
        """Return one connection's messages until it is lost."""
        first = operation.model_dump_json(exclude_none=True)
        return self._messages(MARKET_MESSAGE, max_bytes=MAX_MESSAGE_BYTES, first=first)

    def _is_connected(self, is_connected: bool) -> None:
        self.is_streaming = is_connected
