"""The circuit breaker: a source that fails again and again is left alone, then tried once.

Owns three states and the table between them; knows no clock (times are handed in), no source and
no log. Results of requests that began under an earlier state are ignored: a slow failure of
yesterday's outage must not open the breaker of today.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Closed lets all through, open nobody, half-open one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Trigger(StrEnum):
    """What moves a breaker."""

    FAILED_TOO_OFTEN = "failed_too_often"
    REFUSED = "refused"
    TRIED = "tried"
    TRIAL_SUCCEEDED = "trial_succeeded"
    TRIAL_FAILED = "trial_failed"
    TRIAL_ABANDONED = "trial_abandoned"
    RESET = "reset"


_CLOSED, _OPEN, _HALF_OPEN = BreakerState
_TABLE = {
    (_CLOSED, Trigger.FAILED_TOO_OFTEN): _OPEN,
    (_CLOSED, Trigger.REFUSED): _OPEN,
    (_OPEN, Trigger.TRIED): _HALF_OPEN,
    (_OPEN, Trigger.RESET): _CLOSED,
    (_HALF_OPEN, Trigger.TRIAL_SUCCEEDED): _CLOSED,
    (_HALF_OPEN, Trigger.TRIAL_FAILED): _OPEN,
    (_HALF_OPEN, Trigger.TRIAL_ABANDONED): _OPEN,
    (_HALF_OPEN, Trigger.REFUSED): _OPEN,
    (_HALF_OPEN, Trigger.RESET): _CLOSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChange:
    """A breaker moved."""

    before: BreakerState
    after: BreakerState
    trigger: Trigger


class Breaker:
    """One breaker. `begin` gives a ticket; each ticket is handed back exactly once."""

    def __init__(
        self,
        *,
        failures_to_open: int,
        open_seconds: float,
        open_cap_seconds: float,
        on_change: Callable[[BreakerChange], None],
    ) -> None:
        self.state = BreakerState.CLOSED
        self.is_refused = False
        """It was opened by a refusal: asking again soon cannot help."""
        self.retry_at = 0.0
        """When an open breaker lets one request through."""
        self._failures_to_open = failures_to_open
        self._open_seconds = open_seconds
        self._open_cap_seconds = open_cap_seconds
        self._on_change = on_change
        self._failures = 0
        self._trials_failed = 0
        self._generation = 0

    def allows(self, now: float) -> bool:
        """Return whether a request may begin."""
        if self.state is BreakerState.OPEN:
            return now >= self.retry_at
        return self.state is BreakerState.CLOSED

    def begin(self, now: float) -> int:
        """Return the ticket of a request that `allows` allowed; of an open breaker, the trial."""
        if not self.allows(now):
            raise RuntimeError(f"a request began although the breaker is {self.state}")
        if self.state is BreakerState.OPEN:
            self._move(Trigger.TRIED)
        return self._generation

    def succeeded(self, ticket: int) -> None:
        """Count an answer; that a symbol is unknown is one too."""
        if ticket != self._generation:
            return
        self._failures = 0
        if self.state is BreakerState.HALF_OPEN:
            self._trials_failed = 0
            self._move(Trigger.TRIAL_SUCCEEDED)

    def failed(self, ticket: int, now: float) -> None:
        """Count a failure."""
        if ticket != self._generation:
            return
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN:
            self._trials_failed += 1
            self._open(Trigger.TRIAL_FAILED, now + self._rest())
        elif self._failures >= self._failures_to_open:
            self._open(Trigger.FAILED_TOO_OFTEN, now + self._rest())

    def refused(self, ticket: int, now: float, seconds: float) -> None:
        """Open for long: the provider refuses us."""
        if ticket == self._generation:
            self.is_refused = True
            self._open(Trigger.REFUSED, now + seconds)

    def abandoned(self, ticket: int, now: float) -> None:
        """Forget a request without a result; after a trial, another may be made at once."""
        if ticket == self._generation and self.state is BreakerState.HALF_OPEN:
            self._open(Trigger.TRIAL_ABANDONED, now)

    def reset(self) -> None:
        """Forget everything: settings changed."""
        self._failures = self._trials_failed = 0
        if self.state is not BreakerState.CLOSED:
            self._move(Trigger.RESET)

    def _rest(self) -> float:
        # The exponent is capped before the power: 2.0 ** 1100 overflows.
        return min(self._open_seconds * 2.0 ** min(self._trials_failed, 60), self._open_cap_seconds)

    def _open(self, trigger: Trigger, until: float) -> None:
        self.retry_at = until
        self._move(trigger)

    def _move(self, trigger: Trigger) -> None:
        before, self.state = self.state, _TABLE[self.state, trigger]
        self._generation += 1
        if self.state is BreakerState.CLOSED:
            self._failures = 0
            self.is_refused = False
        self._on_change(BreakerChange(before=before, after=self.state, trigger=trigger))
