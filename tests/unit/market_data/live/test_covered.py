"""What is covered is read once for all series, and is what the archive says."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.unit.market_data.live.fakes import MemoryArchive, at_once
from trading_dashboard.agents.market_data.live import covered
from trading_dashboard.agents.market_data.live.covered import (
    Covered,
    CoveredStretches,
    covered_key,
)

KEY = covered_key("first", "AAPL", "1d")


class Counted(MemoryArchive):
    """Counts what it is asked."""

    def __init__(self, *known: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        for symbol in known:
            self.notes[covered_key("first", symbol, "1d")] = json.dumps((1, 9))

    def note(self, key: str) -> str | None:
        self.asked.append(key)
        return super().note(key)

    def noted(self, begins_with: str, *, limit: int) -> dict[str, str]:
        self.asked.append(begins_with)
        return dict(super().noted(begins_with, limit=limit))


async def test_one_question_answers_for_all_series() -> None:
    archive = Counted("AAPL", "MSFT")
    stretches = CoveredStretches(archive, at_once)
    answers = await asyncio.gather(
        *(stretches.of("first", symbol, "1d") for symbol in ("AAPL", "MSFT", "IBM"))
    )
    assert answers == [Covered(1, 9), Covered(1, 9), None]
    assert archive.asked == ["covered "]


async def test_after_a_writing_that_may_have_failed_the_archive_is_asked() -> None:
    archive = Counted("AAPL")
    stretches = CoveredStretches(archive, at_once)
    assert await stretches.of("first", "AAPL", "1d") == Covered(1, 9)
    stretches.forget(KEY)
    archive.notes[KEY] = json.dumps((1, 20))
    assert await stretches.of("first", "AAPL", "1d") == Covered(1, 20)
    stretches.put(KEY, Covered(0, 30))
    assert await stretches.of("first", "AAPL", "1d") == Covered(0, 30)
    assert archive.asked == ["covered ", KEY]


async def test_more_than_can_be_held_are_asked_for_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(covered, "MAX_HELD", 2)
    archive = Counted("A", "B", "C", "D")
    stretches = CoveredStretches(archive, at_once)
    for symbol in ("D", "C", "B", "A", "D"):
        assert await stretches.of("first", symbol, "1d") == Covered(1, 9)
    assert await stretches.of("first", "E", "1d") is None
