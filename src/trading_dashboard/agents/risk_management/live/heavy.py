"""Heavy questions, computed in a process of their own.

Owns that process, the bounded queue before it, and that a question asked twice at once is computed
once. Nothing here holds up the event loop or the interpreter the desk runs in. The process is
started by the first question and ended when none has come for a while: its libraries take more
memory than all the rest of the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from trading_dashboard.agents.risk_management.live import heavy_worker
from trading_dashboard.models.errors import TradingDashboardError
from trading_dashboard.models.risk.errors import RiskBusy, RiskUnavailable

MAX_WAITING = 8
DEADLINE_SECONDS = 60.0
"""For one question; the process is ended then, and the next question gets a new one."""
IDLE_SECONDS = 60.0
KEEP_SECONDS = 1.0
"""An answer is given again for so long to whoever asks the same."""
KEPT = 32
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

logger = logging.getLogger(__name__)


class WorkerEnded(Exception):
    """The process is gone, or was ended because it took too long."""


@dataclass(slots=True)
class _Question:
    function: str
    data: tuple[Hashable, Any]
    arguments: tuple[Any, ...]
    keep_seconds: float
    askers: int = 0
    answer: asyncio.Future[Any] = field(default_factory=asyncio.Future)


class Heavy:
    """Ask from the event loop; `run` computes until it is cancelled."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        deadline_seconds: float = DEADLINE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.computed = 0
        """Questions computed since the start."""
        self._monotonic = monotonic
        self._deadline_seconds = deadline_seconds
        self._idle_seconds = idle_seconds
        self._waiting: OrderedDict[Hashable, _Question] = OrderedDict()
        self._under_way: dict[Hashable, _Question] = {}
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()  # with its end
        self._wake = asyncio.Event()
        self._worker: _Worker | None = None

    @property
    def waiting(self) -> int:
        """Return how many questions wait or are computed."""
        return len(self._waiting) + len(self._under_way)

    @property
    def worker_pid(self) -> int | None:
        """Return the process that computes; None while there is none."""
        return None if self._worker is None else self._worker.pid

    async def ask(
        self,
        key: Hashable,
        function: str,
        data: tuple[Hashable, Any],
        *arguments: Any,
        keep_seconds: float = KEEP_SECONDS,
    ) -> Any:
        """Return what a function of some data and arguments comes to, computed in the process.

        Args:
            key: The same for the same question; then it is computed once.
            function: Such as ``package.module:function``: imported there, and nowhere else.
            data: Something large and its version: sent only if the process has another version.
            arguments: Pickled.
            keep_seconds: How long the answer is given again to whoever asks the same.

        Raises:
            RiskBusy: As many questions wait as may.
            RiskUnavailable: The process ended, or took too long.
            TradingDashboardError: What the function raised.
        """
        kept = self._kept.get(key)
        if kept is not None and self._monotonic() <= kept[0]:
            return kept[1]
        question = self._under_way.get(key) or self._waiting.get(key)
        if question is None:
            if len(self._waiting) >= MAX_WAITING:
                raise RiskBusy(
                    "No more computations may wait.",
                    observed=len(self._waiting),
                    next_step="Ask again when those before are over.",
                )
            question = _Question(function, data, arguments, keep_seconds)
            question.answer.add_done_callback(_retrieve)
            self._waiting[key] = question
            self._wake.set()
        question.askers += 1
        try:
            # Who leaves takes the answer from nobody else.
            return await asyncio.shield(question.answer)
        finally:
            question.askers -= 1
            if not question.askers and self._waiting.get(key) is question:
                del self._waiting[key]  # nobody waits for it any more
                question.answer.cancel()

    async def run(self) -> None:
        """Compute what is asked, one question after the other, for ever."""
        try:
            while True:
                if not self._waiting:
                    await self._rest()
                    continue
                key, question = self._waiting.popitem(last=False)
                self._under_way[key] = question
                try:
                    await self._answer(key, question)
                finally:
                    del self._under_way[key]
                    if not question.answer.done():
                        question.answer.cancel()
        finally:
            await self._end_worker()
            for question in self._waiting.values():
                question.answer.cancel()

    # Private

    async def _rest(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(None if self._worker is None else self._idle_seconds):
                await self._wake.wait()
        except TimeoutError:
            await self._end_worker()

    async def _answer(self, key: Hashable, question: _Question) -> None:
        try:
            is_good, result = await self._compute(question)
        except WorkerEnded as error:
            await self._end_worker()
            is_good, result = False, _unavailable(str(error))
        self.computed += 1
        if question.answer.done():
            return
        if is_good:
            self._keep(key, result, question.keep_seconds)
            question.answer.set_result(result)
        elif isinstance(result, TradingDashboardError):
            question.answer.set_exception(result)
        else:
            logger.error("A computation failed: %s", result)
            failure = _unavailable(str(result).strip().splitlines()[-1])
            question.answer.set_exception(failure)

    async def _compute(self, question: _Question) -> tuple[bool, Any]:
        if self._worker is None or self._worker.has_ended:
            await self._end_worker()
            self._worker = await _Worker.start()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._worker.compute(question)
        except TimeoutError:
            raise WorkerEnded(f"It took more than {self._deadline_seconds:g} s.") from None

    async def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()

    def _keep(self, key: Hashable, result: Any, seconds: float) -> None:
        now = self._monotonic()
        # What is over goes first: it must not push out what is kept for long.
        self._kept = OrderedDict(kept for kept in self._kept.items() if kept[1][0] >= now)
        self._kept[key] = (now + seconds, result)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


class _Worker:
    """The process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._version: Hashable = None

    @classmethod
    async def start(cls) -> _Worker:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", heavy_worker.__name__),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # The worker finds what this process finds, wherever that was told.
                env={**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except OSError as error:
            raise WorkerEnded(f"The process that computes cannot be started: {error}") from error
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def compute(self, question: _Question) -> tuple[bool, Any]:
        version, data = question.data
        task: dict[str, Any] = {"function": question.function, "arguments": question.arguments}
        if version != self._version:
            task["data"] = data
        body = await asyncio.to_thread(pickle.dumps, task, pickle.HIGHEST_PROTOCOL)
        incoming, outgoing = self._process.stdin, self._process.stdout
        assert incoming is not None and outgoing is not None  # noqa: S101, PT018 - both are pipes
        try:
            incoming.write(heavy_worker.LENGTH.pack(len(body)))
            incoming.write(body)
            await incoming.drain()
            head = await outgoing.readexactly(heavy_worker.LENGTH.size)
            answer = await outgoing.readexactly(heavy_worker.LENGTH.unpack(head)[0])
        except (OSError, asyncio.IncompleteReadError) as error:
            raise WorkerEnded("The process that computes has ended.") from error
        self._version = version
        try:
            outcome: tuple[bool, Any] = pickle.loads(answer)  # noqa: S301 - our own process
        except Exception as error:
            raise WorkerEnded(f"Its answer cannot be read: {error}") from error
        return outcome

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _unavailable(observed: str) -> RiskUnavailable:
    return RiskUnavailable(
        "The computation did not end.",
        observed=observed[:500],
        next_step="Ask for less, or read the agent's log.",
    )


def _retrieve(answer: asyncio.Future[Any]) -> None:
    """Take note of a failure, so that one nobody waits for any more is not told as forgotten."""
    if not answer.cancelled():
        answer.exception()
