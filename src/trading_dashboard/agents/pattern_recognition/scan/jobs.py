"""Scans as jobs: ordered, watched, cancelled, and forgotten in time.

Owns the queue, one thread that works it off, and what is kept of each job. Everything is bounded:
jobs that wait, jobs that are remembered, findings and errors of one job, and how long it may take.
It knows neither where bars are from nor how a finding is written: both are given with the order.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.scan.mapping import (
    ChunkMap,
    Series,
    Task,
    described,
)
from trading_dashboard.models.errors import ScanQueueFull, UnknownScan
from trading_dashboard.models.pattern_api import ScanStatus

State = Literal["queued", "running", "complete", "cancelled", "failed"]
Read = Callable[[Sequence[str], threading.Event], Iterable[tuple[str, Bars | str]]]
"""Returns bars, or why there are none, for some symbols. Called in the jobs' thread; may block,
but not once the event is set: nobody wants them any more."""
Keep = Callable[[str, Any, Bars], Iterable[Any]]
"""Turns what the task returned for a symbol into the findings to keep."""

MAX_ERRORS = 100
READ_SYMBOLS = 50
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the jobs may take.

    Attributes:
        queued: Jobs that wait; more are refused.
        remembered: Finished jobs; the oldest are forgotten first.
        findings: Kept of one job, and of all together: finished jobs give way to what is found.
        seconds: How long a job may run.
        idle_seconds: How long workers stay after the last job.
    """

    queued: int = 8
    remembered: int = 20
    findings: int = 100_000
    seconds: float = 900.0
    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to scan, and how.

    Attributes:
        symbols: Which, each once.
        read: Gives their bars.
        task: What is done with each; see `mapping.Task`.
        keep: What of it is kept, called in the jobs' thread.
    """

    symbols: Sequence[str]
    read: Read
    task: Task
    keep: Keep


@dataclass(slots=True)
class _Job:
    id: str
    order: Order
    made_at: datetime
    state: State = "queued"
    done: int = 0
    findings: list[Any] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    failed: int = 0
    began: float | None = None
    seconds: float = 0.0
    message: str | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    is_overdue: bool = False
    void: str | None = None
    """Why what was found up to now does not hold."""

    def expire(self) -> None:
        """End it because its time is up."""
        self.is_overdue = True
        self.cancel.set()


class ScanJobs:
    """A queue of scans, worked off one at a time. Every method may be called from any thread."""

    def __init__(self, chunk_map: ChunkMap, limits: Limits | None = None) -> None:
        self._map = chunk_map
        self._limits = limits or Limits()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._waiting: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._has_news = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def submit(self, order: Order) -> str:
        """Queue a scan; return its id.

        Raises:
            ScanQueueFull: As many as may wait do, or the agent stops.
        """
        with self._lock:
            waiting = len(self._waiting)
            if self._is_closed or waiting >= self._limits.queued:
                raise ScanQueueFull(
                    "The scan was not taken: no more may wait.",
                    observed=waiting,
                    next_step="Wait for one to end, or cancel one with DELETE /scan/ID.",
                )
            job = _Job(secrets.token_hex(8), order, datetime.now(UTC))
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._has_news.notify()
            self._forget()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="scans", daemon=True)
                self._thread.start()
        return job.id

    def cancel(self, scan: str) -> ScanStatus:
        """End a scan that waits or runs; what was found stays. One that is over stays as it is.

        Raises:
            UnknownScan: No scan has this id, or it was forgotten.
        """
        job = self._job(scan)
        with self._lock:
            job.cancel.set()
            if job.state == "queued":
                self._waiting.remove(job)
                self._finish(job, "cancelled")
        return self.status(scan)

    def void(self, why: str) -> None:
        """Give up what was found up to now, because it does not hold any more. `why` is told.

        What still waits is done all the same: nothing has been read for it.
        """
        with self._lock:
            for job in self._jobs.values():
                if job.state == "queued":
                    continue
                job.void, job.message = why, why
                job.findings.clear()
                job.cancel.set()
                if job.over.is_set():
                    job.state = "failed"

    def close(self) -> None:
        """Cancel everything and end the thread and the map's workers. Blocks for a moment."""
        with self._lock:
            self._is_closed = True
            for job in self._jobs.values():
                job.cancel.set()
            while self._waiting:
                self._finish(self._waiting.popleft(), "cancelled")
            self._has_news.notify()
        if self._thread is not None:
            self._thread.join()
        self._map.close()

    def status(self, scan: str) -> ScanStatus:
        """Return where a scan stands. Raises `UnknownScan`."""
        job = self._job(scan)
        with self._lock:
            is_running = job.began is not None and job.state == "running"
            return ScanStatus(
                id=job.id,
                state=job.state,
                symbols=len(job.order.symbols),
                done=job.done,
                found=len(job.findings),
                errors=dict(job.errors),
                started_at=job.made_at,
                seconds=time.monotonic() - (job.began or 0) if is_running else job.seconds,
                message=job.message,
            )

    def findings(self, scan: str) -> list[Any]:
        """Return what was found so far, in the order it came. Raises `UnknownScan`."""
        job = self._job(scan)
        with self._lock:
            return list(job.findings)

    def wait(self, scan: str, seconds: float) -> bool:
        """Wait until a scan is over; return whether it is. Raises `UnknownScan`."""
        return self._job(scan).over.wait(seconds)

    def _job(self, scan: str) -> _Job:
        with self._lock:
            job = self._jobs.get(scan)
        if job is None:
            raise UnknownScan(
                f"There is no scan '{scan[:40]}'.",
                subject=scan[:40],
                next_step=f"The last {self._limits.remembered} are kept; order it again.",
            )
        return job

    def _forget(self) -> None:
        over = deque(job for job in self._jobs.values() if job.over.is_set())
        kept = sum(len(job.findings) for job in self._jobs.values())
        while over and (len(over) > self._limits.remembered or kept > self._limits.findings):
            oldest = over.popleft()
            kept -= len(oldest.findings)
            del self._jobs[oldest.id]

    def _work(self) -> None:
        is_warm = False
        while not self._is_closed:
            job = self._next(self._limits.idle_seconds if is_warm else None)
            if job is None:
                self._map.close()
            else:
                self._run(job)
            is_warm = job is not None

    def _next(self, seconds: float | None) -> _Job | None:
        """Return the next job, begun; None if none came in time, or all is closed."""
        with self._has_news:
            self._has_news.wait_for(lambda: self._waiting or self._is_closed, seconds)
            if not self._waiting:
                return None
            job = self._waiting.popleft()
            job.state, job.began = "running", time.monotonic()
            return job

    def _run(self, job: _Job) -> None:
        state: State = "failed"
        try:
            state = self._scan(job)
        except Exception as error:  # noqa: BLE001 - the job's state, and the log has the rest
            _log.exception("Scan %s failed", job.id)
            job.message = f"The scan stopped: {described(error)}"
        with self._lock:
            if job.void is not None:
                state, job.message = "failed", job.void
            self._finish(job, state)

    def _scan(self, job: _Job) -> State:
        order, held = job.order, _Held()
        overdue = threading.Timer(self._limits.seconds, job.expire)
        overdue.daemon = True
        overdue.start()
        outcomes = self._map.map(order.task, held.passed(self._read(job)), job.cancel)
        try:
            for outcome in outcomes:
                bars = held.take(outcome.symbol)
                kept = ()
                if outcome.error is None:
                    kept = tuple(order.keep(outcome.symbol, outcome.value, bars))
                self._note(job, outcome.symbol, kept, outcome.error)
                if len(job.findings) >= self._limits.findings:
                    job.message = f"Stopped at {len(job.findings):,} findings; ask for fewer."
                    return "failed"
        finally:
            outcomes.close()
            overdue.cancel()
        if job.is_overdue:
            job.message = f"The scan took longer than {self._limits.seconds:g} s."
            return "failed"
        return "cancelled" if job.cancel.is_set() else "complete"

    def _read(self, job: _Job) -> Iterator[Series]:
        symbols = iter(job.order.symbols)
        while some := list(itertools.islice(symbols, READ_SYMBOLS)):
            if job.cancel.is_set():
                return
            for symbol, bars in job.order.read(some, job.cancel):
                if isinstance(bars, str):
                    self._note(job, symbol, (), bars)
                else:
                    yield symbol, bars

    def _note(self, job: _Job, symbol: str, kept: Sequence[Any], error: str | None) -> None:
        with self._lock:
            job.done += 1
            if job.void is None:
                job.findings.extend(kept[: self._limits.findings - len(job.findings)])
                self._forget()
            if error is not None:
                job.failed += 1
                if len(job.errors) < MAX_ERRORS:
                    job.errors[symbol] = error

    def _finish(self, job: _Job, state: State) -> None:
        job.state = state
        if job.began is not None:
            job.seconds = time.monotonic() - job.began
        if job.failed and job.message is None:
            job.message = f"{job.failed:,} of {len(job.order.symbols):,} symbols failed."
        job.over.set()


class _Held:
    """The bars on their way through the map: needed again to write what was found."""

    def __init__(self) -> None:
        self._bars: dict[str, Bars] = {}

    def passed(self, series: Iterable[Series]) -> Iterator[Series]:
        for symbol, bars in series:
            self._bars[symbol] = bars
            yield symbol, bars

    def take(self, symbol: str) -> Bars:
        return self._bars.pop(symbol)
