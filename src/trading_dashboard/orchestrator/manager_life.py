"""The life of a manager: the runtime held open, the agents' tasks run, in one event loop.

Owns opening, ending and the check that everybody uses the same loop. What the agents do is
`agent_task`'s; whether they are stopped first is the manager's.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trading_dashboard.models.errors import WrongEventLoop
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.launching import write_agent_token
from trading_dashboard.orchestrator.lease_renewal import LeaseRenewer
from trading_dashboard.orchestrator.maintaining import restore_maintenance
from trading_dashboard.orchestrator.maintenance_book import MaintenanceBook
from trading_dashboard.orchestrator.market_time.calendars import CalendarStore
from trading_dashboard.orchestrator.monitoring import sample_while_watched
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.runtime import Runtime


class ManagerLife:
    """Runs the tasks of one manager's agents between `open` and `close`."""

    def __init__(
        self,
        agents: Roster,
        runtime: Runtime,
        events: EventHub,
        calendars: CalendarStore,
        maintenance: MaintenanceBook,
        state_directory: Path,
    ) -> None:
        self._agents = agents
        self._runtime = runtime
        self._events = events
        self._calendars = calendars
        self._maintenance = maintenance
        self._state_directory = state_directory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it was opened and not closed since."""
        return self._task is not None

    async def open(self) -> None:
        """Open the runtime and run the agents' tasks; does nothing if that is so already.

        Raises:
            AlreadySupervised: Another supervisor owns the project.
            WrongEventLoop: The manager belongs to another event loop.
        """
        self.check_loop()
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(self._ready), name="agent manager")
        ready = self._ready
        try:
            await asyncio.shield(ready)
        except BaseException:
            if ready.done() and not ready.cancelled() and ready.exception() is not None:
                self._ready = self._task = None  # so that a later try can succeed
            raise

    async def close(self) -> None:
        """End the agents' tasks and close the runtime."""
        task = self._task
        if task is None:
            return
        if not task.cancelling():
            task.cancel()
        await asyncio.wait([task])
        self._task = self._ready = None
        if not task.cancelled():
            task.result()

    def check_loop(self) -> None:
        """Raise WrongEventLoop if this is not the loop that opened it."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongEventLoop(
                "This AgentManager belongs to another event loop.",
                next_step="Use one manager per event loop, or keep to the loop that used it first.",
            )

    async def _live(self, ready: asyncio.Future[None]) -> None:
        """Hold the runtime open and run the agents' tasks, until cancelled."""
        try:
            await self._runtime.open()
            for task in self._agents:
                write_agent_token(self._state_directory, task.settings.name)
            await restore_maintenance(self._agents, self._maintenance)
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            if not ready.done():
                ready.set_exception(error)
                ready.exception()  # whoever waits gets it; nobody else is told of it
            await self._runtime.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                self._agents.open(group)
                group.create_task(sample_while_watched(self._agents, self._runtime, self._events))
                group.create_task(self._leases().run(), name="leases")
                ready.set_result(None)
        finally:
            self._events.close()
            await self._calendars.aclose()
            await self._runtime.close()
            for task in self._agents:
                task.conclude()

    def _leases(self) -> LeaseRenewer:
        return LeaseRenewer(self._agents, self._runtime, self._events, self._state_directory)
