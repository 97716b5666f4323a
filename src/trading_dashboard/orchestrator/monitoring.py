"""Measuring what agents use, beside their lives. Owns no state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.runtime import Runtime

WATCHED_INTERVAL_SECONDS = 2.0
UNWATCHED_INTERVAL_SECONDS = 30.0


async def sample_usage(agents: Iterable[AgentTask], runtime: Runtime) -> None:
    """Measure CPU and memory of every managed agent's process tree."""
    for task in agents:
        handle, limit = task.handle, task.settings.restart.memory_limit_bytes
        usage = await runtime.usage(handle, limit) if handle else None
        if handle and usage:
            task.note_usage(handle, usage)


async def sample_while_watched(agents: Roster, runtime: Runtime, events: EventHub) -> None:
    """Measure often while somebody listens and seldom otherwise, until cancelled.

    Seldom is enough for whoever asks once: the figure they get is then never older than that.
    Agents with a memory limit are measured often in any case.
    """
    unwatched = 0.0
    while True:
        if events.has_subscribers or unwatched >= UNWATCHED_INTERVAL_SECONDS:
            await sample_usage(agents, runtime)
            unwatched = 0.0
        else:
            limited = [t for t in agents if t.settings.restart.memory_limit_bytes is not None]
            await sample_usage(limited, runtime)
        await asyncio.sleep(WATCHED_INTERVAL_SECONDS)
        unwatched += WATCHED_INTERVAL_SECONDS


def check_exits(agents: Roster) -> None:
    """Look for ends that the system failed to report."""
    for task in agents:
        task.check_exit()
