"""The line to one source: everything between a question and the request that is really sent.

Owns its limits, its breaker, retries and counts. Which source is asked, and what an answer is kept
for, is `desk`'s.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

from trading_dashboard.agents.market_data.choosing.answers import (
    BreakerOpen,
    NotAsked,
    RateLimited,
    Resting,
)
from trading_dashboard.agents.market_data.choosing.breaker import (
    Breaker,
    BreakerChange,
    BreakerState,
)
from trading_dashboard.agents.market_data.choosing.caches import AgedCache
from trading_dashboard.agents.market_data.choosing.policy import Limits, Policy
from trading_dashboard.agents.market_data.choosing.quota import DailyQuota, MinuteBucket, Notes
from trading_dashboard.agents.market_data.choosing.tally import Tally
from trading_dashboard.agents.market_data.sources.contract import (
    Source,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceMissing,
    SourceRefusal,
    SourceUnreachable,
    UnknownToSource,
)

T = TypeVar("T")

MAX_UNKNOWN = 10_000
LOOKUPS = frozenset({"find", "instrument"})
"""Kinds of questions that may be answered without a key, or refused with a good one."""
_SLACK_SECONDS = 0.01
"""The event loop may wake a little early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEvents:
    """Whom a line tells: the breaker moved, the day's requests are used up."""

    breaker_moved: Callable[[SourceLine, BreakerChange], None]
    quota_exhausted: Callable[[SourceLine], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every line shares."""

    policy: Policy
    notes: Notes
    now: Callable[[], int]
    rng: random.Random
    events: LineEvents


class SourceLine:
    """One source as we ask it. Monotonic times are the event loop's."""

    def __init__(self, source: Source, limits: Limits, around: Surroundings) -> None:
        self.source = source
        self.name = source.name
        self.capabilities = source.capabilities
        self.limits = limits.over(source.capabilities)
        self.tally = Tally()
        self.minute = MinuteBucket(self.limits.requests_per_minute)
        self.day = DailyQuota(self.name, self.limits, around.notes, around.now)
        self.missing: SourceMissing | None = None
        self.paused_until = 0.0
        """The provider asked us to wait."""
        is_free = self.limits.requests_per_minute is None and self.limits.requests_per_day is None
        # What costs nothing to ask again, a folder say, may know a symbol a moment later.
        seconds = around.policy.free_unknown_seconds if is_free else around.policy.unknown_seconds
        self.unknown: AgedCache[str, bool] = AgedCache(MAX_UNKNOWN, seconds)
        """Symbols it said it does not know."""
        self._around = around
        self._policy = around.policy
        self.breaker = Breaker(
            failures_to_open=self._policy.failures_to_open,
            open_seconds=self._policy.open_seconds,
            open_cap_seconds=self._policy.open_cap_seconds,
            on_change=lambda change: around.events.breaker_moved(self, change),
        )
        self._slots = asyncio.Semaphore(self.limits.max_concurrent)
        self._opening = asyncio.Lock()
        self._is_open = False
        self._answered_kinds: set[str] = set()
        self._refused_kinds: dict[str, float] = {}
        self._exhausted_until = 0

    async def open(self) -> None:
        """Read the quota and open the source; what fails is told by the first question."""
        await self.day.load()
        try:
            async with asyncio.timeout(self._policy.attempt_seconds):
                await self._ensure_open()
        except (SourceFailure, TimeoutError) as error:
            self._note_failure(_as_failure(error, self.name, self._policy.attempt_seconds))

    async def close(self) -> None:
        """Put the count of the day on disk and close the source."""
        await self.day.save()
        if self._is_open:
            self._is_open = False
            await self.source.close()

    def forgive(self) -> None:
        """Forget failures and refusals: its settings changed."""
        self.missing = None
        self.paused_until = 0.0
        self._refused_kinds.clear()
        self.unknown.clear()
        self.breaker.reset()

    def is_well(self, now: float) -> bool:
        """Return whether it answers as far as is known: no failures, no pause, no quota used up."""
        return (
            self.missing is None
            and self.breaker.state is BreakerState.CLOSED
            and now >= self.paused_until
            and self.day.left != 0
        )

    def knows(self, symbol: str, now: float) -> bool:
        """Return whether the source has not lately said that it does not know a symbol."""
        return self.unknown.get(symbol, now) is None

    async def ask(
        self, kind: str, question: Callable[[], Awaitable[T]], *, until: float, patience: float
    ) -> T:
        """Return the source's answer to one question, asked again while that may help.

        Args:
            kind: What is asked for, such as ``quotes`` or ``history 1m``; a refusal may be of it.
            question: Sends one request each time it is called.
            until: Loop time of the deadline.
            patience: Seconds to wait for the source's limits.

        Raises:
            SourceFailure: Only this.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(kind, question, until, patience)
            except SourceFailure as failure:
                delay = self._delay(failure, attempt)
                now = _now()
                if delay is None or now + delay >= until or not self.breaker.allows(now):
                    raise
                if isinstance(failure, SourceLimited) and delay > patience:
                    raise
            await asyncio.sleep(delay)

    async def admit(self, kind: str, until: float, patience: float) -> None:
        """Wait until a request may be sent, and count it; `sent_back` or `answered` follows."""
        self._check(kind)
        limit = min(until, _now() + patience)
        while (wait := self.minute.wait(_now())) > 0.0:
            if _now() + wait > limit:
                raise RateLimited(
                    f"{self.limits.requests_per_minute} requests a minute are used",
                    retry_after=wait,
                )
            await asyncio.sleep(wait)
        self.minute.take(_now())
        try:
            await self.day.take()
        except BaseException as error:
            self.minute.not_sent()
            if isinstance(error, NotAsked):
                self._exhausted()
            raise

    def answered(self) -> None:
        """Give the counts back of a request that was sent, whatever became of it."""
        self.minute.answered(_now())
        self.day.answered()

    def judge(self, kind: str, ticket: int, failure: SourceFailure | None) -> None:
        """Draw the consequences of one request."""
        if failure is None:
            if kind not in LOOKUPS:
                self._answered_kinds.add(kind)
            self.breaker.succeeded(ticket)
            return
        self._note_failure(failure)
        if isinstance(failure, UnknownToSource):
            self.breaker.succeeded(ticket)
        elif isinstance(failure, SourceRefusal):
            self._refused(kind, ticket)
        elif isinstance(failure, SourceLimited):
            rest = failure.retry_after or self._policy.limited_seconds
            self.paused_until = max(self.paused_until, _now() + rest)
            self.breaker.abandoned(ticket, _now())
        elif failure.is_transient:
            self.breaker.failed(ticket, _now())
        else:
            self.breaker.abandoned(ticket, _now())

    async def _attempt(
        self, kind: str, question: Callable[[], Awaitable[T]], until: float, patience: float
    ) -> T:
        self._check(kind)
        await self._slot(min(until, _now() + max(patience, self._policy.attempt_seconds)))
        try:
            await self.admit(kind, until, patience)
            # The wait may have outlived the breaker.
            if not self.breaker.allows(_now()):
                self.minute.not_sent()
                self.day.not_sent()
                self._check(kind)
            ticket = self.breaker.begin(_now())
            try:
                return await self._send(kind, question, ticket, until)
            finally:
                self.answered()
        finally:
            self._slots.release()

    async def _slot(self, until: float) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout_at(until):
                await self._slots.acquire()
        except TimeoutError:
            raise RateLimited(
                f"{self.limits.max_concurrent} requests are under way and none has ended"
            ) from None

    async def _send(
        self, kind: str, question: Callable[[], Awaitable[T]], ticket: int, until: float
    ) -> T:
        began = _now()
        seconds = min(self._policy.attempt_seconds, until - began)
        self.tally.sent()
        try:
            async with asyncio.timeout(seconds):
                if not self._is_open:
                    await self._ensure_open()
                value = await question()
        except asyncio.CancelledError:
            self.breaker.abandoned(ticket, _now())
            raise
        except Exception as error:  # noqa: BLE001 - told as the source's failure, whatever it raised
            failure = _as_failure(error, self.name, seconds)
            self.judge(kind, ticket, failure)
            raise failure from None
        self.tally.answered(_now() - began)
        self.judge(kind, ticket, None)
        return value

    async def _ensure_open(self) -> None:
        async with self._opening:
            if not self._is_open:
                await self.source.open()
                self._is_open = True

    def _check(self, kind: str) -> None:
        now = _now()
        if self.missing is not None:
            raise SourceMissing(str(self.missing))
        if not self.breaker.allows(now):
            why = f": {self.tally.last_error}" if self.tally.last_error else ""
            raise BreakerOpen(
                f"left alone after failures{why}",
                retry_after=max(0.0, self.breaker.retry_at - now),
            )
        if now + _SLACK_SECONDS < self.paused_until:
            raise RateLimited(
                f"asked us to wait; {self.paused_until - now:.0f} s are left",
                retry_after=self.paused_until - now,
            )
        if now < self._refused_kinds.get(kind, 0.0):
            raise Resting(f"refused {kind}: {self.tally.last_error}")

    def _delay(self, failure: SourceFailure, attempt: int) -> float | None:
        if isinstance(failure, NotAsked) or not failure.is_transient:
            return None
        if attempt >= self._policy.attempts:
            return None
        if isinstance(failure, SourceLimited):
            return failure.retry_after or self._policy.limited_seconds
        # Full jitter, so that questions that failed together do not come back together
        # (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015).
        ceiling = min(
            self._policy.backoff_seconds * 2.0 ** (attempt - 1), self._policy.backoff_cap_seconds
        )
        return max(self._around.rng.uniform(0.0, ceiling), failure.retry_after or 0.0)

    def _refused(self, kind: str, ticket: int) -> None:
        # A kind never answered by a source that answers others is one the plan does not have, and
        # what is looked up may have a plan of its own; everything else is about the key.
        is_about_plan = bool(self._answered_kinds) and kind not in self._answered_kinds
        if kind in LOOKUPS or is_about_plan:
            self._refused_kinds[kind] = _now() + self._policy.refusal_seconds
            self.breaker.succeeded(ticket)
            return
        self._answered_kinds.clear()
        self.breaker.refused(ticket, _now(), self._policy.refusal_seconds)

    def _note_failure(self, failure: SourceFailure) -> None:
        if isinstance(failure, UnknownToSource):
            self.tally.errors[failure.code] += 1
            return
        self.tally.failed(failure, self._around.now())
        if isinstance(failure, SourceMissing):
            self.missing = failure

    def _exhausted(self) -> None:
        resets_at = self.day.resets_at
        if resets_at != self._exhausted_until:
            self._exhausted_until = resets_at
            self._around.events.quota_exhausted(self)


def _as_failure(error: BaseException, name: str, seconds: float) -> SourceFailure:
    if isinstance(error, SourceFailure):
        return error
    if isinstance(error, TimeoutError):
        return SourceUnreachable(f"did not answer within {seconds:.1f} s")
    # Its words are not repeated: only failures of the contract promise to hold no secret.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return SourceGarbled(f"the source '{name}' failed with {type(error).__name__}{where}")


def _now() -> float:
    return asyncio.get_running_loop().time()
