"""Looking after what protects the run: is the guardian awake, are lock and lease what they were?

Owns only when to look: once a second, one row of the process table and two small files. What is
done about it belongs to those who are looked after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

LOOK_SECONDS = 1.0


async def keep_up(
    executor: Executor, wake_guardian: Callable[[], None], mend_lease: Callable[[], None]
) -> None:
    """Look after both until cancelled.

    Args:
        executor: Where files are looked at; a disk may hang.
        wake_guardian: Called on the loop, where the guardian is reaped: a pid that is signalled
            there cannot become somebody else's meanwhile.
        mend_lease: Called off the loop.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        wake_guardian()
        await loop.run_in_executor(executor, mend_lease)
