"""What waits for the store is bounded, retried, and never forgotten in silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from tests.unit.market_data.aggregation.exchanges import always_open, at, ticks_of
from tests.unit.market_data.live import archives
from tests.unit.market_data.live.archives import as_archive
from trading_dashboard.agents.market_data.aggregation.changes import Changes
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.live import write_queue
from trading_dashboard.agents.market_data.live.write_queue import WriteLimits, WriteQueue
from trading_dashboard.agents.market_data.records import Ticks

US = 1_000_000
BEGIN = at("2024-03-08 12:00")
SESSIONS = always_open(date(2024, 3, 1), 20)
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(write_queue, "LAST_RETRY_SECONDS", 0.05)


@contextmanager
def started(archive: archives.Remembers, limits: WriteLimits | None = None) -> Iterator[WriteQueue]:
    queue = WriteQueue(as_archive(archive), limits or WriteLimits(commit_seconds=0.01))
    queue.start()
    try:
        yield queue
    finally:
        queue.close(1.0)


def ticks(first: int, count: int = 1) -> Ticks:
    return ticks_of([("BTC", BEGIN + (first + i) * US, 10.0, 1.0) for i in range(count)])


def minute(number: int) -> Changes:
    """Return one closed minute."""
    bars = TimeBars(lambda _: SESSIONS, ("1m",))
    bars.watch("fake", ["BTC"], 0)
    begin = BEGIN + number * 60 * US
    return bars.push(
        ticks_of([("BTC", begin, 1.0, 1.0), ("BTC", begin + 60 * US, 1.0, 1.0)])
    ).closed()


def test_all_added_is_on_disk_when_flush_returns() -> None:
    archive = archives.Remembers()
    with started(archive, WriteLimits(commit_seconds=3600.0)) as queue:
        for i in range(100):
            queue.add(ticks(i), [minute(i)])
        assert queue.flush(PATIENCE)
        assert archive.ticks() == [BEGIN + i * US for i in range(100)]
        assert archive.bars() == [("1m", BEGIN + i * 60 * US) for i in range(100)]
        assert len(archive.writings) < 10
        assert queue.stats().waiting_seconds == 0.0


def test_a_bar_changed_twice_before_it_is_written_is_written_once_in_its_newest_state() -> None:
    archive = archives.Remembers()
    bars = TimeBars(lambda _: SESSIONS, ("1s",))
    bars.watch("fake", ["BTC"], 0)
    with started(archive, WriteLimits(commit_seconds=3600.0)) as queue:
        for offset in (0, US, US // 2):
            changes = bars.push(ticks_of([("BTC", BEGIN + offset, 1.0, 1.0)]))
            queue.add(bars=[changes.closed()])
        assert queue.flush(PATIENCE)
    [[written]] = [writing.bars for writing in archive.writings]
    assert (written.start.tolist(), written.revision.tolist()) == ([BEGIN], [1])


def test_what_a_full_disk_refuses_is_written_when_there_is_room() -> None:
    archive = archives.DiskFull()
    with started(archive) as queue:
        queue.add(ticks(0, 3), [minute(0)])
        assert not queue.flush(0.2)
        stats = queue.stats()
        assert (stats.waiting_ticks, stats.waiting_bars, stats.failures > 0) == (3, 1, True)
        assert stats.error is not None
        assert "disk is full" in stats.error
        archive.is_full = False
        assert queue.flush(PATIENCE)
        assert archive.ticks() == [BEGIN, BEGIN + US, BEGIN + 2 * US]
        assert archive.bars() == [("1m", BEGIN)]
        assert (queue.stats().failures, queue.stats().error) == (0, None)


def test_bars_are_stored_although_there_is_no_room_for_ticks() -> None:
    archive = archives.DiskFull()
    archive.is_full, archive.only_small = False, True
    with started(archive) as queue:
        queue.add(ticks(0), [minute(0)])
        assert not queue.flush(0.2)
        assert archive.bars() == [("1m", BEGIN)]
        assert queue.stats().waiting_ticks == 1
        archive.only_small = False
        assert queue.flush(PATIENCE)
        assert archive.ticks() == [BEGIN]


def test_beyond_its_bound_the_oldest_ticks_are_dropped_and_recorded_as_a_gap() -> None:
    archive = archives.DiskFull()
    limits = WriteLimits(commit_seconds=0.01, ticks=10 * (10 + 16))  # ten batches of ten
    with started(archive, limits) as queue:
        for i in range(50):
            queue.add(ticks(10 * i, 10), [minute(i)])
        stats = queue.stats()
        assert 0 < stats.waiting_ticks <= 110
        assert stats.waiting_ticks + stats.dropped_ticks == 500
        assert (stats.waiting_bars, stats.dropped_bars) == (50, 0)
        assert not queue.flush(0.1)
        archive.is_full = False
        queue.flush(PATIENCE)
    stored = archive.ticks()
    assert stored == [BEGIN + i * US for i in range(500 - len(stored), 500)]
    gaps = [gap for writing in archive.writings for gap in writing.gaps]
    assert {(gap.symbol, gap.interval, gap.cause) for gap in gaps} == {("BTC", "", "not_stored")}
    assert min(gap.start for gap in gaps) == BEGIN
    assert max(gap.end for gap in gaps) <= stored[0]
    assert len(archive.bars()) == 50


def test_without_the_bound_everything_would_wait() -> None:
    archive = archives.DiskFull()
    with started(archive, WriteLimits(commit_seconds=0.01, ticks=1_000_000)) as queue:
        for i in range(50):
            queue.add(ticks(10 * i, 10), [minute(i)])
        assert (queue.stats().waiting_ticks, queue.stats().dropped_ticks) == (500, 0)


def test_without_asking_for_it_nothing_is_on_disk_yet() -> None:
    archive = archives.Remembers()
    with started(archive, WriteLimits(commit_seconds=3600.0)) as queue:
        queue.add(ticks(0))
        assert (archive.writings, queue.stats().waiting_ticks) == ([], 1)


def test_adding_never_waits_for_a_store_that_hangs() -> None:
    archive = archives.Hangs()
    with started(archive, WriteLimits(commit_seconds=0.0, ticks=1000)) as queue:
        queue.add(ticks(0))
        assert archive.entered.wait(PATIENCE)
        for i in range(1, 1000):
            queue.add(ticks(i))
        stats = queue.stats()
        assert stats.dropped_ticks > 0
        assert stats.waiting_ticks + stats.dropped_ticks == 1000
        archive.released.set()
        assert not queue.wait_for_room(0.0) or queue.stats().waiting_ticks <= 500
        queue.flush(PATIENCE)
    assert len(archive.ticks()) + stats.dropped_ticks == 1000


def test_rows_the_store_chokes_on_do_not_block_what_comes_after(
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = archives.ChokesOnOneBatch()
    with started(archive) as queue:
        queue.add(ticks(0), [minute(0)])
        assert not queue.flush(PATIENCE)
        queue.add(ticks(1))
        assert queue.flush(PATIENCE)
        assert archive.ticks() == [BEGIN + US]
        assert (queue.stats().dropped_ticks, queue.stats().dropped_bars) == (1, 1)
        gaps = {gap.interval for writing in archive.writings for gap in writing.gaps}
        assert gaps == {"", "1m"}
    assert "did not take" in caplog.text


def test_close_writes_what_waits_and_ends_the_thread() -> None:
    archive = archives.Remembers()
    with started(archive, WriteLimits(commit_seconds=3600.0)) as queue:
        queue.add(ticks(0, 5))
        assert queue.close(PATIENCE)
        assert len(archive.ticks()) == 5
    assert "market-data-writer" not in {thread.name for thread in threading.enumerate()}


def test_close_gives_up_on_a_full_disk_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    archive = archives.DiskFull()
    with started(archive) as queue:
        queue.add(ticks(0, 5))
        assert not queue.close(0.2)
    assert "5 rows were not stored" in caplog.text
    assert "market-data-writer" not in {thread.name for thread in threading.enumerate()}
