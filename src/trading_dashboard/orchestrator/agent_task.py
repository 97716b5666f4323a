"""One agent's life: the only writer of its state.

One task consumes messages (`messages`) one after the other: requests of people, exits, probe
results, timers. Everyone else posts. Each process has a generation number; messages about an older
one are dropped. What an exit, a failed start and a silent health endpoint have in common goes one
way: `_end_and_fail`.

Does not own processes (`runtime`), the arithmetic of restarts (`restart_policy`), which state may
follow which (`transitions`), or the wording of failures (`failures`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import AgentStartFailed
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.agent_state import AgentState
from trading_dashboard.orchestrator.dependencies import missing_for
from trading_dashboard.orchestrator.failures import Failure, ProcessFailures
from trading_dashboard.orchestrator.inbox import Inbox, StopPosted, refuse
from trading_dashboard.orchestrator.messages import (
    DependencyChanged,
    Message,
    ProbeFinished,
    ProcessExited,
    RestartRequested,
    RetryDue,
    StartRequested,
    StartupExpired,
    StopRequested,
)
from trading_dashboard.orchestrator.port_gate import Adopt, check_port
from trading_dashboard.orchestrator.probe_schedule import ProbeSchedule
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.restart_policy import CrashLoop, RestartBudget
from trading_dashboard.orchestrator.runtime import ExitStatus, Handle, StopReport
from trading_dashboard.orchestrator.surroundings import Surroundings
from trading_dashboard.orchestrator.timers import Timer
from trading_dashboard.orchestrator.waiters import Waiters, settle

SWEEP_GRACE_SECONDS = 2.0
"""Time for the descendants of a process that ended by itself, before they are killed."""

_log = logging.getLogger("trading_dashboard.supervisor")
_Status = AgentStatus


class AgentTask:
    """Owns the state of one agent. `run` is the task; the rest may be called beside it."""

    def __init__(self, settings: AgentSettings, info: AgentInfo, around: Surroundings) -> None:
        self.settings = settings
        self.last_stop: StopReport | None = None
        self.handle: Handle | None = None
        """The current process tree, if there is one."""
        self._around = around
        self._runtime = around.runtime
        self._state = AgentState(info, around.publish, around.runtime.write_log)
        self._inbox = Inbox()
        self._probes = ProbeSchedule(settings, around.prober, self.post)
        self._failures = ProcessFailures(settings, around.runtime)
        self._budget = RestartBudget(settings.restart)
        self._waiters = Waiters()
        self._timer = Timer(self.post)
        self._healthy_since: float | None = None

    @property
    def info(self) -> AgentInfo:
        """Return the agent's state now."""
        return self._state.info

    @property
    def is_wanted(self) -> bool:
        """Return whether the last request was to run."""
        return self._inbox.is_wanted

    def post(self, message: Message) -> None:
        """Hand the task a message. Never blocks, never fails."""
        self._inbox.post(message)

    async def hasten(self, grace_seconds: float) -> None:
        """End the process tree no later than in `grace_seconds`, whatever the task waits for."""
        if self.handle is not None:
            # What goes wrong is reported by the task, which waits for the same ending.
            await asyncio.gather(
                self._runtime.stop(self.handle, grace_seconds), return_exceptions=True
            )

    def note_usage(self, handle: Handle, cpu_percent: float | None, memory_bytes: int) -> None:
        """Take over what the process tree uses, if it is still the one that was measured."""
        if handle is self.handle:
            self._state.update(cpu_percent=cpu_percent, memory_bytes=memory_bytes)

    def conclude(self) -> None:
        """Take over that the runtime is closed. A process that could not be ended stays shown."""
        if self.handle is None or self._runtime.poll(self.handle) is not None:
            self.handle = None
            self._state.conclude()

    def check_exit(self) -> None:
        """Look whether the process has ended, should the system have failed to report it."""
        if self.handle is not None and (status := self._runtime.poll(self.handle)) is not None:
            self._on_end(self.handle, status)

    async def run(self) -> None:
        """Consume messages until cancelled."""
        self._inbox.open()
        try:
            while True:
                message = await self._inbox.get()
                try:
                    await self._dispatch(message)
                except Exception as error:  # noqa: BLE001 - a bug shows as this agent's error
                    _log.exception("supervising %s failed", self.settings.name)
                    await self._break_down(message, error)
        finally:
            self._timer.cancel()
            self._waiters.settle(False)
            self._inbox.close()
            await self._probes.end()

    async def _dispatch(self, message: Message) -> None:
        match message:
            case StartRequested():
                await self._on_start(message)
            case StopRequested():
                await self._on_stop(message)
            case RestartRequested():
                await self._on_restart(message)
            case ProcessExited():
                await self._on_exit(message)
            case ProbeFinished():
                await self._on_probe(message)
            case StartupExpired():
                await self._on_startup_expired(message)
            case RetryDue():
                await self._on_retry(message)
            case DependencyChanged():
                await self._on_dependency()

    # Requests of people.

    async def _on_start(self, request: StartRequested) -> None:
        if self.info.status is _Status.RUNNING:
            settle(request.done, True)
            return
        self._waiters.add(request)
        if self.info.status is _Status.STARTING:
            if self.handle is not None:
                self._waiters.settle_spawned()
            return
        if request.forgive:
            self._budget.forgive()
        self._timer.cancel()
        await self._end_tree(0.0)  # one that could not be ended when the agent failed
        self._state.transition(_Status.STARTING, "asked to start", next_retry_at=None)
        await self._spawn_when_ready()

    async def _on_stop(self, request: StopRequested) -> None:
        if self._refuses_external(request.done):
            return
        await self._stop(request.grace_seconds, request.reason)
        settle(request.done, True)

    async def _on_restart(self, request: RestartRequested) -> None:
        if self._refuses_external(request.done):
            return
        # A restart asked for before the newest start is answered by that start; one of an agent
        # that waits for its dependencies, by the start that is to come.
        is_answered = self.info.generation > request.generation and self.handle is not None
        if not is_answered and not self.info.waiting_for:
            await self._stop(self.settings.stop_timeout, "asked to restart")
        await self._on_start(StartRequested(done=request.done, wait_for_health=True, forgive=True))

    async def _stop(self, grace_seconds: float, reason: str) -> None:
        """Bring the agent to STOPPED from wherever it is."""
        self._timer.cancel()
        if self.info.status in (_Status.STARTING, _Status.RUNNING):
            self._state.transition(_Status.STOPPING, reason, waiting_for=())
        # In the error state, too: a tree that could not be ended may still be there.
        await self._end_tree(grace_seconds)
        if self.info.status is not _Status.STOPPED:
            self._state.transition(
                _Status.STOPPED, reason, error_message=None, error_code=None, next_retry_at=None
            )
        self._healthy_since = None
        self._waiters.settle(False)

    def _refuses_external(self, done: asyncio.Future[bool]) -> bool:
        if self.info.management is not Management.EXTERNAL:
            return False
        if not done.done():
            done.set_exception(failures.not_managed(self.info))
        return True

    # Starting.

    async def _spawn_when_ready(self) -> None:
        """Start the process if all dependencies are up, else wait or give up."""
        missing = missing_for(self.settings, self._around.dependency)
        if isinstance(missing, Failure):
            self._give_up(missing)
            return
        if missing != self.info.waiting_for:
            self._state.update(waiting_for=missing)
        if not missing:
            with suppress(StopPosted):
                await self._spawn()

    async def _spawn(self) -> None:
        checking = check_port(self.settings, self._runtime, self._around.prober)
        obstacle = await self._inbox.unless_stopped(checking)
        if isinstance(obstacle, Adopt):
            self._state.adopt(obstacle.owner.pid, obstacle.outcome)
            self._probes.begin(self.info.generation, is_starting=False)
            self._waiters.settle(True)
            return
        if isinstance(obstacle, Failure):
            self._give_up(obstacle)
            return
        generation = self.info.generation + 1
        try:
            self.handle = await self._runtime.start(self._around.launch(generation), self._on_end)
        except AgentStartFailed as error:
            decide = self._fail if failures.may_pass(error) else self._give_up
            decide(Failure(error.code, error.message, str(error)))
            return
        self._healthy_since = None
        self._state.update(
            generation=generation,
            management=Management.MANAGED,
            pid=self.handle.pid,
            process=self.handle.process,
            started_at=self.handle.started_at,
            last_health_check=None,
        )
        self._timer.post_after(self.settings.startup_timeout, StartupExpired(generation=generation))
        self._probes.begin(generation, is_starting=True)
        self._waiters.settle_spawned()

    def _on_end(self, handle: Handle, status: ExitStatus) -> None:
        self.post(ProcessExited(generation=handle.generation, status=status))

    # What happens to the process.

    async def _on_exit(self, message: ProcessExited) -> None:
        if self.handle is None or message.generation != self.handle.generation:
            return
        if self.info.status is _Status.ERROR:  # its tree could not be ended then
            await self._end_tree(SWEEP_GRACE_SECONDS)
            return
        after = time.monotonic() - self.handle.started_monotonic
        was_healthy = self._healthy_since is not None
        failure = partial(self._failures.exited, message.status, after, was_healthy)
        await self._end_and_fail(failure, str(message.status), SWEEP_GRACE_SECONDS)

    async def _on_startup_expired(self, message: StartupExpired) -> None:
        is_current = self.handle is not None and message.generation == self.info.generation
        if not is_current or self.info.status is not _Status.STARTING:
            return
        failure = self._failures.startup_timed_out(self._probes.last_message)
        # Whoever waits is told now, with the reason; what follows may take long.
        self._state.update(error_message=failure.message, error_code=failure.code)
        self._waiters.settle(False)
        await self._end_and_fail(lambda: failure, failure.short, self.settings.stop_timeout)

    async def _on_probe(self, message: ProbeFinished) -> None:
        outcome = message.outcome
        if message.generation != self.info.generation or outcome.suspended:
            return
        self._probes.count(outcome)
        if self.info.status is _Status.STARTING and self._probes.is_good:
            await self._welcome(outcome)
        elif self.info.status is _Status.RUNNING:
            await self._judge_running(outcome)

    async def _welcome(self, outcome: ProbeOutcome) -> None:
        """Something healthy answers; make sure that it is the agent."""
        if self.handle is None or self._runtime.poll(self.handle) is not None:
            return  # its end is about to be reported
        rival = await self._runtime.port_rival(self.handle, *host_and_port(self.settings.url))
        if rival is not None:
            failure = self._failures.port_taken(rival)
            await self._end_and_fail(lambda: failure, failure.short, self.settings.stop_timeout)
            return
        self._timer.cancel()
        self._probes.slow_down()
        self._healthy_since = time.monotonic()
        self._state.succeed(outcome)
        self._waiters.settle(True)

    async def _judge_running(self, outcome: ProbeOutcome) -> None:
        if outcome.ok and self._probes.is_good:
            self._state.note(outcome)
        if outcome.ok or not self._probes.is_bad:
            return
        self._state.note(outcome)
        if self.info.management is Management.EXTERNAL:
            await self._lose_external()
        elif not outcome.answered and self.settings.restart.when_unhealthy:
            failure = self._failures.unresponsive(self._probes.failures, outcome.message)
            await self._end_and_fail(lambda: failure, failure.short, self.settings.stop_timeout)

    async def _lose_external(self) -> None:
        await self._probes.end()
        failure = failures.external_gone(self.settings.name, self.info.port)
        self._state.forget_process(management=Management.MANAGED)
        self._state.fail(_Status.STOPPED, failure)
        self._inbox.is_wanted = False  # nobody starts it again: dependents wait in vain

    async def _on_dependency(self) -> None:
        if self.info.status is _Status.STARTING and self.info.waiting_for:
            await self._spawn_when_ready()
            return
        is_error = self.info.status is _Status.ERROR
        was_in_vain = is_error and self.info.error_code == "dependency_unavailable"
        if not was_in_vain or not self.is_wanted:
            return
        if missing_for(self.settings, self._around.dependency) == ():
            reason = "what it depends on is running"
            self._state.transition(_Status.STARTING, reason, error_message=None, error_code=None)
            await self._spawn_when_ready()

    # Failing: the one path.

    async def _end_and_fail(
        self, failure: Callable[[], Failure], reason: str, grace_seconds: float
    ) -> None:
        """End what is left of the process tree, then decide what follows.

        `failure` is asked afterwards, when the last lines of the log have been read.
        """
        self._timer.cancel()
        self._state.transition(_Status.STOPPING, reason)
        await self._end_tree(grace_seconds)
        self._fail(failure())

    def _fail(self, failure: Failure) -> None:
        """Try again, now or later, or give up."""
        now = time.monotonic()
        uptime = now - self._healthy_since if self._healthy_since is not None else 0.0
        self._healthy_since = None
        if self.settings.restart.policy == "never":
            self._give_up(failures.no_restart(self.settings.name, failure))
            return
        decision = self._budget.on_failure(now, uptime)
        if isinstance(decision, CrashLoop):
            self._give_up(failures.gave_up(self.settings.name, failure, decision))
            return
        self._state.back_off(failure, decision.delay_seconds)
        due = RetryDue(generation=self.info.generation)
        self._timer.post_after(decision.delay_seconds, due)

    async def _on_retry(self, message: RetryDue) -> None:
        if self.info.status is not _Status.BACKOFF or message.generation != self.info.generation:
            return
        self._state.transition(
            _Status.STARTING, "restarting", restarts=self.info.restarts + 1, next_retry_at=None
        )
        await self._spawn_when_ready()

    def _give_up(self, failure: Failure) -> None:
        self._timer.cancel()
        self._state.fail(_Status.ERROR, failure, next_retry_at=None)
        self._waiters.settle(False)

    async def _break_down(self, message: Message, error: Exception) -> None:
        """A bug of ours: end the process if that still works, and show what happened."""
        self._timer.cancel()
        failure = failures.internal(self.settings.name, error)
        try:
            await self._end_tree(0.0)
        except Exception:  # noqa: BLE001 - logged; the error below is shown either way
            _log.exception("ending %s after an internal error failed", self.settings.name)
        if self.info.status in (_Status.STOPPED, _Status.ERROR):
            self._state.update(error_message=failure.message, error_code=failure.code)
        else:
            self._state.fail(_Status.ERROR, failure, next_retry_at=None)
        self._waiters.settle(False)
        refuse(message)

    async def _end_tree(self, grace_seconds: float) -> None:
        """End every process of the current generation, and forget it."""
        await self._probes.end()
        if self.handle is None:
            return
        self.last_stop = await self._runtime.stop(self.handle, grace_seconds)
        self.handle = None
        status = self.last_stop.exit_status
        self._state.forget_process(last_exit=str(status) if status else self.info.last_exit)
