"""The pool: a map over chunks that uses every core, and survives what its workers do.

Owns which worker has which chunk, and what becomes of it: a worker that dies or takes too long has
its chunk done again symbol by symbol, so that one bad symbol costs only itself. Workers start when
they are first needed, stay for the next scan, and end when the pool is closed or its process ends,
however it ends. Not for Windows, where descriptors are not inherited: see `default_map`.
"""

from __future__ import annotations

import itertools
import os
import pickle
import selectors
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence

from trading_dashboard.agents.pattern_recognition.scan.mapping import (
    ChunkMap,
    InlineMap,
    Outcome,
    Series,
    Task,
)
from trading_dashboard.agents.pattern_recognition.scan.worker_process import (
    WorkerDied,
    WorkerProcess,
)
from trading_dashboard.models.errors import ScanUnavailable

Chunk = Sequence[Series]
CHUNK_SYMBOLS = 50
CHUNK_ROWS = 250_000
"""At most so many bars in a chunk, 12 MB of columns, however long the series are."""
_TICK_SECONDS = 0.05
_MAX_STARTS_LOST = 3
_START_SECONDS = 60.0


class ProcessPool:
    """A `ChunkMap` over processes of this machine. One map at a time; others wait their turn.

    Args:
        workers: Processes; by default one for each core this process may use.
        chunk_symbols: Symbols a chunk.
        chunk_seconds: How long a chunk may take before its worker is ended; a fifth of it for a
            symbol that is tried alone.
        inline_symbols: Fewer symbols than this run in the caller's thread.
        niceness: How far workers give way to what is live.
    """

    def __init__(
        self,
        workers: int | None = None,
        chunk_symbols: int = CHUNK_SYMBOLS,
        chunk_seconds: float = 60.0,
        inline_symbols: int = 8,
        niceness: int = 5,
    ) -> None:
        self._niceness = niceness
        self._count = workers or _cores()
        self._chunk_symbols = chunk_symbols
        self.chunk_seconds = chunk_seconds
        self._inline_symbols = inline_symbols
        self.workers: list[WorkerProcess] = []
        self._turn = threading.Lock()

    @property
    def pids(self) -> list[int]:
        """Return the processes' numbers."""
        return [worker.pid for worker in self.workers]

    def map(
        self, task: Task, series: Iterable[Series], cancel: threading.Event | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield outcomes as they come; see `ChunkMap.map`.

        Raises:
            ScanUnavailable: Workers end before they are ready.
        """
        rest = iter(series)
        first = list(itertools.islice(rest, self._inline_symbols))
        if len(first) < self._inline_symbols:
            yield from InlineMap().map(task, first, cancel)
            return
        chunks = chunked(itertools.chain(first, rest), self._chunk_symbols)
        with self._turn:
            run = _Run(self, pickle.dumps(task), chunks, cancel or threading.Event())
            try:
                yield from run.outcomes()
            finally:
                self.end(worker for worker in list(self.workers) if worker.chunk is not None)

    def close(self) -> None:
        """End all workers; wait for a map that runs."""
        with self._turn:
            for worker in self.workers:
                worker.link.close()  # all at once, then one by one
            self.end(list(self.workers), grace_seconds=1.0)

    def staffed(self) -> list[WorkerProcess]:
        """Return the workers, after replacing those that died while they were idle."""
        self.end(worker for worker in list(self.workers) if worker.is_dead and not worker.chunk)
        while len(self.workers) < self._count:
            self.workers.append(WorkerProcess(self._niceness))
        return self.workers

    def end(self, workers: Iterable[WorkerProcess], grace_seconds: float = 0.0) -> None:
        """End some workers, by force after `grace_seconds`."""
        for worker in workers:
            self.workers.remove(worker)
            worker.end(grace_seconds)


class _Run:
    """One map: what waits, what failed once, and when it is over."""

    def __init__(
        self, pool: ProcessPool, task: bytes, chunks: Iterator[Chunk], cancel: threading.Event
    ) -> None:
        self._pool = pool
        self._task = task
        self._chunks = chunks
        self._cancel = cancel
        self._again: deque[Chunk] = deque()
        self._is_read = False
        self._starts_lost = 0

    def outcomes(self) -> Iterator[Outcome]:
        while not self._cancel.is_set():
            yield from self._hand_out()
            busy = [worker for worker in self._pool.workers if worker.chunk is not None]
            if not busy:
                if self._is_read and not self._again:
                    return
                continue
            # Not `select`: it takes no descriptor beyond 1,023, and readers of the agent have many.
            with selectors.DefaultSelector() as selector:
                for worker in self._pool.workers:
                    selector.register(worker.link, selectors.EVENT_READ, worker)
                ready = [key.data for key, _ in selector.select(_TICK_SECONDS)]
            for worker in ready:
                yield from self._received(worker)
            yield from self._overdue()

    def _hand_out(self) -> Iterator[Outcome]:
        """Give every idle worker a chunk."""
        for worker in list(self._pool.staffed()):
            if worker.chunk is not None:
                continue
            chunk = self._next()
            if chunk is None:
                return
            try:
                worker.give(self._task, chunk)
            except WorkerDied as death:
                yield from self._lost(worker, str(death))

    def _next(self) -> Chunk | None:
        if self._again:
            return self._again.popleft()
        chunk = None if self._is_read else next(self._chunks, None)
        self._is_read = chunk is None
        return chunk

    def _received(self, worker: WorkerProcess) -> Iterator[Outcome]:
        try:
            yield from worker.receive() or ()
        except WorkerDied as death:
            yield from self._lost(worker, str(death))

    def _overdue(self) -> Iterator[Outcome]:
        for worker in list(self._pool.workers):
            if worker.chunk is None:
                continue
            allowed = self._pool.chunk_seconds
            if not worker.is_ready:
                allowed = _START_SECONDS
            elif len(worker.chunk) == 1:
                allowed /= 5
            if time.monotonic() - worker.since > allowed:
                yield from self._lost(worker, f"it took longer than {allowed:g} s")

    def _lost(self, worker: WorkerProcess, why: str) -> Iterator[Outcome]:
        """Have a lost worker's chunk done again symbol by symbol; give up on a single one."""
        chunk = worker.chunk or ()
        self._pool.end([worker])
        self._starts_lost = 0 if worker.is_ready else self._starts_lost + 1
        if self._starts_lost > _MAX_STARTS_LOST:
            raise ScanUnavailable(
                "The processes that scan end before they are ready.",
                observed=why,
                next_step="Look for the reason in the agent's log.",
            )
        if len(chunk) == 1:
            yield Outcome(chunk[0][0], error=f"The worker was lost on this symbol: {why}.")
        else:
            self._again.extend([single] for single in chunk)


def default_map(workers: int | None = None) -> ChunkMap:
    """Return the pool; where there is none, the map in the caller's thread."""
    return InlineMap() if sys.platform == "win32" else ProcessPool(workers)


def chunked(series: Iterable[Series], symbols: int, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """Yield `series` in chunks of at most so many symbols and, beyond one symbol, so many bars."""
    chunk: list[Series] = []
    held = 0
    for name, bars in series:
        if chunk and (len(chunk) >= symbols or held + len(bars) > rows):
            yield chunk
            chunk, held = [], 0
        chunk.append((name, bars))
        held += len(bars)
    if chunk:
        yield chunk


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:  # noqa: RET505 - types are checked by branches
        return os.cpu_count() or 1
