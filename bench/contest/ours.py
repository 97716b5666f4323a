"""This project as a library, in a process of its own so that its cost can be measured.

    python -m bench.contest.ours PROJECT

Prints `COUNT healthy` once its agents are. SIGTERM stops them and ends it. SIGUSR1
prints `delays COUNT MEDIAN P99 MAX`: how many seconds health requests took since the last time.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from trading_dashboard.config import load_settings
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.expectations import SUCCESS, Expectation
from trading_dashboard.orchestrator.probes import HttpProber, ProbeOutcome


class TimedProber(HttpProber):
    """Remembers how long each request took."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    async def probe(
        self, url: str, timeout_seconds: float, expected: Expectation = SUCCESS
    ) -> ProbeOutcome:
        """Ask once."""
        started = time.monotonic()
        outcome = await super().probe(url, timeout_seconds, expected)
        self.seconds.append(time.monotonic() - started)
        return outcome

    def tell(self) -> None:
        """Print what was remembered, and forget it."""
        ordered, self.seconds = sorted(self.seconds), []
        count = len(ordered)
        found = [ordered[int(count * at)] for at in (0.5, 0.99)] + ordered[-1:] if count else []
        print("delays", count, *(f"{one:.6f}" for one in found), flush=True)


async def supervise(root: Path, is_timed: bool) -> None:
    """Run the project's agents until asked to stop."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    timed = TimedProber() if is_timed else None
    if timed is not None:
        loop.add_signal_handler(signal.SIGUSR1, timed.tell)
    manager = AgentManager(loaded=load_settings(root), prober=timed)
    results = await manager.start_all_enabled_agents()
    print(f"{sum(results.values())} healthy", flush=True)
    await asked.wait()
    await manager.aclose()


if __name__ == "__main__":
    asyncio.run(supervise(Path(sys.argv[1]), "--timed" in sys.argv))
