"""How often a source may be asked: so many requests in any minute, so many in a provider's day.

Owns both counts and how the day's survives `kill -9`. A minute's request is free again a minute
after its *answer* came: the provider counted it at some moment in between, so that it never counts
more than the limit in any minute, however its minutes are cut. A day's count is put on disk in
blocks before the requests of the block are sent: a crash may waste the rest of a block, never
spend a request twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from trading_dashboard.agents.market_data.choosing.answers import QuotaExhausted
from trading_dashboard.agents.market_data.choosing.policy import Limits
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.store.contract import Archive, Writing

logger = logging.getLogger(__name__)

MINUTE_SECONDS = 60.0
_BLOCKS_PER_DAY = 50


class Notes(Protocol):
    """Where small texts survive a crash. Both block and may be called from any thread."""

    def note(self, key: str) -> str | None:
        """Return what was noted under a key."""

    def write_note(self, key: str, text: str) -> None:
        """Return once the text would survive `kill -9`."""


class ArchiveNotes:
    """Notes kept by the store."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def note(self, key: str) -> str | None:
        """Return what was noted under a key."""
        return self._archive.note(key)

    def write_note(self, key: str, text: str) -> None:
        """Put it on disk. Raises `StoreUnusable`."""
        self._archive.write(Writing(notes={key: text}))


class MinuteBucket:
    """Tokens that each come back a minute after the request they were taken for was answered."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._taken = 0
        self._returning: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Return seconds until a token may be free, 0 if one is."""
        if self.limit is None:
            return 0.0
        while self._returning and self._returning[0] <= now:
            self._returning.popleft()
        if self._taken + len(self._returning) < self.limit:
            return 0.0
        return self._returning[0] - now if self._returning else MINUTE_SECONDS

    def take(self, now: float) -> None:
        """Take a token; `wait` said there is one."""
        if self.wait(now) > 0.0:
            raise RuntimeError("a token was taken that is not there")
        self._taken += 1

    def answered(self, now: float) -> None:
        """Let the token of a request come back in a minute, whatever became of it."""
        self._taken -= 1
        if self.limit is not None:
            self._returning.append(now + MINUTE_SECONDS)

    def not_sent(self) -> None:
        """Put a token back at once."""
        self._taken -= 1


class DailyQuota:
    """The requests of one source in its provider's day."""

    def __init__(self, source: str, limits: Limits, notes: Notes, now: Callable[[], int]) -> None:
        self.limit = limits.requests_per_day
        self.used = 0
        self._source = source
        self._key = f"quota:{source}"
        self._zone = ZoneInfo(limits.reset_time_zone)
        self._hour = limits.reset_hour
        self._notes = notes
        self._now = now
        self._day = ""
        self._saved = 0
        """As many requests as are on disk."""
        self._in_flight = 0
        self._saving = asyncio.Lock()

    async def load(self) -> None:
        """Read what was used before a restart."""
        text = await asyncio.to_thread(self._notes.note, self._key) if self.limit else None
        self._roll()
        if text is None:
            return
        try:
            noted = json.loads(text)
            day, used = str(noted["day"]), int(noted["used"])
        except (ValueError, KeyError, TypeError):
            logger.warning("The noted quota of %s cannot be read: counting anew", self._source)
            return
        if day in {self._day, _day_after(self._day)}:
            self._day = day
            self.used = self._saved = used

    async def take(self) -> None:
        """Count a request that is about to be sent; on disk when this returns.

        Raises:
            QuotaExhausted: None is left; `retry_after` is when the day ends.
        """
        self._roll()
        if self.limit is not None and self.used >= self.limit:
            raise QuotaExhausted(
                f"{self.used} of {self.limit} requests of the day are used",
                retry_after=max(0.0, (self.resets_at - self._now()) / MICROSECONDS),
            )
        self.used += 1
        self._in_flight += 1
        if self.limit is not None and self.used > self._saved:
            try:
                await self._reserve(self.limit)
            except BaseException:
                self.not_sent()
                raise

    def answered(self) -> None:
        """Let go of a request that was sent."""
        self._in_flight -= 1

    def not_sent(self) -> None:
        """Take a count back: the request was never sent."""
        self._in_flight -= 1
        self.used -= 1

    async def save(self) -> None:
        """Put the exact count on disk, so that an orderly end wastes no block."""
        if self.limit is not None and self._saved != self.used:
            async with self._saving:
                await self._note(self.used)

    @property
    def left(self) -> int | None:
        """Return how many requests are left in this day."""
        self._roll()
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def resets_at(self) -> int:
        """Return when the provider's next day begins, microseconds since 1970 UTC."""
        self._roll()
        begins = datetime.fromisoformat(self._day) + timedelta(days=1, hours=self._hour)
        return int(begins.replace(tzinfo=self._zone).timestamp() * MICROSECONDS)

    def _roll(self) -> None:
        at = datetime.fromtimestamp(self._now() / MICROSECONDS, UTC).astimezone(self._zone)
        # In local time without a zone: an hour less is an hour less on days of 23 hours, too.
        day = (at.replace(tzinfo=None) - timedelta(hours=self._hour)).date().isoformat()
        # A clock that is set back a little must not give the day's requests twice; one that was
        # days ahead was wrong.
        if day > self._day or self._day > _day_after(day):
            self._day = day
            # Of what is under way nobody knows in which day the provider counts it.
            self.used = self._in_flight
            self._saved = 0

    async def _reserve(self, limit: int) -> None:
        async with self._saving:
            if self.used > self._saved:
                block = max(1, limit // _BLOCKS_PER_DAY)
                await self._note(min(limit, max(self.used, self._saved + block)))

    async def _note(self, used: int) -> None:
        day = self._day
        text = json.dumps({"day": day, "used": used})
        try:
            await _to_its_end(asyncio.to_thread(self._notes.write_note, self._key, text))
        except Exception as error:  # noqa: BLE001 - prices matter more than a count; said, and retried
            logger.warning(
                "The quota of %s is not on disk (%s): a crash now would count it anew",
                self._source,
                type(error).__name__,
            )
            return
        if day == self._day:
            self._saved = used


async def _to_its_end(writing: Coroutine[None, None, None]) -> None:
    """Wait for a write in a thread even when cancelled: it must not overtake the next one."""
    task = asyncio.ensure_future(writing)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


def _day_after(day: str) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
