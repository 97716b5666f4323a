"""While the record cannot be written nothing is told that is not in it, and then all of it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import eventually
from tests.unit.pattern_recognition.live import walks
from tests.unit.pattern_recognition.live.fake_market import FakeMarket
from tests.unit.pattern_recognition.live.full_disk import FullDisk, count_before_writing
from tests.unit.pattern_recognition.live.test_follower import following
from tests.unit.pattern_recognition.live.walks import (
    BASIS,
    KEY,
    book_at,
    everything,
    feed,
    rows_of,
    told,
    walk,
)
from trading_dashboard.agents.pattern_recognition.errors import RecordUnusable
from trading_dashboard.agents.pattern_recognition.live import follower as follower_module
from trading_dashboard.agents.pattern_recognition.live.book import Event, PatternBook

BARS = walk(700, seed=3)


@pytest.fixture(autouse=True)
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "Record", FullDisk)
    monkeypatch.setattr(follower_module, "FIRST_RETRY_SECONDS", 0.01)


def fed_beside_a_full_disk(folder: Path) -> tuple[list[Event], PatternBook]:
    """Feed bars in batches; the disk is full from the middle of one, and at three more tries."""
    book, record = book_at(folder)
    assert isinstance(record, FullDisk)
    book.load(KEY, BARS.prefix(300), BASIS)
    record.refused = range(record.writes + 151, record.writes + 155)
    events: list[Event] = []
    refusals = 0
    for start in range(300, 700, 50):
        rows = [(KEY, row) for row in rows_of(BARS.prefix(start + 50), start)]
        outcome = book.push(rows)
        events += outcome.events
        if outcome.failure is None:
            continue
        assert "cannot be used" in outcome.failure.message
        assert outcome.failure.observed
        while True:  # as the follower does
            refusals += 1
            try:
                events += book.load(KEY, BARS.prefix(start + 50), BASIS).events
            except RecordUnusable:
                continue
            break
    assert refusals == 4
    record.close()
    return events, book


def test_what_could_not_be_written_is_told_later_and_once(tmp_path: Path) -> None:
    whole, record = book_at(tmp_path / "whole")
    whole.load(KEY, BARS.prefix(300), BASIS)
    uninterrupted = feed(whole, BARS, 300, 700)
    record.close()
    events, book = fed_beside_a_full_disk(tmp_path / "full")
    assert told(events) == told(uninterrupted)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert everything(book) == everything(whole)


def test_a_book_that_counts_before_it_writes_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatternBook, "_written_down", count_before_writing)
    with pytest.raises(AssertionError):
        test_what_could_not_be_written_is_told_later_and_once(tmp_path)


async def test_the_follower_says_so_and_goes_on_by_itself(tmp_path: Path) -> None:
    market = FakeMarket()
    expected, record = book_at(tmp_path / "expected", history_bars=700)
    expected.load(KEY, market.bars("AAPL"), BASIS)
    before = market.at
    async with following(tmp_path / "full", market) as desk:
        await desk.catches_up()
        disk = desk.book._record
        assert isinstance(disk, FullDisk)
        disk.refused = range(disk.writes + 11, disk.writes + 14)
        market.close_bars(30)
        await eventually(lambda: desk.follower.is_record_refused)
        await desk.catches_up()
        await eventually(lambda: disk.writes >= disk.refused.stop)
        await eventually(lambda: desk.heard.conditions[-1] is None)
        assert not desk.follower.is_record_refused
        market.close_bars(10)
        await desk.catches_up()
        uninterrupted = feed(expected, market.walks["AAPL"], before, market.at)
        await eventually(lambda: len(desk.heard.events) >= len(uninterrupted))
        assert told(desk.heard.events) == told(uninterrupted)
        said = [it for it in desk.heard.conditions if it and "record of patterns" in it]
        assert len(said) >= 1
    record.close()
