"""One agent's process from start to end, and what its state says of it.

Owns the process tree, the probes, the restart budget and the pending timer of one agent. Only the
agent's own task (`agent_task`) and the rules it asks act on it, one after the other. What an exit,
a failed start and a silent health endpoint have in common goes one way: `end_and_fail`.

Does not decide what a message means (`agent_task`), own processes (`runtime`), the arithmetic of
restarts (`restart_policy`), which state may follow which (`transitions`), or the wording of
failures (`failures`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from trading_dashboard.config.difference import needs_new_process
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo, ProbeRole
from trading_dashboard.models.errors import AgentStartFailed
from trading_dashboard.models.states import AgentStatus, Health, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.agent_state import AgentState
from trading_dashboard.orchestrator.dependencies import missing_for
from trading_dashboard.orchestrator.failures import Failure, ProcessFailures
from trading_dashboard.orchestrator.inbox import Inbox, StopPosted
from trading_dashboard.orchestrator.messages import ProcessExited, RetryDue, StartupExpired
from trading_dashboard.orchestrator.port_gate import Adopt, check_port
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probe_schedule import ProbeSchedule
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.restart_gate import RestartGate
from trading_dashboard.orchestrator.restart_policy import CrashLoop, RestartBudget
from trading_dashboard.orchestrator.runtime import ExitStatus, Handle, PortOwner, StopReport
from trading_dashboard.orchestrator.snapshots import described
from trading_dashboard.orchestrator.surroundings import Surroundings
from trading_dashboard.orchestrator.timers import Timer
from trading_dashboard.orchestrator.waiters import Waiters

_log = logging.getLogger("trading_dashboard.supervisor")
_Status = AgentStatus


class AgentLife:
    """What can be done to one agent's process."""

    def __init__(
        self, settings: AgentSettings, info: AgentInfo, around: Surroundings, inbox: Inbox
    ) -> None:
        self.settings = settings
        self.around = around
        self.runtime = around.runtime
        self.inbox = inbox
        self.state = AgentState(info, around.publish, around.runtime.write_log)
        self.handle: Handle | None = None
        """The current process tree, if there is one."""
        self._launched = settings
        """What the newest process was started with."""
        self.last_stop: StopReport | None = None
        self.healthy_since: float | None = None
        """Monotonic; None until the current process is healthy."""
        self.probes = ProbeSchedule(lambda: self.settings, around, inbox.post)
        self.failures = ProcessFailures(settings, around.runtime)
        self.budget = RestartBudget(settings.restart)
        self.waiters = Waiters()
        self.timer = Timer(inbox.post)
        self.gate = RestartGate(self)
        self._listeners: frozenset[int] | None = None

    @property
    def info(self) -> AgentInfo:
        """Return the agent's state now."""
        return self.state.info

    def is_outdated_by(self, settings: AgentSettings) -> bool:
        """Return whether there is a process, and it is not what `settings` describe."""
        return self.handle is not None and needs_new_process(self._launched, settings)

    def look(self) -> AgentInfo:
        """Return the agent's state with its probes, and what is known of its data, as of now.

        Most answers change nothing but when they came; the state is not copied for those.
        """
        news: dict[str, Any] = {**self.state.data_now()}
        if self.probes.is_asking:
            news |= {"probes": self.probes.infos(), **self.state.moment}
        return self.info.model_copy(update=news) if news else self.info

    def adopt(self, settings: AgentSettings) -> None:
        """Go by other settings from now on. A process that runs keeps what it was started with."""
        self.settings = settings
        self.probes.adopt()
        self.failures = ProcessFailures(settings, self.runtime)
        self.budget.adopt(settings.restart)
        self.state.update(**described(settings))

    async def bring_up(self) -> None:
        """Start the process if all dependencies are up, else wait or give up."""
        missing = missing_for(self.settings, self.around.dependency)
        if isinstance(missing, Failure):
            self.give_up(missing)
            return
        if missing != self.info.waiting_for:
            self.state.update(waiting_for=missing)
        if not missing:
            with suppress(StopPosted):
                await self._spawn()

    async def _spawn(self) -> None:
        checking = check_port(self.settings, self.runtime, self.around.prober)
        obstacle = await self.inbox.unless_stopped(checking)
        if isinstance(obstacle, Adopt):
            self.probes.prepare(is_external=True)
            self.state.adopt(obstacle.owner.pid, obstacle.outcome)
            self.probes.watch(self.info.generation, obstacle.outcome)
            self.state.update(probes=self.probes.infos())
            self.waiters.settle(True)
            return
        if isinstance(obstacle, Failure):
            self.give_up(obstacle)
            return
        generation = self.info.generation + 1
        self.probes.prepare()  # before the process can write a line
        try:
            launch = self.around.launch(self.settings, generation)
            self.handle = await self.runtime.start(launch, self.note_end)
            self._launched = self.settings
        except AgentStartFailed as error:
            decide = self.fail if failures.may_pass(error) else self.give_up
            decide(Failure(error.code, error.message, str(error)))
            return
        self.healthy_since = None
        self.state.update(
            generation=generation,
            management=Management.MANAGED,
            pid=self.handle.pid,
            process=self.handle.process,
            started_at=self.handle.started_at,
            last_health_check=None,
            has_finished=False,
            probes=self.probes.infos(),
        )
        self.timer.post_after(self.settings.startup_timeout, StartupExpired(generation=generation))
        self.probes.begin(generation)
        self.waiters.settle_spawned()

    def note_end(self, handle: Handle, status: ExitStatus) -> None:
        """Post that the leader ended. Called by the runtime, beside the task."""
        self.inbox.post(ProcessExited(generation=handle.generation, status=status))

    async def welcome(self, probe: ProbePlan, outcome: ProbeOutcome) -> None:
        """The start is over, if it is the agent that answered."""
        if self.handle is None or self.runtime.poll(self.handle) is not None:
            return  # its end is about to be reported
        rival = await self.find_rival(is_certain=True)
        if rival is not None:
            await self.lose_port(rival)
            return
        self.timer.cancel()
        self.probes.slow_down(probe, outcome)
        self.healthy_since = time.monotonic()
        reason = "its startup probe passed"
        changes: dict[str, Any] = {"probes": self.probes.infos()}
        if ProbeRole.READINESS not in probe.roles:
            changes |= {"health": Health.UNKNOWN, "health_message": "not ready yet"}
        elif probe.kind == "http":
            reason = "its health endpoint answered"
        self.state.succeed(outcome, reason, **changes)
        self.waiters.settle(True)

    async def find_rival(self, *, is_certain: bool = False) -> PortOwner | None:
        """Return who listens on the agent's port in its place.

        Asking in earnest takes a while; unless it has to be certain, that is done only when other
        sockets than before listen there.
        """
        if self.handle is None:
            return None
        host, port = host_and_port(self.settings.url)
        listeners = self.runtime.listeners(port)
        if not is_certain and (listeners is None or listeners == self._listeners):
            return None
        self._listeners = listeners
        return await self.runtime.port_rival(self.handle, host, port)

    async def lose_port(self, rival: PortOwner) -> None:
        """End the process: somebody else answers in its place."""
        failure = self.failures.port_taken(rival)
        await self.end_and_fail(lambda: failure, failure.short, self.settings.stop_timeout)

    async def stop(self, grace_seconds: float, reason: str) -> None:
        """Bring the agent to STOPPED from wherever it is."""
        self.timer.cancel()
        if self.info.status in (_Status.STARTING, _Status.RUNNING):
            self.state.transition(_Status.STOPPING, reason, waiting_for=())
        # In the error state, too: a tree that could not be ended may still be there.
        await self.end_tree(grace_seconds)
        if self.info.status is not _Status.STOPPED:
            self.state.transition(
                _Status.STOPPED, reason, error_message=None, error_code=None, next_retry_at=None
            )
        elif self.info.waiting_for:
            self.state.update(waiting_for=())
        self.healthy_since = None
        self.waiters.settle(False)

    async def restart_when_allowed(self, failure: Failure) -> None:
        """Restart a process that lives and answers, at once or when its protected hours are over.

        Counts as a failure. `gate.withdraw(failure.code)` takes it back while it is held.
        """
        grace = self.settings.stop_timeout
        await self.gate.ask(
            failure, lambda: self.end_and_fail(lambda: failure, failure.short, grace)
        )

    async def end_and_come_back(self, failure: Failure) -> None:
        """End the process and start it again. Counts as nobody's failure: it is not its own."""
        grace = self.settings.stop_timeout
        await self.end_and_fail(lambda: failure, failure.short, grace, then=self._come_back)

    async def end_and_fail(
        self,
        failure: Callable[[], Failure],
        reason: str,
        grace_seconds: float,
        then: Callable[[Failure], None] | None = None,
    ) -> None:
        """End what is left of the process tree, then decide what follows: `fail`, or `then`.

        `failure` is asked afterwards, when the last lines of the log have been read.
        """
        self.timer.cancel()
        self.state.transition(_Status.STOPPING, reason)
        await self.end_tree(grace_seconds)
        (then or self.fail)(failure())

    def fail(self, failure: Failure) -> None:
        """Try again, now or later, or give up."""
        now = time.monotonic()
        uptime = now - self.healthy_since if self.healthy_since is not None else 0.0
        self.healthy_since = None
        if self.info.maintenance is not None:
            self.give_up(failures.not_in_maintenance(self.settings.name, failure))
            return
        if self.settings.restart.policy == "never":
            self.give_up(failures.no_restart(self.settings.name, failure))
            return
        decision = self.budget.on_failure(now, uptime)
        if isinstance(decision, CrashLoop):
            self.give_up(failures.gave_up(self.settings.name, failure, decision))
            return
        self._retry(failure, decision.delay_seconds)

    def give_up(self, failure: Failure) -> None:
        """Show the failure and try no more."""
        self.timer.cancel()
        if self.info.maintenance is not None:
            self.rest(failure)
        else:
            self.state.fail(_Status.ERROR, failure, next_retry_at=None)
        self.waiters.settle(False)

    def rest(self, failure: Failure) -> None:
        """Show the failure of an agent in maintenance: no alarm, it is being worked on."""
        if self.info.status is _Status.STARTING:
            self.state.transition(_Status.STOPPING, failure.short)
        self.state.fail(_Status.STOPPED, failure, next_retry_at=None)

    def finish(self, _: Failure) -> None:
        """The process ended because it had nothing more to do."""
        self.healthy_since = None
        self.state.transition(
            _Status.STOPPED, "finished", error_message=None, error_code=None, has_finished=True
        )
        self.waiters.settle(False)

    def _come_back(self, failure: Failure) -> None:
        self.healthy_since = None
        self._retry(failure, 0.0)

    def _retry(self, failure: Failure, delay_seconds: float) -> None:
        self.state.back_off(failure, delay_seconds)
        self.timer.post_after(delay_seconds, RetryDue(generation=self.info.generation))

    async def end_tree(self, grace_seconds: float) -> None:
        """End every process of the current generation, and forget it."""
        await self.probes.end()
        self.gate.drop()
        if self.handle is None:
            return
        self.last_stop = await self.runtime.stop(self.handle, grace_seconds)
        self.handle = None
        status = self.last_stop.exit_status
        self.state.forget_process(last_exit=str(status) if status else self.info.last_exit)
