"""The market data agent's stream as a client reads it, over as many connections as it takes.

Owns coming back: where a connection broke, the next one asks for what came since, and what comes
twice by that is dropped. What cannot be had any more is told as a `MarketReset`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from trading_dashboard.models.market_api import (
    BarUpdate,
    ClockUpdate,
    MarketMessage,
    MarketReset,
    PriceTick,
    StreamOperation,
    StreamResumed,
)

FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0

Connect = Callable[[StreamOperation], AsyncGenerator[MarketMessage]]


class Progress:
    """How far a reader has been told all, and what it was told beyond."""

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.complete = 0
        """The event up to which all was received; 0 while that cannot be said."""
        self.newest: datetime | None = None
        """The newest market time received."""
        self._beyond: dict[tuple[object, ...], int] = {}
        """What was received of later events, with the event: it may come again."""

    def operation(
        self, symbols: Sequence[str], intervals: Sequence[str], *, closed_only: bool = False
    ) -> StreamOperation:
        """Return the subscription that goes on where this is."""
        is_known = self.complete > 0 and self.epoch is not None
        return StreamOperation(
            op="subscribe",
            symbols=list(symbols),
            intervals=list(intervals),
            resume_from=self.complete if is_known else None,
            epoch=self.epoch if is_known else None,
            since=self.newest if is_known else None,
            closed_only=closed_only or None,
        )

    def take(self, message: MarketMessage) -> bool:
        """Take note of a message; False if it was received before."""
        if isinstance(message, ClockUpdate):
            if message.epoch != self.epoch:
                self._changed_to(message.epoch)
            self.newest = message.clock.now
            return True
        if isinstance(message, MarketReset) and message.symbol is None:
            self._changed_to(self.epoch)
            return True
        if isinstance(message, StreamResumed):
            self._told(message.event or self.complete)
            return True
        if message.event is None:
            return True
        identity = _identity(message)
        is_new = identity is None or identity not in self._beyond
        told = message.event if message.complete is None else message.complete
        self._told(told)
        if identity is not None and message.event > self.complete:
            self._beyond[identity] = message.event
        return is_new

    def _changed_to(self, epoch: str | None) -> None:
        self.epoch, self.complete = epoch, 0
        self._beyond.clear()

    def _told(self, event: int) -> None:
        if event > self.complete:
            self.complete = event
            beyond = self._beyond.items()
            self._beyond = {key: number for key, number in beyond if number > event}


def _identity(message: MarketMessage) -> tuple[object, ...] | None:
    """Return what is the same when a message comes twice; None of what is a state anyway."""
    if isinstance(message, PriceTick):
        return message.symbol, message.price.seq
    if isinstance(message, BarUpdate) and message.bar.closed:
        bar = message.bar
        return message.symbol, message.interval, bar.timestamp, bar.revision
    return None


async def follow(
    connect: Connect, symbols: Sequence[str], intervals: Sequence[str], *, closed_only: bool = False
) -> AsyncGenerator[MarketMessage]:
    """Yield messages for ever; see `MarketDataClient.stream`."""
    attempts = 0
    progress = Progress()
    is_first = True
    while True:
        received = False
        operation = progress.operation(symbols, intervals, closed_only=closed_only)
        # Closed by name: who stops reading has left the agent, too, not only when collected.
        async with aclosing(connect(operation)) as messages:
            async for message in messages:
                if not received and not is_first and operation.resume_from is None:
                    yield MarketReset(type="reset", seq=0, reason="reconnected")
                received, is_first, attempts = True, False, 0
                if progress.take(message):
                    yield message
        attempts += 1
        ceiling = min(FIRST_RETRY_SECONDS * 2**attempts, MAX_RETRY_SECONDS)
        await asyncio.sleep(random.uniform(FIRST_RETRY_SECONDS / 2, ceiling))
