"""What the outcome of a probe means for an agent.

Owns the verdicts: up, unwell, unresponsive, an external agent gone. An agent that answers badly is
shown; only silence restarts it. When it is asked is `probe_schedule`'s, how is `probes`'.
"""

from __future__ import annotations

from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.messages import ProbeFinished, StartupExpired
from trading_dashboard.orchestrator.probes import ProbeOutcome

_Status = AgentStatus


class HealthRule:
    """Judges one agent's probes, within its task."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life

    async def on_startup_expired(self, message: StartupExpired) -> None:
        """The time to become healthy is over."""
        is_current = (
            self._life.handle is not None and message.generation == self._life.info.generation
        )
        if not is_current or self._life.info.status is not _Status.STARTING:
            return
        failure = self._life.failures.startup_timed_out(self._life.probes.last_message)
        # Whoever waits is told now, with the reason; what follows may take long.
        self._life.state.update(error_message=failure.message, error_code=failure.code)
        self._life.waiters.settle(False)
        await self._life.end_and_fail(
            lambda: failure, failure.short, self._life.settings.stop_timeout
        )

    async def on_probe(self, message: ProbeFinished) -> None:
        """Count an outcome and draw the conclusion."""
        outcome = message.outcome
        if message.generation != self._life.info.generation or outcome.suspended:
            return
        self._life.probes.count(outcome)
        if self._life.info.status is _Status.STARTING and self._life.probes.is_good:
            await self._life.welcome(outcome)
        elif self._life.info.status is _Status.RUNNING:
            await self._judge_running(outcome)

    async def _judge_running(self, outcome: ProbeOutcome) -> None:
        if outcome.ok and self._life.probes.is_good:
            self._life.state.note(outcome)
        if outcome.ok or not self._life.probes.is_bad:
            return
        self._life.state.note(outcome)
        if self._life.info.management is Management.EXTERNAL:
            await self._lose_external()
        elif not outcome.answered and self._life.settings.restart.when_unhealthy:
            failure = self._life.failures.unresponsive(self._life.probes.failures, outcome.message)
            await self._life.end_and_fail(
                lambda: failure, failure.short, self._life.settings.stop_timeout
            )

    async def _lose_external(self) -> None:
        await self._life.probes.end()
        failure = failures.external_gone(self._life.settings.name, self._life.info.port)
        self._life.state.forget_process(management=Management.MANAGED)
        self._life.state.fail(_Status.STOPPED, failure)
        self._life.inbox.is_wanted = False  # nobody starts it again: dependents wait in vain
