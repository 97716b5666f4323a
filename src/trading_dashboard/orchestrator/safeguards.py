"""What keeps the supervisor's own restarts within bounds, for all agents of one desk.

Owns the objects that agents share: the budget of restarts that follow a dependency, who is in
maintenance, the wall clock, and the hours in which an agent that serves is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from trading_dashboard.config.settings import AgentSettings, DependencyRestartSettings, Settings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.orchestrator.agent_state import Publish
from trading_dashboard.orchestrator.dependency_restarts import DependencyRestarts
from trading_dashboard.orchestrator.maintenance_book import MaintenanceBook
from trading_dashboard.orchestrator.market_time.calendars import Calendars
from trading_dashboard.orchestrator.protected_hours import Protection, protection


class Safeguards:
    """One per manager.

    Attributes:
        dependency_restarts: The shared budget.
        maintenance: Keeps who is in maintenance.
        now: The wall clock, in UTC.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        publish: Publish,
        calendars: Calendars,
        clock: Callable[[], float],
    ) -> None:
        """Start with the whole budget.

        Args:
            settings: Returns those of now; they may be reloaded.
            publish: Announces that the budget is used up.
            calendars: Of exchanges.
            clock: The wall clock, in seconds since 1970 UTC.
        """
        self._publish = publish
        self.dependency_restarts = DependencyRestarts(
            lambda: settings().supervision.dependency_restarts, self._withhold
        )
        self.maintenance = MaintenanceBook(settings().state_directory)
        self._calendars = calendars
        self.now: Callable[[], datetime] = lambda: datetime.fromtimestamp(clock(), UTC)

    def protection(
        self, agent: AgentSettings, then: Callable[[], None] = lambda: None
    ) -> Protection | None:
        """Return until when a process that serves is not restarted; None if it may be.

        `then` is called if that may have changed because a calendar was read.
        """
        if not agent.restart.not_within:
            return None
        return protection(agent.restart, self.now(), self._calendars, then)

    def _withhold(self, agent: AgentInfo, policy: DependencyRestartSettings) -> None:
        self._publish(EventKind.RESTARTS_WITHHELD, agent, policy.model_dump())
