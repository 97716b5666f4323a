"""The pattern recognition agent: the life of its parts, and what it says of its health.

Owns what is started and closed in which order, and the threads: the book with its record belongs to
one, what is computed for a question and changes nothing to another.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI

from trading_dashboard.agents.pattern_recognition.live import asking
from trading_dashboard.agents.pattern_recognition.live.book import Brought, PatternBook
from trading_dashboard.agents.pattern_recognition.live.follower import NOT_YET, Follower
from trading_dashboard.agents.pattern_recognition.live.found import Body
from trading_dashboard.agents.pattern_recognition.live.market import Market
from trading_dashboard.agents.pattern_recognition.live.reading import Reader
from trading_dashboard.agents.pattern_recognition.live.record import Record
from trading_dashboard.agents.pattern_recognition.scan.jobs import ScanJobs
from trading_dashboard.agents.pattern_recognition.scan.process_pool import default_map
from trading_dashboard.agents.pattern_recognition.shapes.detect import search
from trading_dashboard.agents.pattern_recognition.streaming.hub import PatternHub
from trading_dashboard.agents.pattern_recognition.streaming.subscriber import Interest
from trading_dashboard.models.pattern_settings import PatternSettings

Result = TypeVar("Result")

WORTHS_AT_ONCE = 32
"""Detections whose worth is looked up together, in about 20 ms."""

logger = logging.getLogger(__name__)


class PatternAgent:
    """Everything this process holds. Made before the event loop runs, `lifespan` within it."""

    def __init__(self, record: Record, market: Market, settings: PatternSettings) -> None:
        self.settings = settings
        self.market = market
        self.record = record
        self.book = PatternBook(record, settings.shapes, settings.worth, settings.history_bars)
        self.hub = PatternHub(self._snapshot, lambda: self.as_of, self._follows)
        self.follower = Follower(
            market,
            self.book,
            self,
            self.in_book,
            symbols=settings.symbols,
            timeframes=settings.timeframes,
            history_bars=settings.history_bars,
        )
        self.reader = Reader(market, self.computed, settings)
        self.scans = ScanJobs(default_map())
        self.as_of: str | None = None
        """The newest bar looked at, as told."""
        self.failure: str | None = None
        self._book_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="book")
        self._asked_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="asked")

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Follow the market while serving."""
        following = asyncio.create_task(self.follower.run(), name="follower")
        following.add_done_callback(self._follower_ended)
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await asyncio.to_thread(self.scans.close)
            await self.in_book(self.record.close)
            self._book_thread.shutdown()
            self._asked_thread.shutdown(cancel_futures=True)
            await self.market.close()

    async def close_streams(self) -> None:
        """End every stream; returns once their last message is on its way."""
        self.hub.close()
        await self.hub.empty.wait()

    async def in_book(self, work: Callable[[], Result]) -> Result:
        """Do what reads or changes the book, in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._book_thread, work)

    async def computed(self, work: Callable[[], Result]) -> Result:
        """Compute an answer that needs nothing of the book, beside it."""
        return await asyncio.get_running_loop().run_in_executor(self._asked_thread, work)

    async def worth_of(self, bodies: Sequence[Body]) -> list[list[Body]]:
        """Return the worth of detections as known when they were confirmed.

        A few at a time: thousands take seconds, and bars that close meanwhile come in between.
        """
        found: list[list[Body]] = []
        for start in range(0, len(bodies), WORTHS_AT_ONCE):
            some = bodies[start : start + WORTHS_AT_ONCE]
            found += await self.in_book(partial(self.book.worth_of, some))
        return found

    # What the follower tells

    def happened(self, outcome: Brought) -> None:
        """See `follower.Listener`."""
        self.as_of = asking.as_of(self.book)
        self.hub.happened(outcome)

    def forgotten(self, reason: str) -> None:
        """See `follower.Listener`."""
        self.as_of = None
        self.scans.void(f"Market data began anew ({reason}) after this scan. Order it again.")
        self.hub.forgotten(reason)

    def condition(self, reason: str | None) -> None:
        """See `follower.Listener`."""
        self.hub.condition(reason)

    @property
    def is_stale(self) -> bool:
        """Return whether nothing newer is known because market data is away."""
        return self.follower.trouble is not None

    def health(self) -> dict[str, Any]:
        """Return what `/health` says beside the common fields; from memory."""
        trouble, aside = self.follower.trouble, self.record.set_aside
        is_trying = trouble == NOT_YET
        loaded, wanted = len(self.book.trackers), self.follower.series_wanted
        is_loading = loaded < wanted
        is_refused = self.follower.is_record_refused
        body: dict[str, Any] = {
            "status": "degraded" if trouble and not is_trying else "healthy",
            "checks": {
                "market_data": _check(None if is_trying or is_refused else trouble),
                "history": {
                    "status": "healthy",
                    "message": f"{loaded} of {wanted} series have been read.",
                },
                "record": _check(trouble if is_refused else None),
                # Slower is not ill: the results are the same.
                "search": {"status": "healthy", "message": str(search())},
            },
            "data": self._freshness(),
        }
        if aside is not None:
            said = f"A damaged record was set aside as {aside.name}; all was found anew."
            body["checks"]["record"]["message"] = said
        if self.failure:
            body["status"] = "unhealthy"
            body["message"] = f"Following the market failed: {self.failure}"
        elif trouble:
            body["message"] = trouble
        elif is_loading:
            body["message"] = f"Reading history: {loaded} of {wanted} series."
        return body

    # Private

    def _freshness(self) -> dict[str, Any]:
        clock = self.follower.inbox.clock
        if clock is None or self.follower.trouble == NOT_YET:
            return {"state": "unknown"}
        state = "stale" if self.is_stale else "idle" if clock.finished else "fresh"
        label = self.book.label
        return {"state": state, "market": clock.market.value, "source": label.source}

    def _follows(self, symbol: str) -> bool:
        known = self.follower.inbox.known
        # Before market data has said what is listed, nobody is refused: whoever subscribes while
        # the agent starts gets what there is once its history is read.
        return not known or symbol in known

    async def _snapshot(self, wanted: dict[str, Interest]) -> tuple[int, dict[str, Any]]:
        event, about = await self.in_book(lambda: asking.snapshot(self.book, wanted))
        worths = await self.worth_of(about["patterns"])
        rows = zip(about["patterns"], worths, strict=True)
        return event, {**about, "patterns": [{**body, "worth": worth} for body, worth in rows]}

    def _follower_ended(self, following: asyncio.Task[None]) -> None:
        """End the process if following failed: without it nothing new is ever found."""
        if not following.cancelled() and (error := following.exception()) is not None:
            self.failure = f"{type(error).__name__}: {error}"
            logger.error("Following failed, the agent ends to be restarted", exc_info=error)
            signal.raise_signal(signal.SIGTERM)


def _check(trouble: str | None) -> dict[str, Any]:
    return {"status": "degraded", "message": trouble} if trouble else {"status": "healthy"}
