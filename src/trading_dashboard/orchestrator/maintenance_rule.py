"""What maintenance means for an agent: the supervisor leaves it to whoever works on it.

Owns its beginning and its end. While it lasts, `agent_life` shows a failure and leaves it at that,
`restart_gate` lets nothing through, and `health_rule` ends nothing; people's verbs work and probes
go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trading_dashboard.models.agents import Maintenance
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.failures import Failure
from trading_dashboard.orchestrator.messages import (
    HoursDue,
    MaintenanceDue,
    MaintenanceRequested,
    StartRequested,
    StartupExpired,
)
from trading_dashboard.orchestrator.timers import Timer
from trading_dashboard.orchestrator.waiters import new_answer, settle

LOOK_SECONDS = 30.0
"""How often the wall clock is read until it ends: the machine may have slept."""
_Status = AgentStatus


class MaintenanceRule:
    """Begins and ends one agent's maintenance, within its task."""

    def __init__(self, life: AgentLife, start: Callable[[StartRequested], Awaitable[None]]) -> None:
        self._life = life
        self._start = start
        self._timer = Timer(life.inbox.post)

    async def on_request(self, message: MaintenanceRequested) -> None:
        """Do what was asked for; asking for what is so already changes nothing."""
        if message.maintenance is not None:
            await self._begin(message.maintenance)
        elif self._life.info.maintenance is not None:
            await self._end()
        settle(message.done, True)

    async def on_due(self, _: MaintenanceDue) -> None:
        """Look at the clock again."""
        await self._look()

    def close(self) -> None:
        """Nobody reads messages any more."""
        self._timer.cancel()

    async def _begin(self, maintenance: Maintenance) -> None:
        before = self._life.info.maintenance
        if before is not None:
            maintenance = maintenance.model_copy(update={"since": before.since})
        if maintenance != before:
            self._life.gate.drop()
            self._life.state.update(maintenance=maintenance, held_restart=None)
            self._announce()
            await self._life.around.safeguards.maintenance.put(self._life.info.name, maintenance)
        self._rest_if_failed()
        await self._look()

    async def _look(self) -> None:
        maintenance = self._life.info.maintenance
        if maintenance is None or maintenance.until is None:
            self._timer.cancel()
            return
        left = (maintenance.until - self._life.around.safeguards.now()).total_seconds()
        if left <= 0:
            await self._end()
        else:
            self._timer.post_after(min(left, LOOK_SECONDS), MaintenanceDue())

    def _rest_if_failed(self) -> None:
        """One that waits for its next restart, or was given up, rests until somebody starts it."""
        info = self._life.info
        is_failed = info.status in (_Status.BACKOFF, _Status.ERROR)
        if is_failed and self._life.handle is None:
            self._life.timer.cancel()
            code, message = info.error_code or "agent_error", info.error_message or ""
            self._life.rest(Failure(code=code, short="in maintenance", message=message))

    async def _end(self) -> None:
        self._timer.cancel()
        self._life.state.update(maintenance=None)
        self._announce()
        await self._life.around.safeguards.maintenance.put(self._life.info.name, None)
        status = self._life.info.status
        if status is _Status.STOPPED and self._life.inbox.is_wanted:
            # As the desk starts it: within its hours only, after what it depends on.
            request = StartRequested(
                done=new_answer(), wait_for_health=False, forgive=True, is_automatic=True
            )
            await self._start(request)
        elif status is _Status.STARTING and self._life.handle is not None:
            # Its time to start ran out while nobody held it to that: from now on it counts.
            expired = StartupExpired(generation=self._life.info.generation)
            self._life.timer.post_after(self._life.settings.startup_timeout, expired)
        self._life.inbox.post(HoursDue())  # a boundary may have passed meanwhile

    def _announce(self) -> None:
        now = self._life.info.maintenance
        about = now.model_dump(mode="json", exclude={"since"}) if now else {}
        self._life.state.publish(EventKind.MAINTENANCE_CHANGED, on=now is not None, **about)
