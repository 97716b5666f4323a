"""What a change of an agent's dependencies means for it.

Owns two decisions: when an agent that waits may start, and what a running one does when something
it depends on fails (`on_dependency_failure`). A stop that a person asked for is no failure, nor is
anything in maintenance. In which order agents start is `dependencies`', how many may follow
`dependency_restarts`'.
"""

from __future__ import annotations

import time

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentStatus, Health, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.dependencies import missing_for
from trading_dashboard.orchestrator.messages import DependencyChanged
from trading_dashboard.orchestrator.timers import Timer

LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 60.0
"""How long an agent waits for others on the way that follow too, so as to restart only once."""

_Status = AgentStatus


class DependencyRule:
    """Follows what one agent depends on, within its task."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life
        self._generation = 0
        self._failed: dict[str, int] = {}
        """What failed under the current process, with its generation at that moment."""
        self._due_since: float | None = None
        self._timer = Timer(life.inbox.post)

    @property
    def is_following(self) -> bool:
        """Return whether a restart is due that nothing but other agents delays."""
        is_held = self._life.info.held_restart is not None
        return bool(self._failed) and self._life.handle is not None and not is_held

    def close(self) -> None:
        """Nobody reads messages any more."""
        self._timer.cancel()

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

    async def on_change(self, message: DependencyChanged) -> None:
        """Start if that was all the agent waited for; follow if it runs."""
        info = self._life.info
        if info.waiting_for and info.status in (_Status.STOPPED, _Status.STARTING):
            await self._go_on_waiting()
        elif self._life.handle is not None:
            await self._follow(message.state)
        else:
            await self._start_after_all()

    async def _go_on_waiting(self) -> None:
        """Start what waited for nothing else; leave it stopped during a dependency's hours off."""
        life, idle = self._life, self._idle()
        if life.info.status is _Status.STARTING and idle:
            await life.stop(0.0, f"waits for the hours of {', '.join(idle)}")
            life.state.update(waiting_for=idle)
        elif life.info.status is _Status.STARTING:
            await life.bring_up()
        elif life.inbox.is_wanted and not idle and life.info.maintenance is None:
            life.state.transition(_Status.STARTING, "what it depends on is starting")
            await life.bring_up()

    async def _start_after_all(self) -> None:
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

    async def _follow(self, state: AgentInfo) -> None:
        mode, info = self._life.settings.on_dependency_failure, self._life.info
        is_ours = info.management is Management.MANAGED and info.maintenance is None
        if mode == "ignore" or not is_ours or info.generation != self._generation:
            self._generation = info.generation
            self._failed.clear()
        if mode == "ignore" or not is_ours:
            return
        self._note(state)
        if not self._failed:
            self._life.gate.withdraw(failures.DEPENDENCY_FAILED)
        elif mode == "wait" or (self._are_back() and not self._awaits_others()):
            names = sorted(self._failed)
            failure = failures.dependency_failed(self._life.settings.name, names, mode)
            await self._life.gate.ask(failure, lambda: self._restart(failure))

    def _note(self, state: AgentInfo) -> None:
        name = state.name
        if has_failed(state):
            self._failed.setdefault(name, state.generation)
        elif state.is_up and name in self._failed:
            # The same process is well again: nothing of it was lost. One that waits never misses
            # what has come back in the meantime.
            is_same = state.generation == self._failed[name]
            if is_same or self._life.settings.on_dependency_failure == "wait":
                del self._failed[name]

    def _awaits_others(self) -> bool:
        """Return whether something it depends on follows first: two restarts would be one too many.

        Not for ever: what that one waits for may not come back.
        """
        around, now = self._life.around, time.monotonic()
        if not any(around.is_about_to_follow(n) for n in self._life.settings.depends_on):
            self._due_since = None
            return False
        self._due_since = now if self._due_since is None else self._due_since
        if now - self._due_since > PATIENCE_SECONDS:
            return False
        state, _ = around.dependency(next(iter(self._failed)))
        self._timer.post_after(LOOK_SECONDS, DependencyChanged(state=state))
        return True

    def _are_back(self) -> bool:
        """Return whether all that failed is up, so that several at once make one restart."""
        return all(self._life.around.dependency(name)[0].is_up for name in self._failed)

    async def _restart(self, failure: failures.Failure) -> None:
        self._failed.clear()
        self._due_since = None
        restarts = self._life.around.safeguards.dependency_restarts
        if restarts.take(self._life.info):
            await self._life.end_and_come_back(failure)
        else:
            text = failures.left_as_it_is(self._life.settings.name, failure, restarts.policy())
            self._life.state.update(held_restart=text)

    def _idle(self) -> tuple[str, ...]:
        """Return what the agent depends on and is outside its hours."""
        names = self._life.settings.depends_on
        return tuple(name for name in names if self._life.around.dependency(name)[0].is_idle)


def has_failed(state: AgentInfo) -> bool:
    """Return whether an agent is not up although nobody wanted that."""
    if state.maintenance is not None:
        return False
    if state.status is _Status.RUNNING:
        return state.health is Health.UNHEALTHY
    is_lost = state.status is _Status.STOPPED and state.error_code is not None  # an external one
    return is_lost or state.status in (_Status.BACKOFF, _Status.ERROR)
