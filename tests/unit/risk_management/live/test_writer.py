"""Changes on their way to the disk: together, in order, and none is lost at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.risk.account import JournalEntry, JournalKind
from trading_dashboard.models.risk.errors import AccountStoreError, OrderFinal, RiskError

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class FakeStore:
    """Counts transactions; refuses a batch whose actor is "bad"."""

    def __init__(self) -> None:
        self.seq = 0
        self.commits: list[int] = []
        self.may_write = threading.Event()
        self.may_write.set()
        self.is_full = False

    def append_all(
        self, batches: Sequence[Sequence[Draft]]
    ) -> list[list[JournalEntry] | RiskError]:
        self.may_write.wait(10)
        if self.is_full:
            raise AccountStoreError("The disk is full.")
        self.commits.append(len(batches))
        return [self._one(batch) for batch in batches]

    def _one(self, batch: Sequence[Draft]) -> list[JournalEntry] | RiskError:
        if any(draft.actor == "bad" for draft in batch):
            return OrderFinal("It has ended.")
        entries = []
        for draft in batch:
            self.seq += 1
            entries.append(JournalEntry(
                seq=self.seq, kind=draft.kind, actor=draft.actor, recorded_at=NOW, data={}
            ))  # fmt: skip
        return entries


def draft(actor: str = "me") -> Draft:
    return Draft(kind=JournalKind.CASH_MOVED, actor=actor, at=NOW)


class Desk:
    """A writer, and what it told."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.applied: list[int] = []
        self.told: list[Any] = []
        self.misfit: int | None = None
        """An entry that cannot be applied."""
        self.writer = AccountWriter(self.store, self._apply, self.told.append)

    def _apply(self, entry: JournalEntry) -> None:
        if entry.seq == self.misfit:
            raise ValueError("it does not fit")
        self.applied.append(entry.seq)

    async def __aenter__(self) -> AccountWriter:
        self.running = asyncio.create_task(self.writer.run())
        return self.writer

    async def __aexit__(self, *_: object) -> None:
        self.writer.finish()
        await self.running
        await self.writer.close(lambda: None)


async def test_what_waits_is_written_with_one_commit_and_applied_in_order() -> None:
    desk = Desk()
    async with desk as writer:
        desk.store.may_write.clear()
        first = writer.submit([draft()])
        await asyncio.sleep(0.01)
        settled: list[Any] = []
        rest = [writer.submit([draft(), draft()], settled.append) for _ in range(3)]
        assert writer.waiting == 4
        assert desk.applied == []
        desk.store.may_write.set()
        entries = await asyncio.gather(first, *rest)
        assert desk.store.commits == [1, 3]
        assert desk.applied == list(range(1, 8))
        assert [[entry.seq for entry in one] for one in entries] == [[1], [2, 3], [4, 5], [6, 7]]
        assert settled == entries[1:]
        assert (writer.waiting, writer.waiting_seconds) == (0, 0.0)


async def test_one_that_is_refused_does_not_hurt_the_others() -> None:
    desk = Desk()
    settled: list[Any] = []
    async with desk as writer:
        outcomes = await asyncio.gather(
            writer.submit([draft()]), writer.submit([draft("bad")], settled.append),
            writer.submit([draft()]), return_exceptions=True,
        )  # fmt: skip
    assert [isinstance(one, OrderFinal) for one in outcomes] == [False, True, False]
    assert (desk.applied, settled, desk.told) == ([1, 2], [None], [None])


async def test_a_store_that_fails_is_told_before_those_who_submitted() -> None:
    desk = Desk()
    desk.store.is_full = True
    order: list[str] = []
    async with desk as writer:
        future = writer.submit([draft()], lambda _: order.append(f"after {len(desk.told)}"))
        with pytest.raises(AccountStoreError):
            await future
    assert order == ["after 1"]
    assert isinstance(desk.told[0], AccountStoreError)
    assert desk.applied == []


async def test_a_change_that_cannot_be_applied_ends_it_and_everybody_is_told() -> None:
    desk, settled = Desk(), list[Any]()
    desk.misfit = 3
    writer = desk.writer
    running = asyncio.create_task(writer.run())
    desk.store.may_write.clear()
    first = writer.submit([draft()], settled.append)
    await asyncio.sleep(0.01)
    # One commit: whole, torn, behind it and refused. The last one comes afterwards.
    rest = [writer.submit([draft(actor)], settled.append) for actor in ("me", "me", "me", "bad")]
    desk.store.may_write.set()
    with pytest.raises(ValueError, match="does not fit"):
        await running
    late = writer.submit([draft()], settled.append)
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(first, *rest, late, return_exceptions=True)
    assert [type(one) for one in outcomes] == [
        list, list, AccountStoreError, AccountStoreError, OrderFinal, AccountStoreError,
    ]  # fmt: skip
    assert "may be on disk" in str(outcomes[2])
    assert "may be on disk" in str(outcomes[3])
    assert "come apart" in str(outcomes[5])
    assert (desk.applied, settled[2:]) == ([1, 2], [None] * 4)
    assert desk.store.commits == [1, 4]
    assert [type(told) for told in desk.told] == [type(None), type(None), AccountStoreError]
    assert (writer.waiting, writer.waiting_seconds) == (0, 0.0)
    await writer.close(lambda: None)


async def test_what_waits_at_the_end_is_still_written() -> None:
    desk = Desk()
    async with desk as writer:
        desk.store.may_write.clear()
        for _ in range(1_200):
            writer.submit([draft()])
        await asyncio.sleep(0.01)
        desk.store.may_write.set()
    assert desk.applied == list(range(1, 1_201))
    assert max(desk.store.commits) <= 500
