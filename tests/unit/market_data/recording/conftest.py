"""A story that is recorded, and the desk that records it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tests.unit.market_data.streaming.conftest import BEGAN, SECOND, bars_of
from trading_dashboard.agents.market_data.recording.files import Recording, load
from trading_dashboard.agents.market_data.recording.heard import (
    Batch,
    Heard,
    Silence,
)
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.records import Bars, Ticks

Result = TypeVar("Result")

SOURCE = "ccxt:test"
ABOUT = {"calendar": "24/7", "time_zone": "UTC", "intraday": "real"}


async def threaded(work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work)


def ticks_of(second: float, *prices: float, source: str = SOURCE) -> Ticks:
    at = np.full(len(prices), BEGAN + int(second * SECOND), dtype=np.int64)
    return Ticks(
        source=source,
        symbols=("A", "B"),
        symbol=(np.arange(len(prices)) % 2).astype(np.int32),
        at=at,
        price=np.array(prices),
        size=np.ones(len(prices)),
        received=at,
    )


def same(one: Batch, other: Batch) -> bool:
    """Return whether two batches say the same, whatever order their symbols are listed in."""
    if isinstance(one, Silence) or isinstance(other, Silence):
        return one == other
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("symbol", "symbols") and isinstance(one, Ticks):
            continue
        if isinstance(mine, np.ndarray) and not np.array_equal(mine, theirs):
            return False
    return said(one) == said(other)


def said(batch: Batch) -> list[str]:
    if isinstance(batch, Ticks):
        return [batch.symbols[index] for index in batch.symbol.tolist()]
    return [batch.symbol] if isinstance(batch, Bars) else []


STORY: list[tuple[float, Batch]] = [
    (0.0, bars_of("A", [(-2, 1.0, True, 0), (-1, 1.1, True, 0)])),
    (0.1, ticks_of(0.1, 1.0, 2.0, 1.5)),
    (0.3, ticks_of(0.3, 1.2)),
    (0.5, Silence(SOURCE, has_begun=True, symbols=("A", "B"), detail="no word")),
    (1.0, Silence(SOURCE, has_begun=False)),
    (1.05, bars_of("A", [(-1, 1.3, True, 1)])),
    (1.1, ticks_of(1.1, 1.3, 2.3)),
]


class Desk:
    """A library with a market clock moved by hand."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.second = 0.0
        self.today = datetime(2026, 1, 5, 15, tzinfo=UTC)
        self.library = Library(
            folder, now=self.now, in_thread=threaded, about=ABOUT, wall=lambda: self.today,
            **options,
        )  # fmt: skip

    def now(self) -> int:
        return BEGAN + int(self.second * SECOND)

    async def record(self, name: str = "one") -> Recording:
        await self.library.start(name, SOURCE)
        for second, batch in STORY:
            self.second = second
            self.library.hear(batch)
            self.library.hear(ticks_of(second, 9.0, source="another"))
        self.second = 1.5
        assert (await self.library.stop(name))["state"] == "complete"
        return load(self.library.folder / name)


def everything(recording: Recording) -> list[Heard]:
    return [heard for chunk in recording.chunks for heard in recording.read(chunk)]
