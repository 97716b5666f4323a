"""Ending all agents at once, without asking them.

Owns the order in which this is done, nothing else: an agent's task stays the only writer of its
state. Parts of the desk itself, such as the dashboard, are spared, and so is what someone else
started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from trading_dashboard.models.errors import NotManaged
from trading_dashboard.models.states import AgentKind
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.messages import StopRequested
from trading_dashboard.orchestrator.waiters import new_answer

REASON = "emergency stop"


async def kill_agents(tasks: Iterable[AgentTask]) -> dict[str, bool]:
    """Kill every agent's process tree now, all at the same time.

    The request to stop comes first everywhere: it ends starts, waits and backoffs, and nothing
    starts by itself afterwards. Then each tree is killed past the task, which may be waiting for
    an ending with more patience.

    Returns:
        For each agent whether no process of it is alive; False for one that someone else started.
    """
    agents = [task for task in tasks if task.info.kind is AgentKind.AGENT]
    answers: list[asyncio.Future[bool]] = []
    for task in agents:
        done = new_answer()
        task.post(StopRequested(done=done, grace_seconds=0.0, reason=REASON))
        answers.append(done)
    ended = await asyncio.gather(*map(_end, agents, answers))
    return dict(zip((task.settings.name for task in agents), ended, strict=True))


async def _end(task: AgentTask, done: asyncio.Future[bool]) -> bool:
    await task.hasten(0.0)
    try:
        return await done
    except NotManaged:
        return False
