"""A supervisor with one fault of its own, for the chaos bench to find.

CHAOS_SABOTAGE=NAME python -m tests.integration.sabotaged_supervisor PROJECT [COMMAND …]
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bench.storm.supervised import main
from tests.support import PUPPETS
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.history.event_history import EventHistory
from trading_dashboard.orchestrator.processes import guardian
from trading_dashboard.orchestrator.processes.stopping import Ending, Tally


def ends_leaders_only() -> None:
    """Kill the leader and take nobody else into account."""
    original = Ending.run

    async def run(self: Any) -> Tally:
        if self._leader is None:
            return await original(self)
        os.kill(self._leader.pid, signal.SIGKILL)
        return Tally()

    Ending.run = run  # type: ignore[method-assign]


def has_no_guardian() -> None:
    """Start something in the guardian's place that guards nobody."""
    guardian.__file__ = str(PUPPETS / "idle_guardian.py")


def forgets_events() -> None:
    """Keep only nine of ten events."""
    original = EventHistory._take

    def take(self: Any, update: Any) -> None:
        if update.event.seq % 10:
            original(self, update)

    EventHistory._take = take  # type: ignore[method-assign]


def skips_numbers() -> None:
    """Leave a number out now and then, as if an event had been lost on the stream."""
    original = EventHub.publish

    def publish(self: Any, *about: Any, **more: Any) -> Any:
        self._seq += self._seq % 25 == 0
        return original(self, *about, **more)

    EventHub.publish = publish  # type: ignore[method-assign]


SABOTAGE: dict[str, Callable[[], None]] = {
    act.__name__: act for act in (ends_leaders_only, has_no_guardian, forgets_events, skips_numbers)
}

if __name__ == "__main__":
    SABOTAGE[os.environ["CHAOS_SABOTAGE"]]()
    sys.exit(main(sys.argv[1:]))
