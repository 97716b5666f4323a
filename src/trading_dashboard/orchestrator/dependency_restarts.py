"""How many restarts may follow from other agents' failures: one budget for the whole desk.

Owns the sliding window and that its exhaustion is told once. Who follows whom is
`dependency_rule`'s; an agent's own failures are counted by its own budget (`restart_policy`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from trading_dashboard.config.settings import DependencyRestartSettings
from trading_dashboard.models.agents import AgentInfo


class DependencyRestarts:
    """Restarts that followed a dependency, of all agents together."""

    def __init__(
        self,
        policy: Callable[[], DependencyRestartSettings],
        announce: Callable[[AgentInfo, DependencyRestartSettings], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with the whole budget.

        Args:
            policy: Returns the settings of now; they may be reloaded.
            announce: Told the first agent that is left as it is, once until there is room again.
            now: Monotonic, in seconds.
        """
        self.policy = policy
        self._announce = announce
        self._now = now
        self._taken: deque[float] = deque()
        self._is_told = False

    def take(self, agent: AgentInfo) -> bool:
        """Return whether `agent` may be restarted because of a dependency, and count it if so."""
        policy, now = self.policy(), self._now()
        while self._taken and self._taken[0] <= now - policy.window_seconds:
            self._taken.popleft()
        if len(self._taken) < policy.max_restarts:
            self._taken.append(now)
            self._is_told = False
            return True
        if not self._is_told:
            self._is_told = True
            self._announce(agent, policy)
        return False
