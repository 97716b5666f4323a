"""Jobs: their states, bounds and errors, with a map that waits for the test."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import pytest

from tests.support import eventually_sync
from tests.unit.pattern_recognition.scan import tasks
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.scan.jobs import (
    MAX_ERRORS,
    Limits,
    Order,
    ScanJobs,
)
from trading_dashboard.agents.pattern_recognition.scan.mapping import (
    InlineMap,
    Outcome,
    Series,
    Task,
)
from trading_dashboard.models.errors import ScanQueueFull, UnknownScan


class GatedMap(InlineMap):
    """Lets one symbol through for each `release` of its gate."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.closed = 0

    def map(
        self, task: Task, series: Iterable[Series], cancel: threading.Event | None = None
    ) -> Generator[Outcome, None, None]:
        for outcome in super().map(task, series, cancel):
            while not self.gate.acquire(timeout=0.01):
                if cancel is not None and cancel.is_set():
                    return
            yield outcome

    def close(self) -> None:
        self.closed += 1


def read(symbols: Sequence[str], _: threading.Event) -> Iterator[tuple[str, Bars | str]]:
    for symbol in symbols:
        number = int(symbol[1:])
        yield symbol, "No bars." if number % 10 == 9 else tasks.bars_of(number)


def keep(symbol: str, value: Any, bars: Bars) -> list[tuple[str, int]]:
    return [(symbol, len(bars))]


def order(count: int, **changes: Any) -> Order:
    parts = {"read": read, "task": tasks.raises_on_s3, "keep": keep} | changes
    return Order(symbols=[f"S{number}" for number in range(count)], **parts)


@pytest.fixture
def gated() -> Iterator[tuple[ScanJobs, GatedMap]]:
    chunk_map = GatedMap()
    jobs = ScanJobs(chunk_map, Limits(queued=2, remembered=3, findings=50))
    yield jobs, chunk_map
    jobs.close()


@pytest.fixture
def jobs() -> Iterator[ScanJobs]:
    made = ScanJobs(InlineMap(), Limits(queued=2, remembered=3, findings=150))
    yield made
    made.close()


def test_a_scan_tells_its_progress_and_errors(gated: tuple[ScanJobs, GatedMap]) -> None:
    jobs, chunk_map = gated
    scan = jobs.submit(order(12))
    eventually_sync(lambda: jobs.status(scan).state == "running")
    assert jobs.status(scan).done == 0
    chunk_map.gate.release(5)
    eventually_sync(lambda: jobs.status(scan).done == 5)
    assert jobs.findings(scan) == [("S0", 60), ("S1", 60), ("S2", 60), ("S4", 60)]
    chunk_map.gate.release(100)
    assert jobs.wait(scan, 5)
    status = jobs.status(scan)
    assert (status.state, status.symbols, status.done, status.found) == ("complete", 12, 12, 10)
    assert status.errors == {"S3": "ValueError: its bars", "S9": "No bars."}
    assert status.message == "2 of 12 symbols failed."
    assert 0 < status.seconds < 60


def test_what_runs_and_what_waits_can_be_cancelled(gated: tuple[ScanJobs, GatedMap]) -> None:
    jobs, chunk_map = gated
    running = jobs.submit(order(5))
    eventually_sync(lambda: jobs.status(running).state == "running")
    waiting = jobs.submit(order(5))
    assert jobs.cancel(waiting).state == "cancelled"
    chunk_map.gate.release(2)
    eventually_sync(lambda: jobs.status(running).done == 2)
    jobs.cancel(running)
    assert jobs.wait(running, 5)
    assert jobs.status(running).state == "cancelled"
    assert len(jobs.findings(running)) == 2
    assert jobs.cancel(running).state == "cancelled"


def test_no_more_wait_than_may(gated: tuple[ScanJobs, GatedMap]) -> None:
    jobs, _ = gated
    first = jobs.submit(order(5))
    eventually_sync(lambda: jobs.status(first).state == "running")
    jobs.submit(order(5))
    second = jobs.submit(order(5))
    with pytest.raises(ScanQueueFull, match="DELETE"):
        jobs.submit(order(5))
    jobs.cancel(second)
    jobs.submit(order(5))


def test_old_scans_are_forgotten(jobs: ScanJobs) -> None:
    scans = []
    for _ in range(6):
        scans.append(jobs.submit(order(1)))
        assert jobs.wait(scans[-1], 5)
    with pytest.raises(UnknownScan, match="order it again"):
        jobs.status(scans[0])
    assert jobs.status(scans[-1]).state == "complete"
    with pytest.raises(UnknownScan):
        jobs.findings("no such scan")


def test_findings_and_errors_are_bounded(jobs: ScanJobs) -> None:
    scan = jobs.submit(order(500))
    assert jobs.wait(scan, 5)
    status = jobs.status(scan)
    assert (status.state, status.found) == ("failed", 150)
    assert status.message == "Stopped at 150 findings; ask for fewer."

    def nothing(symbols: Sequence[str], _: threading.Event) -> list[tuple[str, Bars | str]]:
        return [(symbol, "No bars.") for symbol in symbols]

    scan = jobs.submit(order(500, read=nothing))
    assert jobs.wait(scan, 5)
    status = jobs.status(scan)
    assert (len(status.errors), status.done) == (MAX_ERRORS, 500)
    assert status.message == "500 of 500 symbols failed."


def test_finished_scans_give_way_to_what_is_found(jobs: ScanJobs) -> None:
    """Of 20 scans with 100,000 findings each the agent would hold gigabytes."""
    scans = []
    for count in (60, 60, 150):
        scans.append(jobs.submit(order(count)))
        assert jobs.wait(scans[-1], 5)
    with pytest.raises(UnknownScan):
        jobs.status(scans[0])
    assert len(jobs.findings(scans[2])) > 120
    jobs.submit(order(1))
    assert sum(len(job.findings) for job in jobs._jobs.values()) <= 150


def test_a_cancelled_scan_waits_nowhere(gated: tuple[ScanJobs, GatedMap]) -> None:
    jobs, _ = gated
    running = jobs.submit(order(5))
    eventually_sync(lambda: jobs.status(running).state == "running")
    asked = order(5)
    references = sys.getrefcount(asked)
    for _ in range(50):
        jobs.cancel(jobs.submit(asked))
    assert sys.getrefcount(asked) - references <= 4  # those remembered, and the one to be forgotten


def test_what_does_not_hold_any_more_is_given_up(gated: tuple[ScanJobs, GatedMap]) -> None:
    jobs, chunk_map = gated
    chunk_map.gate.release(7)
    over = jobs.submit(order(5))
    assert jobs.wait(over, 5)
    running = jobs.submit(order(5))
    waiting = jobs.submit(order(2))
    eventually_sync(lambda: jobs.status(running).done == 2)
    jobs.void("The clock was set. Order it again.")
    assert jobs.wait(running, 5)
    for scan in (over, running):
        assert jobs.status(scan).state == "failed"
        assert jobs.status(scan).message == "The clock was set. Order it again."
        assert jobs.findings(scan) == []
    chunk_map.gate.release(100)
    assert jobs.wait(waiting, 5)
    assert jobs.status(waiting).state == "complete"
    assert len(jobs.findings(waiting)) == 2


@pytest.mark.parametrize("part", ["read", "keep"])
def test_a_fault_fails_its_scan_and_not_the_next(jobs: ScanJobs, part: str) -> None:
    def faulty(*_: Any) -> Any:
        raise RuntimeError("market data is away")

    scan = jobs.submit(order(5, **{part: faulty}))
    assert jobs.wait(scan, 5)
    assert jobs.status(scan).state == "failed"
    assert jobs.status(scan).message == "The scan stopped: RuntimeError: market data is away"
    following = jobs.submit(order(2))
    assert jobs.wait(following, 5)
    assert jobs.status(following).state == "complete"


def test_a_scan_has_a_deadline() -> None:
    jobs = ScanJobs(GatedMap(), Limits(seconds=0.05))
    scan = jobs.submit(order(5))
    assert jobs.wait(scan, 5)
    assert jobs.status(scan).state == "failed"
    assert jobs.status(scan).message == "The scan took longer than 0.05 s."
    jobs.close()


def test_idle_workers_are_let_go_and_closing_ends_everything() -> None:
    chunk_map = GatedMap()
    jobs = ScanJobs(chunk_map, Limits(idle_seconds=0.01))
    chunk_map.gate.release(1)
    assert jobs.wait(jobs.submit(order(1)), 5)
    eventually_sync(lambda: chunk_map.closed == 1)
    running, waiting = jobs.submit(order(5)), jobs.submit(order(5))
    eventually_sync(lambda: jobs.status(running).state == "running")
    jobs.close()
    assert jobs.status(running).state == jobs.status(waiting).state == "cancelled"
    assert chunk_map.closed >= 2
    with pytest.raises(ScanQueueFull):
        jobs.submit(order(1))
