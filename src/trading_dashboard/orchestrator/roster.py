"""The agents of one supervisor, by name, in the order of the configuration.

Owns looking them up, refusing what cannot be started, and running their tasks. Their states are
`agent_task`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import AgentDisabled, UnknownAgent
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.dependencies import (
    dependents_of,
    start_levels,
    with_dependencies,
)


class Roster:
    """A mapping of names to agents' tasks that knows who depends on whom."""

    def __init__(self) -> None:
        self._tasks: dict[str, AgentTask] = {}
        self._group: asyncio.TaskGroup | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[AgentTask]:
        return iter(list(self._tasks.values()))

    def open(self, group: asyncio.TaskGroup) -> None:
        """Run the agents' tasks in `group`, also of those that are added later."""
        self._group = group
        for task in self._tasks.values():
            self._run(task)

    def add(self, task: AgentTask) -> None:
        """Add an agent; its name must be new."""
        self._tasks[task.settings.name] = task
        self._run(task)

    async def remove(self, name: str) -> None:
        """Forget an agent, which has been stopped."""
        running = self._running.pop(name, None)
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        del self._tasks[name]

    def _run(self, task: AgentTask) -> None:
        if self._group is not None:
            name = task.settings.name
            self._running[name] = self._group.create_task(task.run(), name=f"agent {name}")

    def find(self, name: str) -> AgentTask | None:
        """Return the agent of that name, if there is one."""
        return self._tasks.get(name)

    def get(self, name: str) -> AgentTask:
        """Return the agent of that name.

        Raises:
            UnknownAgent: There is none.
        """
        task = self._tasks.get(name)
        if task is None:
            raise UnknownAgent(
                f"There is no agent '{name}'.",
                subject=name,
                next_step=f"Configured are: {', '.join(sorted(self._tasks)) or 'none'}.",
            )
        return task

    def get_enabled(self, name: str) -> AgentTask:
        """Return the agent of that name, which may be started.

        Raises:
            UnknownAgent: There is none.
            AgentDisabled: The configuration says no.
        """
        task = self.get(name)
        if not task.settings.enabled:
            raise AgentDisabled(
                f"Agent '{name}' is disabled.",
                subject=name,
                next_step=f"Set agents.{name}.enabled to true; a running desk notices.",
            )
        return task

    def states(self) -> dict[str, AgentInfo]:
        """Return every agent's state now."""
        return {name: task.info for name, task in self._tasks.items()}

    def automatic(self) -> list[str]:
        """Return the names of those that start with the desk."""
        return [name for name, s in self._settings().items() if s.enabled and s.auto_start]

    def levels(self) -> list[list[AgentTask]]:
        """Return the agents in groups: each depends on earlier groups only."""
        return [[self._tasks[name] for name in level] for level in start_levels(self._settings())]

    def with_dependencies(self, names: Iterable[str]) -> set[str]:
        """Return `names` and all they depend on."""
        return with_dependencies(self._settings(), names)

    def startup_seconds(self, name: str) -> float:
        """Return how long a start may take: what it depends on first, one after the other."""
        chain = self.with_dependencies([name])
        return sum(self._tasks[link].settings.startup_timeout for link in chain)

    def dependents(self, name: str) -> list[AgentTask]:
        """Return the agents that depend on `name` directly."""
        return [self._tasks[other] for other in dependents_of(self._settings(), name)]

    def is_about_to_follow(self, name: str) -> bool:
        """Return whether an agent has yet to restart because something it depends on failed."""
        seen, waiting = {name}, [name]
        while waiting:
            task = self._tasks[waiting.pop()]
            if task.settings.on_dependency_failure == "ignore":
                continue
            others = [self._tasks[other] for other in task.settings.depends_on]
            if task.is_following or any(x.is_wanted and not x.info.is_up for x in others):
                return True
            new = [other for other in task.settings.depends_on if other not in seen]
            seen.update(new)
            waiting.extend(new)
        return False

    def _settings(self) -> dict[str, AgentSettings]:
        return {name: task.settings for name, task in self._tasks.items()}
