"""Verbs under way: a request may stop waiting, the verb goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class VerbsUnderWay:
    """Owns one task per verb, so that a client that goes away cancels nothing."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(
        self, verb: Coroutine[Any, Any, _Result], wait_seconds: float
    ) -> tuple[bool, _Result | None]:
        """Run a verb and wait for it, but not longer than `wait_seconds`.

        Returns:
            (True, its result), or (False, None) while it is still under way.

        Raises:
            Whatever the verb raises within the wait; later it is logged.
        """
        task = asyncio.create_task(verb)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=wait_seconds)
        return (True, task.result()) if done else (False, None)

    async def aclose(self) -> None:
        """Cancel what is left."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.info("a verb ended with %r", task.exception())
