"""Bringing the agents from one configuration to another: only those that changed restart.

Owns the order: what goes is stopped first, so that ports can change hands; then all settings count;
then what was running, or is new, starts. What an agent does with its settings is
`reconfigure_rule`'s, reading and comparing files is `config`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trading_dashboard.config.difference import needs_new_process
from trading_dashboard.config.settings import AgentSettings, Settings
from trading_dashboard.models.errors import NotManaged
from trading_dashboard.models.states import AgentKind, AgentStatus
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.messages import SettingsChanged
from trading_dashboard.orchestrator.reconfigure_rule import REASON
from trading_dashboard.orchestrator.requests import start_chain, stop
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.waiters import new_answer

_FAILING = frozenset({AgentStatus.BACKOFF, AgentStatus.ERROR})


@dataclass(frozen=True, slots=True)
class Reconfiguration:
    """Who is touched by a change from one configuration to another.

    Attributes:
        removed: Not configured any more.
        added: Not configured before.
        changed: Any setting differs.
        stopped: Their process is not what the configuration describes, or they were disabled.
        started: To be started when all settings count.
    """

    removed: tuple[str, ...]
    added: tuple[AgentSettings, ...]
    changed: tuple[AgentSettings, ...]
    stopped: tuple[str, ...]
    started: tuple[str, ...]


def plan(agents: Roster, settings: Settings, *, starts_added: bool = True) -> Reconfiguration:
    """Return what has to be done. Agents that did not change are not touched."""
    old = {t.settings.name: t.settings for t in agents if t.info.kind is AgentKind.AGENT}
    new = settings.agents
    added = tuple(new[name] for name in new if name not in old)
    changed = tuple(new[name] for name in new if name in old and new[name] != old[name])
    outdated = [
        s.name
        for s in changed
        if s.enabled
        and needs_new_process(old[s.name], s)
        and agents.get(s.name).info.maintenance is None
    ]
    disabled = [s.name for s in changed if not s.enabled and old[s.name].enabled]
    candidates = [*added] if starts_added else []
    candidates += [s for s in changed if s.enabled and not old[s.name].enabled]
    fresh = [s.name for s in candidates if s.enabled and s.auto_start]
    return Reconfiguration(
        removed=tuple(name for name in old if name not in new),
        added=added,
        changed=changed,
        stopped=(*outdated, *disabled),
        started=(*_to_resume(agents, changed, outdated), *fresh),
    )


def _to_resume(
    agents: Roster, changed: Iterable[AgentSettings], outdated: Iterable[str]
) -> list[str]:
    """Return the changed agents that are meant to run and need a start for it."""
    wanted = [s.name for s in changed if s.enabled and agents.get(s.name).is_wanted]
    # Whoever mends the configuration of an agent that failed wants it tried again.
    return [name for name in wanted if name in outdated or agents.get(name).info.status in _FAILING]


async def carry_out(
    agents: Roster, todo: Reconfiguration, add: Callable[[AgentSettings], None]
) -> dict[str, bool]:
    """Do what was planned.

    Returns:
        For each agent that was removed, stopped, restarted or started whether that worked.
    """
    leaving = {*todo.removed, *todo.stopped}
    results: dict[str, bool] = {}
    for level in reversed(agents.levels()):
        tasks = [task for task in level if task.settings.name in leaving]
        ended = await asyncio.gather(*(_end(task) for task in tasks))
        results |= {task.settings.name: ok for task, ok in zip(tasks, ended, strict=True)}
    for name in todo.removed:
        if results[name]:  # one that cannot be ended stays shown
            await agents.remove(name)
    for settings in todo.added:
        add(settings)
    await asyncio.gather(*(change(agents.get(s.name), s) for s in todo.changed))
    return results | await start_chain(
        agents, todo.started, wait_for_health=True, is_automatic=True
    )


async def change(task: AgentTask, settings: AgentSettings) -> bool:
    """Hand an agent other settings; return whether they count and, if restarted, it is up."""
    done = new_answer()
    task.post(SettingsChanged(done=done, settings=settings))
    return await done


async def _end(task: AgentTask) -> bool:
    """Stop an agent; somebody else's process goes on without us."""
    try:
        return await stop(task, None, REASON)
    except NotManaged:
        return True
