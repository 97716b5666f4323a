"""Asking agents' tasks to start, stop and restart, in the order of their dependencies.

Owns the order and how long whoever asked waits. Whether an agent may be asked is the manager's;
what it does with the request is `agent_task`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from trading_dashboard.models.errors import NotManaged
from trading_dashboard.models.states import AgentKind, AgentStatus
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.messages import (
    RestartRequested,
    StartRequested,
    StopRequested,
)
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.waiters import answer_within, new_answer

SLACK_SECONDS = 1.0
"""So that the agent's own deadline, which tells why, comes before that of whoever waits for it."""


async def start_chain(
    agents: Roster,
    wanted: Iterable[str],
    wait_for_health: bool,
    *,
    are_named: bool = False,
    is_automatic: bool = False,
) -> dict[str, bool]:
    """Ask for `wanted` and all it depends on, dependencies first.

    Args:
        agents: Of the desk.
        wanted: Whom.
        wait_for_health: Until they answer; else until their processes are there.
        are_named: A person named `wanted`, so they start even in maintenance.
        is_automatic: The desk asks: only within their hours.

    Returns:
        For each of `wanted` whether it came up.
    """
    wanted = set(wanted)
    chain = agents.with_dependencies(wanted)
    futures: dict[str, asyncio.Future[bool]] = {}
    # Dependencies first: whoever waits for one sees that it is meant to run.
    ordered = [task for level in agents.levels() for task in level if task.settings.name in chain]
    for task in ordered:
        done = new_answer()
        futures[task.settings.name] = done
        task.post(
            StartRequested(
                done=done,
                wait_for_health=wait_for_health,
                forgive=True,
                is_named=are_named and task.settings.name in wanted,
                is_automatic=is_automatic,
            )
        )
    names = [name for name in futures if name in wanted]
    patience = {name: agents.startup_seconds(name) + SLACK_SECONDS for name in names}
    answers = (answer_within(futures[name], seconds) for name, seconds in patience.items())
    return dict(zip(names, await asyncio.gather(*answers), strict=True))


async def restart(agents: Roster, task: AgentTask) -> bool:
    """Ask an agent to stop and start; return whether it came up again."""
    done = new_answer()
    task.post(RestartRequested(done=done, generation=task.info.generation))
    seconds = task.settings.stop_timeout + agents.startup_seconds(task.settings.name)
    return await answer_within(done, seconds + SLACK_SECONDS)


async def stop(
    task: AgentTask, grace_seconds: float | None, reason: str, *, for_good: bool = False
) -> bool:
    """Ask an agent to stop, within its own `stop_timeout` if `grace_seconds` is None."""
    done = new_answer()
    grace = task.settings.stop_timeout if grace_seconds is None else grace_seconds
    task.post(StopRequested(done=done, grace_seconds=grace, reason=reason, for_good=for_good))
    if task.info.status is AgentStatus.STOPPING:
        await task.hasten(grace)  # it is being ended already, perhaps with more patience
    return await done


async def stop_all(agents: Roster, *, for_good: bool) -> dict[str, bool]:
    """Ask all agents to stop, dependents first; parts of the desk itself only `for_good`."""
    results: dict[str, bool] = {}
    for level in reversed(agents.levels()):
        tasks = [task for task in level if for_good or task.info.kind is AgentKind.AGENT]
        stopped = await asyncio.gather(*(_stop_kindly(task, for_good) for task in tasks))
        results |= {task.settings.name: r for task, r in zip(tasks, stopped, strict=True)}
    return results


async def _stop_kindly(task: AgentTask, for_good: bool) -> bool:
    try:
        reason = "the desk stops" if for_good else "asked to stop"
        return await stop(task, None, reason, for_good=for_good)
    except NotManaged:
        return for_good
