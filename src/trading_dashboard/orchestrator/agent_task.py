"""One agent's task: the only writer of its state.

One task consumes messages (`messages`) one after the other: requests of people, exits, probe
results, timers. Everyone else posts. Each process has a generation number; messages about an older
one are dropped. What is done to the process is `agent_life`; what a message means is decided here
or, for what is a subject of its own, by a rule (`health_rule`, `dependency_rule`, …).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.dependency_rule import DependencyRule
from trading_dashboard.orchestrator.failures import Failure
from trading_dashboard.orchestrator.freshness_rule import FreshnessRule
from trading_dashboard.orchestrator.health_rule import HealthRule
from trading_dashboard.orchestrator.inbox import Inbox, refuse
from trading_dashboard.orchestrator.maintenance_rule import MaintenanceRule
from trading_dashboard.orchestrator.memory_rule import MemoryRule
from trading_dashboard.orchestrator.messages import (
    DependencyChanged,
    HeldRestartDue,
    HoursDue,
    MaintenanceDue,
    MaintenanceRequested,
    MemoryMeasured,
    Message,
    ProbeFinished,
    ProcessExited,
    RestartRequested,
    RetryDue,
    SettingsChanged,
    StartRequested,
    StartupExpired,
    StopRequested,
)
from trading_dashboard.orchestrator.reconfigure_rule import ReconfigureRule
from trading_dashboard.orchestrator.runtime import Handle, StopReport, Usage
from trading_dashboard.orchestrator.schedule_rule import ScheduleRule
from trading_dashboard.orchestrator.surroundings import Surroundings
from trading_dashboard.orchestrator.waiters import settle

SWEEP_GRACE_SECONDS = 2.0
"""Time for the descendants of a process that ended by itself, before they are killed."""

_log = logging.getLogger("trading_dashboard.supervisor")
_Status = AgentStatus


class AgentTask:
    """Owns the state of one agent. `run` is the task; the rest may be called beside it."""

    def __init__(self, settings: AgentSettings, info: AgentInfo, around: Surroundings) -> None:
        self._inbox = Inbox()
        self._life = AgentLife(settings, info, around, self._inbox)
        health = HealthRule(self._life)
        self._dependencies = DependencyRule(self._life)
        self._memory = MemoryRule(self._life)
        self._maintenance = MaintenanceRule(self._life, self._on_start)
        self._freshness = FreshnessRule(self._life)
        self._schedule = ScheduleRule(self._life, self._on_start)
        self._handlers: Mapping[type[Message], Callable[[Any], Awaitable[None]]] = {
            StartRequested: self._on_start,
            StopRequested: self._on_stop,
            RestartRequested: self._on_restart,
            ProcessExited: self._on_exit,
            RetryDue: self._on_retry,
            ProbeFinished: partial(_in_turn, health.on_probe, self._freshness.on_probe),
            StartupExpired: health.on_startup_expired,
            DependencyChanged: self._dependencies.on_change,
            MemoryMeasured: self._memory.on_measured,
            HeldRestartDue: self._life.gate.on_due,
            MaintenanceRequested: self._maintenance.on_request,
            MaintenanceDue: self._maintenance.on_due,
            HoursDue: self._schedule.on_due,
            SettingsChanged: partial(
                _in_turn,
                ReconfigureRule(self._life, self._on_start).on_change,
                self._on_settings,
            ),
        }

    @property
    def settings(self) -> AgentSettings:
        """Return the agent's configuration."""
        return self._life.settings

    @property
    def handle(self) -> Handle | None:
        """Return the current process tree, if there is one."""
        return self._life.handle

    @property
    def last_stop(self) -> StopReport | None:
        """Return how the newest tree that was ended came to its end."""
        return self._life.last_stop

    @property
    def info(self) -> AgentInfo:
        """Return the agent's state now."""
        return self._life.look()

    @property
    def is_wanted(self) -> bool:
        """Return whether the last request was to run."""
        return self._inbox.is_wanted

    @property
    def is_following(self) -> bool:
        """Return whether it has yet to restart because something it depends on failed."""
        return self._dependencies.is_following

    def post(self, message: Message) -> None:
        """Hand the task a message. Never blocks, never fails."""
        self._inbox.post(message)

    async def hasten(self, grace_seconds: float) -> None:
        """End the process tree no later than in `grace_seconds`, whatever the task waits for."""
        if self._life.handle is not None:
            # What goes wrong is reported by the task, which waits for the same ending.
            await asyncio.gather(
                self._life.runtime.stop(self._life.handle, grace_seconds), return_exceptions=True
            )

    def note_usage(self, handle: Handle, usage: Usage) -> None:
        """Take over what the process tree uses, if it is still the one that was measured."""
        if handle is not self._life.handle:
            return
        self._life.state.update(cpu_percent=usage.cpu_percent, memory_bytes=usage.memory_bytes)
        if self.settings.restart.memory_limit_bytes is not None:
            self.post(
                MemoryMeasured(
                    generation=handle.generation, held_bytes=usage.held_bytes, at=time.monotonic()
                )
            )

    def conclude(self) -> None:
        """Take over that the runtime is closed. A process that could not be ended stays shown."""
        if self._life.handle is None or self._life.runtime.poll(self._life.handle) is not None:
            self._life.handle = None
            self._life.state.conclude()

    def check_exit(self) -> None:
        """Look whether the process has ended, should the system have failed to report it."""
        if (
            self._life.handle is not None
            and (status := self._life.runtime.poll(self._life.handle)) is not None
        ):
            self._life.note_end(self._life.handle, status)

    async def run(self) -> None:
        """Consume messages until cancelled."""
        self._inbox.open()
        self._schedule.begin()
        try:
            while True:
                message = await self._inbox.get()
                try:
                    await self._handlers[type(message)](message)
                except Exception as error:  # noqa: BLE001 - a bug shows as this agent's error
                    _log.exception("supervising %s failed", self._life.settings.name)
                    await self._break_down(message, error)
        finally:
            self._life.timer.cancel()
            self._life.gate.drop()
            self._maintenance.close()
            self._dependencies.close()
            self._schedule.end()
            self._life.waiters.settle(False)
            self._inbox.close()
            await self._life.probes.end()

    # Requests of people.

    async def _on_start(self, request: StartRequested) -> None:
        if not self._schedule.admits(request):
            return
        if self.info.status is _Status.RUNNING:
            settle(request.done, True)
            return
        self._life.waiters.add(request)
        if self.info.status is _Status.STARTING:
            if self._life.handle is not None:
                self._life.waiters.settle_spawned()
            return
        is_own_idea = request.is_automatic or not request.is_named
        if self.info.maintenance is not None and is_own_idea:
            self._life.waiters.settle(False)  # it starts when maintenance ends, or by name
            return
        if request.forgive:
            self._life.budget.forgive()
        if self._dependencies.defers():
            return
        self._life.timer.cancel()
        await self._life.end_tree(0.0)  # one that could not be ended when the agent failed
        self._life.state.transition(_Status.STARTING, request.reason, next_retry_at=None)
        await self._life.bring_up()

    async def _on_stop(self, request: StopRequested) -> None:
        if self._refuses_external(request.done):
            return
        await self._life.stop(request.grace_seconds, request.reason)
        self._schedule.note_stop(request)
        settle(request.done, True)

    async def _on_restart(self, request: RestartRequested) -> None:
        if self._refuses_external(request.done):
            return
        # A restart asked for before the newest start is answered by that start; one of an agent
        # that waits for its dependencies, by the start that is to come.
        is_answered = self.info.generation > request.generation and self._life.handle is not None
        if not is_answered and not self.info.waiting_for:
            await self._life.stop(self._life.settings.stop_timeout, "asked to restart")
        await self._on_start(StartRequested(done=request.done, wait_for_health=True, forgive=True))

    def _refuses_external(self, done: asyncio.Future[bool]) -> bool:
        if self.info.management is not Management.EXTERNAL:
            return False
        if not done.done():
            done.set_exception(failures.not_managed(self.info))
        return True

    # What happens to the process.

    async def _on_exit(self, message: ProcessExited) -> None:
        if self._life.handle is None or message.generation != self._life.handle.generation:
            return
        if self.info.status is _Status.ERROR:  # its tree could not be ended then
            await self._life.end_tree(SWEEP_GRACE_SECONDS)
            return
        after = time.monotonic() - self._life.handle.started_monotonic
        was_healthy = self._life.healthy_since is not None
        failure = partial(self._life.failures.exited, message.status, after, was_healthy)
        then = self._after_exit(message.status.returncode)
        await self._life.end_and_fail(failure, str(message.status), SWEEP_GRACE_SECONDS, then)

    def _after_exit(self, code: int) -> Callable[[Failure], None] | None:
        """Return what follows a final exit code; None if it is not one."""
        if code not in self._life.settings.restart.final_exit_codes:
            return None
        self._inbox.decide(False)  # nobody starts it again: dependents wait in vain
        if code == 0:
            return self._life.finish
        return lambda failure: self._life.give_up(self._life.failures.final_exit(failure, code))

    async def _on_settings(self, _: SettingsChanged) -> None:
        """What is due by the settings of before may not be by those of now."""
        for rule in (self._memory, self._dependencies, self._freshness):
            rule.review()
        await self._life.gate.look()
        await self._dependencies.start_after_all()
        await self._schedule.on_due(HoursDue())

    async def _on_retry(self, message: RetryDue) -> None:
        if self.info.status is not _Status.BACKOFF or message.generation != self.info.generation:
            return
        self._life.state.transition(
            _Status.STARTING, "restarting", restarts=self.info.restarts + 1, next_retry_at=None
        )
        await self._life.bring_up()

    async def _break_down(self, message: Message, error: Exception) -> None:
        """A bug of ours: end the process if that still works, and show what happened."""
        self._life.timer.cancel()
        failure = failures.internal(self._life.settings.name, error)
        try:
            await self._life.end_tree(0.0)
        except Exception:  # noqa: BLE001 - logged; the error below is shown either way
            _log.exception("ending %s after an internal error failed", self._life.settings.name)
        if self.info.status in (_Status.STOPPED, _Status.ERROR):
            self._life.state.update(error_message=failure.message, error_code=failure.code)
        else:
            self._life.state.fail(_Status.ERROR, failure, next_retry_at=None)
        self._life.waiters.settle(False)
        refuse(message)


async def _in_turn(
    first: Callable[[Any], Awaitable[None]], second: Callable[[Any], Awaitable[None]], message: Any
) -> None:
    await first(message)
    await second(message)
