"""The way to the disk: one thread, and one transaction for all that waits (group commit).

Owns the order in which changes become durable and are applied. What is submitted is applied on the
event loop, in the order it was submitted, once it is on disk; what cannot be written is never
applied, and whoever submitted it is told in the same step.

Where a change that is on disk cannot be applied, memory is not the account any more: nothing is
written after it, the gate is told first, and then everybody who waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.models.risk.account import JournalEntry
from trading_dashboard.models.risk.errors import AccountStoreError, RiskError

MAX_TOGETHER = 500
"""Drafts in one transaction; what waits beyond goes into the next one."""

Result = TypeVar("Result")
Settle = Callable[[list[JournalEntry] | None], None]
"""Called in the step in which a change takes effect, with its entries; None if it never will."""

logger = logging.getLogger(__name__)


class Appends(Protocol):
    """What is needed of the account's store here."""

    def append_all(
        self, batches: Sequence[Sequence[Draft]]
    ) -> Sequence[list[JournalEntry] | RiskError]:
        """Write batches with one commit, each whole or not at all; durable on return."""


@dataclass(slots=True)
class _Group:
    drafts: Sequence[Draft]
    settle: Settle | None
    done: asyncio.Future[list[JournalEntry]]
    since: float


class AccountWriter:
    """Submit from the event loop; `run` writes until it is cancelled."""

    def __init__(
        self,
        store: Appends,
        apply: Callable[[JournalEntry], None],
        written: Callable[[AccountStoreError | None], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a writer.

        Args:
            store: Where to write.
            apply: Takes each entry once it is durable, in their order.
            written: Told of each transaction, and why it failed, before those who submitted.
            monotonic: Seconds.
        """
        self._store = store
        self._apply = apply
        self._written = written
        self._monotonic = monotonic
        self._waiting: list[_Group] = []
        self._writing: list[_Group] = []
        self._settling: deque[tuple[_Group, list[JournalEntry] | RiskError]] = deque()
        self._end: AccountStoreError | None = None
        """Why nothing is written any more."""
        self._wake = asyncio.Event()
        self._is_finishing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="account")

    # Life

    async def run(self) -> None:
        """Write what is submitted, until `finish`.

        Not to be cancelled: what is being written would be on disk and never take effect. Raises
        what kept a change from being applied, once everybody has been told.
        """
        try:
            while not self._is_finishing or self._waiting:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._write(self._next())
        except BaseException as error:
            self._fail(error)
            raise
        self._end = _ended("The agent is ending.", None)

    def finish(self) -> None:
        """Let `run` end once all that waits is written."""
        self._is_finishing = True
        self._wake.set()

    async def close(self, close_store: Callable[[], None]) -> None:
        """Close the store in its thread and end that; `run` must be over."""
        await self.in_thread(close_store)
        self._thread.shutdown()

    # Use

    def submit(
        self, drafts: Sequence[Draft], settle: Settle | None = None
    ) -> asyncio.Future[list[JournalEntry]]:
        """Have drafts written together; the future has their entries once they are applied.

        It raises `AccountStoreError` if they cannot be written, or another `RiskError` if they
        contradict the account. Nobody needs to wait for it.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[JournalEntry]] = loop.create_future()
        done.add_done_callback(_retrieve)
        group = _Group(drafts, settle, done, self._monotonic())
        if self._end is not None:
            loop.call_soon(self._refuse, group, self._end)
            return done
        self._waiting.append(group)
        self._wake.set()
        return done

    async def flushed(self) -> None:
        """Wait until all that was submitted before is on disk, or refused."""
        await self.submit([])

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Do work in the thread that writes; everybody's changes wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    @property
    def waiting_seconds(self) -> float:
        """Return how long the oldest change has not been on disk; 0 if nothing waits."""
        groups = self._writing or self._waiting
        return self._monotonic() - groups[0].since if groups else 0.0

    @property
    def waiting(self) -> int:
        """Return how many changes are not on disk yet."""
        return len(self._writing) + len(self._waiting)

    # Private

    def _next(self) -> list[_Group]:
        taken, drafts = 0, 0
        for group in self._waiting:
            drafts += len(group.drafts)
            if taken and drafts > MAX_TOGETHER:
                break
            taken += 1
        groups, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return groups

    async def _write(self, groups: list[_Group]) -> None:
        self._writing = groups
        batches = [group.drafts for group in groups]
        outcomes: Sequence[list[JournalEntry] | RiskError]
        try:
            outcomes = await self.in_thread(lambda: self._store.append_all(batches))
        except AccountStoreError as error:
            self._written(error)
            outcomes = [error] * len(groups)
        except Exception as error:
            logger.exception("Changes of the account cannot be written")
            failure = _unwritable(error)
            self._written(failure)
            outcomes = [failure] * len(groups)
        else:
            self._written(None)
        self._writing = []
        self._settling.extend(zip(groups, outcomes, strict=True))
        while self._settling:
            self._settle(*self._settling[0])
            self._settling.popleft()

    def _settle(self, group: _Group, outcome: list[JournalEntry] | RiskError) -> None:
        entries = None if isinstance(outcome, RiskError) else outcome
        for entry in entries or ():
            self._apply(entry)
        if isinstance(outcome, RiskError):
            _tell(group, outcome)
        elif not group.done.done():
            group.done.set_result(outcome)
        if group.settle is not None:
            group.settle(entries)

    def _fail(self, error: BaseException) -> None:
        """Write nothing any more: close the gate, then tell everybody who waits."""
        self._end = _ended("The account's process and its store have come apart.", error)
        try:
            self._written(self._end)
        except Exception:
            logger.exception("The gate could not be told that nothing is written any more")
        settling, self._settling = self._settling, deque()
        kept = _kept(error)
        for group, outcome in settling:
            self._refuse(group, outcome if isinstance(outcome, RiskError) else kept)
        writing, self._writing = self._writing, []
        for group in writing:
            self._refuse(group, kept)
        waiting, self._waiting = self._waiting, []
        for group in waiting:
            self._refuse(group, self._end)

    def _refuse(self, group: _Group, error: RiskError) -> None:
        """Tell who submitted that it takes no effect here."""
        _tell(group, error)
        if group.settle is None:
            return
        try:
            group.settle(None)
        except Exception:
            logger.exception("What waited for a change could not be told that it takes no effect")


def _tell(group: _Group, error: RiskError) -> None:
    if not group.done.done():
        group.done.set_exception(error)


def _ended(message: str, error: BaseException | None) -> AccountStoreError:
    return AccountStoreError(
        message,
        subject="account",
        observed=None if error is None else f"{type(error).__name__}: {error}",
        next_step="Nothing of this change was kept. The agent is started again; then try again.",
    )


def _kept(error: BaseException) -> AccountStoreError:
    return AccountStoreError(
        "The change may be on disk, but this process cannot take it over.",
        subject="account",
        observed=f"{type(error).__name__}: {error}",
        next_step="Ask again once the agent has been started again; an order with the same "
        "client_order_id is placed once.",
    )


def _unwritable(error: Exception) -> AccountStoreError:
    return AccountStoreError(
        "The account's store refused a change.",
        subject="account",
        observed=f"{type(error).__name__}: {error}",
        next_step="Read the agent's log; nothing of the change was kept.",
    )


def _retrieve(done: asyncio.Future[list[JournalEntry]]) -> None:
    """Take note of a failure, so that one nobody waits for is not told as forgotten."""
    if not done.cancelled():
        done.exception()
