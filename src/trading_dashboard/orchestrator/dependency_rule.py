"""What a change of an agent's dependencies means for it.

Owns that one decision. In which order agents start is `dependencies`'.
"""

from __future__ import annotations

from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.dependencies import missing_for
from trading_dashboard.orchestrator.messages import DependencyChanged

_Status = AgentStatus


class DependencyRule:
    """Follows what one agent depends on, within its task."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life

    def defers(self) -> bool:
        """Return whether a start has to wait for the hours of a dependency.

        The agent then stays stopped, shows what it waits for, and starts with that.
        """
        idle = self._idle()
        if not idle:
            return False
        self._life.state.update(waiting_for=idle)
        self._life.waiters.settle(False)
        return True

    async def on_change(self, _: DependencyChanged) -> None:
        """Start if that was all the agent waited for."""
        if self._life.info.status is _Status.STOPPED and self._life.info.waiting_for:
            if self._life.inbox.is_wanted and not self._idle():
                self._life.state.transition(_Status.STARTING, "what it depends on is starting")
                await self._life.bring_up()
            return
        if self._life.info.status is _Status.STARTING and self._life.info.waiting_for:
            if idle := self._idle():
                await self._life.stop(0.0, f"waits for the hours of {', '.join(idle)}")
                self._life.state.update(waiting_for=idle)
            else:
                await self._life.bring_up()
            return
        is_error = self._life.info.status is _Status.ERROR
        was_in_vain = is_error and self._life.info.error_code == "dependency_unavailable"
        if not was_in_vain or not self._life.inbox.is_wanted:
            return
        if missing_for(self._life.settings, self._life.around.dependency) == ():
            reason = "what it depends on is running"
            self._life.state.transition(
                _Status.STARTING, reason, error_message=None, error_code=None
            )
            await self._life.bring_up()

    def _idle(self) -> tuple[str, ...]:
        """Return what the agent depends on and is outside its hours."""
        names = self._life.settings.depends_on
        return tuple(name for name in names if self._life.around.dependency(name)[0].is_idle)
