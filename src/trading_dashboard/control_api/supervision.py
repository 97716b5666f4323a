"""What the control API needs from the supervisor it is the face of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.control import SupervisorInfo
from trading_dashboard.models.events import LogFigures, LogLine
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.history.event_history import EventHistory
from trading_dashboard.orchestrator.reloading import ConfigurationReloader


class SupervisedAgents(Protocol):
    """The verbs and queries of `orchestrator.AgentManager` that are served."""

    events: EventHub

    async def start_agent(
        self, agent_name: str, wait_for_health: bool = True, *, origin: str = "library"
    ) -> bool:
        """Start an agent and what it depends on."""

    async def stop_agent(
        self, agent_name: str, timeout: float | None = None, *, origin: str = "library"
    ) -> bool:
        """Stop an agent and every process it started."""

    async def restart_agent(self, agent_name: str, *, origin: str = "library") -> bool:
        """Stop and start an agent."""

    async def set_maintenance(
        self, agent_name: str, maintenance: Maintenance | None, *, origin: str = "library"
    ) -> bool:
        """Begin, change or end an agent's maintenance."""

    async def start_all_enabled_agents(
        self, only: Sequence[str] | None = None, *, origin: str = "library"
    ) -> dict[str, bool]:
        """Start every agent that starts by itself."""

    async def stop_all_agents(self, *, origin: str = "library") -> dict[str, bool]:
        """Stop all agents, not the desk."""

    async def emergency_stop(self, *, origin: str = "library") -> dict[str, bool]:
        """Kill all agents' process trees at once, not the desk's."""

    async def get_agent_status(self, agent_name: str) -> AgentInfo | None:
        """Return one agent's state."""

    async def get_all_agent_status(self) -> dict[str, AgentInfo]:
        """Return all agents' states."""

    def logs(self, agent_name: str, lines: int = 200) -> Sequence[LogLine]:
        """Return an agent's newest log lines."""

    def log_figures(self, agent_name: str) -> LogFigures:
        """Return how much an agent has written in this run."""

    def follow_logs(self, agent_names: Sequence[str]) -> AsyncIterator[LogLine]:
        """Yield log lines as they arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """One supervisor, as its control API sees it.

    Attributes:
        agents: The manager.
        describe: Returns the supervisor's own state now.
        request_shutdown: Begins a graceful shutdown for who asked; returns at once.
        history: What it remembers, if it does.
        reloader: Keeps it on its configuration, if it can be changed.
    """

    agents: SupervisedAgents
    describe: Callable[[], SupervisorInfo]
    request_shutdown: Callable[[str], None]
    history: EventHistory | None = None
    reloader: ConfigurationReloader | None = None
