"""Those who asked for something and wait for how it ends. Owns their futures, nothing else."""

from __future__ import annotations

import asyncio

from trading_dashboard.orchestrator.messages import StartRequested


class Waiters:
    """Start requests that are not answered yet."""

    def __init__(self) -> None:
        self._waiting: list[StartRequested] = []

    def add(self, request: StartRequested) -> None:
        """Answer this one later."""
        self._waiting.append(request)

    def settle_spawned(self) -> None:
        """The process is there: answer those who do not wait for its health."""
        for request in self._waiting:
            if not request.wait_for_health:
                settle(request.done, True)
        self._waiting = [request for request in self._waiting if request.wait_for_health]

    def settle(self, result: bool) -> None:
        """Answer all."""
        for request in self._waiting:
            settle(request.done, result)
        self._waiting.clear()


def settle(future: asyncio.Future[bool], result: bool) -> None:
    """Answer a future unless whoever waited has left."""
    if not future.done():
        future.set_result(result)


def new_answer() -> asyncio.Future[bool]:
    """Return a future for a request that is about to be posted."""
    return asyncio.get_running_loop().create_future()


async def answer_within(future: asyncio.Future[bool], seconds: float) -> bool:
    """Return the answer, or False if there is none after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await future
    except TimeoutError:
        return False
