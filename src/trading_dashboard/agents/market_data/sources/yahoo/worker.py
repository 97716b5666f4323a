"""One thread for a library that blocks: jobs one after another, each with a deadline.

Owns the thread. A job that is late is given up by who waits for it at once; the thread gets free
when the job's own limit of time, which is the same, ends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from trading_dashboard.agents.market_data.sources.contract import SourceUnreachable
from trading_dashboard.agents.market_data.sources.waiting import Pending

Result = TypeVar("Result")

GRACE_SECONDS = 0.5
"""So much later than a job's own deadline it is given up, so that it can tell why it is late."""


class Worker:
    """Runs jobs between `open` and `close`, used from one loop."""

    def __init__(self, source: str, deadline_seconds: float) -> None:
        self._source = source
        self._deadline = deadline_seconds
        self._threads: ThreadPoolExecutor | None = None
        self.waiting = Pending(source)

    def open(self) -> None:
        """Get ready; the thread starts with the first job."""
        if self._threads is None:
            name = f"source-{self._source}"
            self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
            self.waiting.open()

    async def close(self, last: Callable[[], None]) -> None:
        """Fail whoever waits, and let the thread end after a last job."""
        threads, self._threads = self._threads, None
        if threads is None:
            return
        self.waiting.close()
        done = asyncio.wrap_future(threads.submit(last))
        threads.shutdown(wait=False)
        await asyncio.wait([done], timeout=GRACE_SECONDS)

    async def run(self, job: Callable[[float], Result], extra_seconds: float = 0.0) -> Result:
        """Return what a job does, called with the monotonic time at which it must have ended.

        Raises:
            SourceUnreachable: It did not end in time, or the worker is closed.
        """
        threads = self._threads
        self.waiting.check()
        allowed = self._deadline + extra_seconds
        until = time.monotonic() + allowed
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(threads, self._do, job, until)
        return await self.waiting.of(future, allowed + GRACE_SECONDS)

    def _do(self, job: Callable[[float], Result], until: float) -> Result:
        """Do a job whose turn comes in time."""
        if self._threads is None or time.monotonic() >= until:
            raise SourceUnreachable(f"{self._source} was too busy to be asked in time.")
        return job(until)
