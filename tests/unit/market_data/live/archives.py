"""Stores named by misbehaviour, with the one method the pipeline needs."""

from __future__ import annotations

import threading
from typing import cast

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.store.contract import Archive, Writing


class Remembers:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.writings: list[Writing] = []

    def write(self, writing: Writing) -> None:
        self.writings.append(writing)

    def ticks(self) -> list[int]:
        return [at for w in self.writings for ticks in w.ticks for at in ticks.at.tolist()]

    def bars(self) -> list[tuple[str, int]]:
        return [
            (bars.interval, start)
            for w in self.writings
            for bars in w.bars
            for start in bars.start.tolist()
        ]


class DiskFull(Remembers):
    """Refuses while `is_full`; of `only_small`, refuses ticks only."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = True
        self.only_small = False
        self.refused = 0

    def write(self, writing: Writing) -> None:
        if self.is_full or (self.only_small and writing.ticks):
            self.refused += 1
            raise StoreUnusable("The disk is full.", subject="store", observed="0 bytes left")
        super().write(writing)


class Hangs(Remembers):
    """Does not return from a write until `released`."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()

    def write(self, writing: Writing) -> None:
        self.entered.set()
        assert self.released.wait(30)
        super().write(writing)


class ChokesOnOneBatch(Remembers):
    """Fails for the first writing in a way that is not the store's."""

    def __init__(self) -> None:
        super().__init__()
        self.choked = 0

    def write(self, writing: Writing) -> None:
        if not self.choked:
            self.choked += 1
            raise ValueError("a value that no column takes")
        super().write(writing)


def as_archive(archive: Remembers) -> Archive:
    return cast("Archive", archive)
