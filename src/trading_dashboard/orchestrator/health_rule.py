"""What the outcome of a probe means for an agent.

Owns the verdicts: up, unwell, beyond help, an external agent gone. Readiness never restarts
anything; liveness restarts, and asks nobody but the agent. When it is asked is `probe_schedule`'s,
how is `probe_kinds`'.
"""

from __future__ import annotations

from trading_dashboard.models.agents import ProbeRole
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.messages import ProbeFinished, StartupExpired
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probe_records import ProbeRecord
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
        startup = self._life.probes.records.get(ProbeRole.STARTUP)
        failure = self._life.failures.startup_timed_out(
            startup.plan.target if startup else "", startup.message if startup else None
        )
        # Whoever waits is told now, with the reason; what follows may take long.
        self._life.state.update(error_message=failure.message, error_code=failure.code)
        self._life.waiters.settle(False)
        if self._life.info.maintenance is not None:
            return
        await self._life.end_and_fail(
            lambda: failure, failure.short, self._life.settings.stop_timeout
        )

    async def on_probe(self, message: ProbeFinished) -> None:
        """Count an outcome and draw the conclusion."""
        outcome, probe = message.outcome, message.probe
        if message.generation != self._life.info.generation or outcome.suspended:
            return
        if self._life.info.status is _Status.STARTING:
            await self._judge_start(probe, outcome)
        elif self._life.info.status is _Status.RUNNING:
            await self._judge_running(probe, outcome)

    async def _judge_start(self, probe: ProbePlan, outcome: ProbeOutcome) -> None:
        self._life.probes.count(probe, outcome)
        startup = self._life.probes.records.get(ProbeRole.STARTUP)
        if startup is not None and startup.is_passing:
            await self._life.welcome(probe, outcome)
        elif startup is not None and startup.message not in _messages(self._life):
            self._life.state.update(probes=self._life.probes.infos())

    async def _judge_running(self, probe: ProbePlan, outcome: ProbeOutcome) -> None:
        if await self._is_somebody_else(probe, outcome):
            return
        changed = self._life.probes.count(probe, outcome)
        self._note(probe, outcome, is_quiet=outcome.ok and not changed)
        for record in changed:
            self._announce(record)
        if outcome.ok:
            return
        records = self._life.probes.records
        readiness, liveness = records.get(ProbeRole.READINESS), records.get(ProbeRole.LIVENESS)
        is_external = self._life.info.management is Management.EXTERNAL
        if is_external and readiness is not None and _says_no(readiness, probe):
            await self._lose_external()
        elif liveness is not None and _says_no(liveness, probe) and not is_external:
            await self._give_up_on(liveness, outcome)

    def _note(self, probe: ProbePlan, outcome: ProbeOutcome, *, is_quiet: bool) -> None:
        """Take over what was found, as far as the thresholds allow.

        The state's copy of the probes is renewed when that tells something new (`AgentLife.look`).
        """
        news = {} if is_quiet else {"probes": self._life.probes.infos()}
        readiness = self._life.probes.records.get(ProbeRole.READINESS)
        is_asked = readiness is not None and readiness.plan is probe
        if is_asked and readiness is not None and readiness.is_passing is outcome.ok:
            self._life.state.note(outcome, **news)
        elif news:
            self._life.state.update(**news)

    def _announce(self, record: ProbeRecord) -> None:
        if record.is_passing and record.was_unknown:
            return  # the first good answer is no change; coming up is told as a transition
        self._life.state.publish(
            EventKind.PROBE_CHANGED,
            **{
                "role": record.role,
                "from": "failing" if record.is_passing else "passing",
                "to": "passing" if record.is_passing else "failing",
                "message": record.message,
            },
        )

    async def _is_somebody_else(self, probe: ProbePlan, outcome: ProbeOutcome) -> bool:
        """Return True, and end the agent, if a good answer came from another program."""
        if not (outcome.answered and probe.is_asked_on_network):
            return False
        rival = await self._life.find_rival()
        if rival is not None:
            await self._life.lose_port(rival)
        return rival is not None

    async def _give_up_on(self, liveness: ProbeRecord, outcome: ProbeOutcome) -> None:
        is_in_maintenance = self._life.info.maintenance is not None
        if is_in_maintenance or not self._life.settings.restart.when_unhealthy:
            return
        is_shared = ProbeRole.READINESS in liveness.plan.roles
        if is_shared:
            failure = self._life.failures.unresponsive(liveness.failures, outcome.message)
        else:
            failure = self._life.failures.liveness_failed(
                liveness.plan, liveness.failures, outcome.message
            )
        await self._life.end_and_fail(
            lambda: failure, failure.short, self._life.settings.stop_timeout
        )

    async def _lose_external(self) -> None:
        await self._life.probes.end()
        failure = failures.external_gone(self._life.settings.name, self._life.info.port)
        self._life.state.forget_process(management=Management.MANAGED)
        self._life.state.fail(_Status.STOPPED, failure)
        self._life.inbox.is_wanted = False  # nobody starts it again: dependents wait in vain


def _says_no(record: ProbeRecord, probe: ProbePlan) -> bool:
    """Return whether the record's verdict is bad, and this probe, which just failed, made it so."""
    return record.plan is probe and record.is_passing is False and record.failures > 0


def _messages(life: AgentLife) -> set[str | None]:
    return {probe.message for probe in life.info.probes if probe.role is ProbeRole.STARTUP}
