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

    async def on_change(self, _: DependencyChanged) -> None:
        """Start if that was all the agent waited for."""
        if self._life.info.status is _Status.STARTING and self._life.info.waiting_for:
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
