"""The market data agent's typed client.

Owns setting the clock and a stream that comes back after an interruption. What is asked once is
`market_questions`' and `market_tables`'. Errors arrive as the classes the agent raised
(`models.errors`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime

from pydantic import ValidationError

from trading_dashboard.clients.market_questions import (
    PAGE_LIMIT,
    Adjusted,
    MarketDataRefused,
    MarketDataUnavailable,
)
from trading_dashboard.clients.market_stream import follow
from trading_dashboard.clients.market_tables import MarketTables
from trading_dashboard.models.errors import Forbidden
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

SILENCE_SECONDS = 5.0
"""The agent sends a heartbeat each second; after this long without a word the stream is dead."""
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

    async def _connection(self, operation: StreamOperation) -> AsyncGenerator[MarketMessage]:
        """Yield one connection's messages until it is lost."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

        url = self._base_url.replace("http", "ws", 1) + "/stream"
        try:
            async with connect(url, max_size=MAX_MESSAGE_BYTES, proxy=None) as connection:
                await connection.send(operation.model_dump_json(exclude_none=True))
                self.is_streaming = True
                expected = 1
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        text = await connection.recv()
                    message = MARKET_MESSAGE.validate_json(text)
                    if message.seq != expected:
                        return
                    expected += 1
                    yield message
        except InvalidStatus as error:
            if error.response.status_code == 403:
                raise Forbidden(
                    "The agent refused the stream.",
                    subject=url,
                    next_step="Address it as localhost, or start it with --allow-host NAME.",
                ) from error
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, ValidationError):
            return
        finally:
            self.is_streaming = False
