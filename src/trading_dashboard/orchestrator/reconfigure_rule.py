"""What other settings mean for an agent that may be running.

Owns taking them over. Which agents are asked, and that those with a new port stop first, is
`reconfiguring`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trading_dashboard.config.difference import needs_new_process
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.messages import SettingsChanged, StartRequested
from trading_dashboard.orchestrator.waiters import settle

REASON = "its configuration changed"
_Status = AgentStatus


class ReconfigureRule:
    """Takes over new settings of one agent, within its task."""

    def __init__(self, life: AgentLife, start: Callable[[StartRequested], Awaitable[None]]) -> None:
        self._life = life
        self._start = start

    async def on_change(self, message: SettingsChanged) -> None:
        """Go by the new settings; replace a process that was started with the old ones."""
        life, settings = self._life, message.settings
        is_process_outdated = needs_new_process(life.settings, settings)
        is_external = life.info.management is Management.EXTERNAL
        if is_external and (is_process_outdated or not settings.enabled):
            await self._release()
        is_up = life.info.status in (_Status.STARTING, _Status.RUNNING)
        if is_up and not settings.enabled:
            await life.stop(life.settings.stop_timeout, "it was disabled")
            life.inbox.is_wanted = False
        elif is_up and is_process_outdated and life.info.maintenance is None:
            # Somebody started it after it was stopped for this.
            await life.stop(life.settings.stop_timeout, REASON)
            life.adopt(settings)
            request = StartRequested(done=message.done, wait_for_health=True, forgive=True)
            await self._start(request)
            return
        life.adopt(settings)
        if life.info.status is _Status.STARTING and life.info.waiting_for:
            await life.bring_up()
        settle(message.done, True)

    async def _release(self) -> None:
        """Watch somebody else's process no longer; it goes on without us."""
        await self._life.probes.end()
        self._life.state.forget_process(management=Management.MANAGED)
        self._life.state.transition(_Status.STOPPED, f"{REASON}; no longer watched")
