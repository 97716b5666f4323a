"""The one gate before a process that still lives and answers is ended to be restarted.

Owns which such restarts are due and held back, and what is shown of that. Whether one is due is
its rule's (`memory_rule`, `dependency_rule`, …). A process that has ended or is silent never comes
here: there is nothing to protect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.failures import Failure
from trading_dashboard.orchestrator.messages import HeldRestartDue
from trading_dashboard.orchestrator.protected_hours import Protection
from trading_dashboard.orchestrator.timers import Timer

if TYPE_CHECKING:
    from trading_dashboard.orchestrator.agent_life import AgentLife

LOOK_SECONDS = 30.0
"""How often the wall clock is read while a restart is held: the machine may have slept."""


@dataclass(frozen=True, slots=True)
class HeldRestart:
    """A restart that is due: for what, and what it does."""

    failure: Failure
    act: Callable[[], Awaitable[None]]


class RestartGate:
    """Lets one agent's voluntary restarts through, now or when its protected hours are over."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life
        self._held: dict[str, HeldRestart] = {}
        self._timer = Timer(life.inbox.post)

    async def ask(self, failure: Failure, act: Callable[[], Awaitable[None]]) -> None:
        """Do `act` now or later, or never in maintenance. The newest of one code counts."""
        life = self._life
        is_alive = life.handle is not None and life.info.status in (
            AgentStatus.STARTING,
            AgentStatus.RUNNING,
        )
        if not is_alive or life.info.maintenance is not None:
            return
        protection = self._protection()
        if protection is None:
            self.drop()
            await act()
            return
        self._held[failure.code] = HeldRestart(failure, act)
        self._show(protection)
        left = (protection.until - life.around.safeguards.now()).total_seconds()
        due = HeldRestartDue(generation=life.info.generation)
        self._timer.post_after(min(max(left, 0.001), LOOK_SECONDS), due)

    def withdraw(self, code: str) -> None:
        """The cause is gone."""
        if self._held.pop(code, None) is None:
            return
        protection = self._protection()
        if self._held and protection is not None:
            self._show(protection)
        elif not self._held:
            self.drop()
            self._life.state.update(held_restart=None)

    def drop(self) -> None:
        """Nothing is due any more: the process is being replaced."""
        self._timer.cancel()
        self._held.clear()

    async def on_due(self, message: HeldRestartDue) -> None:
        """Look at the clock again."""
        if message.generation == self._life.info.generation and self._held:
            held = next(iter(self._held.values()))
            await self.ask(held.failure, held.act)

    def _protection(self) -> Protection | None:
        """Return until when a process is left alone because it serves."""
        life = self._life
        if life.info.status is not AgentStatus.RUNNING:
            return None
        due = HeldRestartDue(generation=life.info.generation)
        return life.around.safeguards.protection(life.settings, lambda: life.inbox.post(due))

    def _show(self, protection: Protection) -> None:
        reasons = "; ".join(held.failure.short for held in self._held.values())
        when = _clock(protection.until, self._life.around.safeguards.now())
        why = protection.reason or f"agents.{self._life.info.name}.restart.not_within"
        text = f"{reasons}. The restart waits until {when} ({why})."
        if text != self._life.info.held_restart:
            self._life.state.update(held_restart=text)


def _clock(time: datetime, now: datetime) -> str:
    form = "%H:%M UTC" if time.date() == now.date() else "%a %H:%M UTC"
    return time.astimezone(UTC).strftime(form)
