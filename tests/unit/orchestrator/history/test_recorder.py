"""The recorder: whatever the disk does, nobody waits and nothing goes missing unsaid."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tests.support import eventually_sync
from trading_dashboard.models.errors import HistoryUnavailable
from trading_dashboard.models.events import Event, EventKind
from trading_dashboard.orchestrator.events import Update
from trading_dashboard.orchestrator.history.recorder import Recorder
from trading_dashboard.orchestrator.history.records import Record
from trading_dashboard.orchestrator.history.store import Store

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class FakeDisk:
    """A store in memory; `error` makes it fail, `gate` makes it hang."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.opened = self.closed = self.seen = 0
        self.ended: int | None = None
        self.is_there = True

    def open(self) -> Store:
        self.opened += 1
        if self.error is not None:
            raise self.error
        self.is_there = True
        return self

    def write(self, records: Sequence[Record], now: int) -> None:
        self.gate.wait(20)
        if self.error is not None:
            raise self.error
        self.records.extend(records)
        self.seen += 1

    def tidy(self, now: int) -> None:
        pass

    def end(self, now: int) -> None:
        self.ended = now

    def is_in_place(self) -> bool:
        return self.is_there

    def close(self) -> None:
        self.closed += 1


def update(seq: int) -> Update:
    return Update(Event(seq=seq, time=NOW, kind=EventKind.SUPERVISOR_STARTED), None)


def recorder(disk: FakeDisk, capacity: int = 10) -> Recorder:
    return Recorder(
        disk.open, capacity=capacity, gather_seconds=0.01, heartbeat_seconds=0.05,
        retry_seconds=0.01,
    )  # fmt: skip


def full() -> sqlite3.OperationalError:
    return sqlite3.OperationalError("database or disk is full")


def test_what_is_recorded_is_written_in_order_and_the_end_noted() -> None:
    disk = FakeDisk()
    history = recorder(disk, 2000)
    history.start()
    for seq in range(1500):
        history.record(update(seq))
    assert history.flush(5)
    assert [record.seq for record in disk.records] == list(range(1500))
    assert history.close(5)
    assert disk.ended is not None
    assert (history.written, history.lost, disk.closed) == (1500, 0, 1)


def test_a_run_is_seen_though_nothing_happens() -> None:
    disk = FakeDisk()
    history = recorder(disk)
    history.start()
    eventually_sync(lambda: disk.seen >= 3)
    assert history.close(5)


def test_a_full_disk_keeps_nobody_waiting_and_what_is_lost_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    disk = FakeDisk()
    disk.error = full()
    history = recorder(disk)
    history.start()
    for seq in range(25):
        history.record(update(seq))
    assert not history.flush(0.2)
    assert (history.waiting, history.lost) == (10, 15)
    assert caplog.text.count("the history cannot be written: database or disk is full") == 1
    disk.error = None
    eventually_sync(lambda: history.written == 10)
    history.record(update(25))
    assert history.flush(5)
    assert history.close(5)
    assert "written again; 15 events were lost" in caplog.text
    gap = next(record for record in disk.records if record.kind == EventKind.EVENTS_LOST)
    assert (gap.seq, json.loads(gap.data)["count"]) == (10, 15)
    assert [r.seq for r in disk.records if r is not gap] == [*range(10), 25]


def test_a_disk_that_hangs_blocks_neither_recording_nor_the_end() -> None:
    disk = FakeDisk()
    disk.gate.clear()
    history = recorder(disk)
    history.start()
    began = time.monotonic()
    for seq in range(100):
        history.record(update(seq))
    assert not history.flush(0.05)
    assert not history.close(0.05)
    assert time.monotonic() - began < 5
    disk.gate.set()


def test_a_disk_that_is_full_to_the_end_does_not_keep_the_end_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = FakeDisk()
    disk.error = full()
    history = recorder(disk)
    history.start()
    history.record(update(1))
    assert not history.close(5)
    assert "ends with 1 events unwritten" in caplog.text


def test_a_file_that_turns_out_damaged_is_opened_anew() -> None:
    disk = FakeDisk()
    history = recorder(disk)
    history.start()
    history.record(update(1))
    assert history.flush(5)
    disk.error = sqlite3.DatabaseError("database disk image is malformed")
    history.record(update(2))
    eventually_sync(lambda: disk.opened > 1)
    disk.error = None
    eventually_sync(lambda: [record.seq for record in disk.records] == [1, 2])
    assert history.close(5)


def test_a_file_that_was_deleted_begins_anew() -> None:
    disk = FakeDisk()
    history = recorder(disk)
    history.start()
    eventually_sync(lambda: disk.seen)
    disk.is_there = False
    eventually_sync(lambda: disk.opened == 2)
    assert history.close(5)


def test_a_history_that_refuses_us_keeps_nothing_waiting() -> None:
    disk = FakeDisk()
    disk.error = HistoryUnavailable("newer")
    history = recorder(disk)
    history.record(update(1))
    history.start()
    eventually_sync(lambda: history.trouble)
    history.record(update(2))
    assert (history.waiting, history.lost) == (0, 2)
    assert history.close(5)


def test_a_fault_of_ours_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    disk = FakeDisk()
    disk.error = ZeroDivisionError()
    history = recorder(disk)
    history.start()
    eventually_sync(lambda: isinstance(history.trouble, HistoryUnavailable))
    history.record(update(1))
    assert history.lost == 1
    assert "ZeroDivisionError" in caplog.text
    assert history.close(5)
