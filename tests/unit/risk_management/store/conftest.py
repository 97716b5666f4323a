"""Stores in temporary folders, and accounts to put into them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.unit.risk_management.ledger import Ledger
from tests.unit.risk_management.random_account import RandomLife
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.store import sqlite
from trading_dashboard.agents.risk_management.store.store import AccountStore


class Opener(Protocol):
    """Opens the store of a folder; it is closed after the test."""

    def __call__(self, folder: Path | None = None, *, rebuild: bool = False) -> AccountStore: ...


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no second for a file that stays in use."""
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.01)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    with ExitStack() as stack:

        def open_store(folder: Path | None = None, *, rebuild: bool = False) -> AccountStore:
            store = AccountStore.open(None, folder or tmp_path, rebuild=rebuild)
            return stack.enter_context(store)

        yield open_store


@functools.cache
def drafts_of_a_life(moments: int) -> tuple[Draft, ...]:
    """Return what happens in an account; always the same."""
    ledger, life = Ledger(), RandomLife(4)
    drafts = life.opened()
    for _ in range(moments):
        happening = life.next(ledger.book)
        ledger.add_all(happening)
        drafts += happening
    return tuple(drafts)


@pytest.fixture
def live() -> Callable[[AccountStore, int], Book]:
    """Return a function that lets an account live, and returns the book that followed it."""

    def run(store: AccountStore, moments: int) -> Book:
        book, drafts = Book(), drafts_of_a_life(moments)
        for begin in range(0, len(drafts), 40):
            book.play(store.append(drafts[begin : begin + 40]))
        return book

    return run
