"""In which order agents start and stop, and which dependencies a start has to wait for.

Owns the ordering of a checked configuration: cycles and unknown names were refused when it was
loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from graphlib import TopologicalSorter

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.failures import Failure


def start_levels(agents: Mapping[str, AgentSettings]) -> list[list[str]]:
    """Return the names in groups: each group depends on earlier ones only."""
    sorter = TopologicalSorter(
        {name: [d for d in agent.depends_on if d in agents] for name, agent in agents.items()}
    )
    sorter.prepare()
    levels: list[list[str]] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        levels.append(ready)
        sorter.done(*ready)
    return levels


def with_dependencies(agents: Mapping[str, AgentSettings], names: Iterable[str]) -> set[str]:
    """Return `names` and everything they depend on, directly or not."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(d for d in agents[name].depends_on if d in agents)
    return found


def dependents_of(agents: Mapping[str, AgentSettings], name: str) -> list[str]:
    """Return the agents that depend on `name` directly, sorted."""
    return sorted(other for other, agent in agents.items() if name in agent.depends_on)


def missing_for(
    agent: AgentSettings, look_up: Callable[[str], tuple[AgentInfo, bool]]
) -> tuple[str, ...] | Failure:
    """Return what the agent has to wait for, or why waiting is in vain.

    Args:
        agent: Who wants to start.
        look_up: Returns a dependency's state and whether it is meant to run.
    """
    missing: list[str] = []
    for name in agent.depends_on:
        other, is_wanted = look_up(name)
        if other.is_up:
            continue
        if other.status is AgentStatus.ERROR or not (is_wanted or other.is_idle):
            return failures.dependency_unavailable(agent.name, name, other.status)
        missing.append(name)
    return tuple(missing)
