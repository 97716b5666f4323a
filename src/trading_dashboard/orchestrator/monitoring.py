"""Measuring what agents use, beside their lives. Owns no state."""

from __future__ import annotations

from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.runtime import Runtime


async def sample_usage(agents: Roster, runtime: Runtime) -> None:
    """Measure CPU and memory of every managed agent's process tree."""
    for task in agents:
        handle = task.handle
        usage = await runtime.usage(handle) if handle else None
        if handle and usage:
            task.note_usage(handle, usage.cpu_percent, usage.memory_bytes)


def check_exits(agents: Roster) -> None:
    """Look for ends that the system failed to report."""
    for task in agents:
        task.check_exit()
