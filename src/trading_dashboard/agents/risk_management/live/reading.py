"""Questions to the store beside the one who writes: a thread and a connection of their own.

Owns that what is large to read holds up no fill, no acknowledgement and no decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from trading_dashboard.agents.risk_management.store.reader import AccountReader

Result = TypeVar("Result")


class ReaderThread:
    """Ask from the event loop; one question after the other is answered."""

    def __init__(self, connect: Callable[[], AccountReader], name: str) -> None:
        """Make the thread; it connects with the first question."""
        self._connect = connect
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._reader: AccountReader | None = None

    async def ask(self, question: Callable[[AccountReader], Result]) -> Result:
        """Return what a question comes to, as of what is on disk now.

        Raises:
            AccountStoreError: The store cannot be read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._answer, question)

    async def close(self) -> None:
        """Let go of the connection and end the thread; before the store is closed."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _answer(self, question: Callable[[AccountReader], Result]) -> Result:
        if self._reader is None:
            self._reader = self._connect()
        return question(self._reader)

    def _disconnect(self) -> None:
        if self._reader is not None:
            self._reader.close()
