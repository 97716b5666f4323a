"""When may a failed agent start again?

Owns the arithmetic of restarts: delay, jitter and budget. Knows no process, no clock and no event
loop; the caller passes the time and performs what the decision says.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from trading_dashboard.config.settings import RestartSettings


@dataclass(frozen=True, slots=True)
class RestartAfter:
    """Start again once `delay_seconds` have passed."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """Give up: `restarts` within `window_seconds` used up the budget."""

    restarts: int
    window_seconds: float


class RestartBudget:
    """The restart history of one agent, judged by its `RestartSettings`."""

    def __init__(self, policy: RestartSettings, rng: random.Random | None = None) -> None:
        self._policy = policy
        self._rng = rng or random.Random()
        self._restarts: deque[float] = deque()
        self._in_a_row = 0

    def adopt(self, policy: RestartSettings) -> None:
        """Judge by another policy from now on; what has happened still counts."""
        self._policy = policy

    def on_failure(self, now: float, uptime_seconds: float) -> RestartAfter | CrashLoop:
        """Decide what follows a failure.

        Args:
            now: Monotonic time of the failure, in seconds.
            uptime_seconds: How long the agent had been healthy; 0 if it never was.
        """
        if uptime_seconds >= self._policy.stable_after_seconds:
            self._in_a_row = 0
        self._forget_before(now - self._policy.window_seconds)
        if len(self._restarts) >= self._policy.max_restarts:
            return CrashLoop(len(self._restarts), self._policy.window_seconds)
        delay = self._next_delay()
        self._restarts.append(now + delay)
        self._in_a_row += 1
        return RestartAfter(delay)

    def forgive(self) -> None:
        """Forget all failures: a person started the agent."""
        self._restarts.clear()
        self._in_a_row = 0

    def _next_delay(self) -> float:
        if self._in_a_row == 0:
            return 0.0
        # The exponent is capped before the power: 2.0 ** 1100 overflows.
        growth = 2.0 ** min(self._in_a_row - 1, 60)
        ceiling = min(self._policy.first_delay_seconds * growth, self._policy.max_delay_seconds)
        # Full jitter, so that agents felled together do not come back together
        # (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015).
        return self._rng.uniform(0.0, ceiling)

    def _forget_before(self, oldest: float) -> None:
        while self._restarts and self._restarts[0] < oldest:
            self._restarts.popleft()
