"""The way to the disk: one thread, and one transaction for all that waits (group commit).

Owns the order in which changes become durable and are applied. What is submitted is applied on the
event loop, in the order it was submitted, once it is on disk; what cannot be written is never
applied, and whoever submitted it is told in the same step.
"""

from __future__ import annotations

import asyncio
import logging
import time
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
        self._wake = asyncio.Event()
        self._is_finishing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="account")

    # Life

    async def run(self) -> None:
        """Write what is submitted, until `finish`.

        Not to be cancelled: what is being written would be on disk and never take effect.
        """
        while not self._is_finishing or self._waiting:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write(self._next())

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
        done: asyncio.Future[list[JournalEntry]] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        self._waiting.append(_Group(drafts, settle, done, self._monotonic()))
        self._wake.set()
        return done

    async def flushed(self) -> None:
        """Wait until all that was submitted before is on disk, or refused."""
        await self.submit([])

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Do what reads the store, in its thread."""
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
        for group, outcome in zip(groups, outcomes, strict=True):
            self._settle(group, outcome)

    def _settle(self, group: _Group, outcome: list[JournalEntry] | RiskError) -> None:
        entries = None if isinstance(outcome, RiskError) else outcome
        for entry in entries or ():
            self._apply(entry)
        if group.settle is not None:
            group.settle(entries)
        if group.done.done():
            return
        if isinstance(outcome, RiskError):
            group.done.set_exception(outcome)
        else:
            group.done.set_result(outcome)


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
