"""Measuring what agents use, beside their lives. Owns no state."""

from __future__ import annotations

import asyncio

from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.runtime import Runtime

WATCHED_INTERVAL_SECONDS = 2.0
UNWATCHED_INTERVAL_SECONDS = 30.0


async def sample_usage(agents: Roster, runtime: Runtime) -> None:
    """Measure CPU and memory of every managed agent's process tree."""
    for task in agents:
        handle = task.handle
        usage = await runtime.usage(handle) if handle else None
        if handle and usage:
            task.note_usage(handle, usage.cpu_percent, usage.memory_bytes)


async def sample_while_watched(agents: Roster, runtime: Runtime, events: EventHub) -> None:
    """Measure often while somebody listens and seldom otherwise, until cancelled.

    Seldom is enough for whoever asks once: the figure they get is then never older than that.
    """
    unwatched = 0.0
    while True:
        if events.has_subscribers or unwatched >= UNWATCHED_INTERVAL_SECONDS:
            await sample_usage(agents, runtime)
            unwatched = 0.0
        await asyncio.sleep(WATCHED_INTERVAL_SECONDS)
        unwatched += WATCHED_INTERVAL_SECONDS


def check_exits(agents: Roster) -> None:
    """Look for ends that the system failed to report."""
    for task in agents:
        task.check_exit()
