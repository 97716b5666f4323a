"""When one agent is asked how it is, and how many answers in a row were good or bad.

Owns the asking task and the two counters. It posts what it finds; judging is `agent_task`'s.
Requests never overlap: the next one waits for the answer, or the deadline, of the last.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.states import Health
from trading_dashboard.orchestrator.addresses import health_url
from trading_dashboard.orchestrator.messages import Message, ProbeFinished
from trading_dashboard.orchestrator.probes import ProbeOutcome, Prober

STARTUP_INTERVAL_SECONDS = 0.1

_log = logging.getLogger("trading_dashboard.supervisor")


class ProbeSchedule:
    """Asks one agent, fast until told that it runs, then at its interval."""

    def __init__(
        self, settings: AgentSettings, prober: Prober, post: Callable[[Message], None]
    ) -> None:
        self.failures = 0
        """Bad outcomes in a row."""
        self.successes = 0
        """Good outcomes in a row."""
        self.last_message: str | None = None
        self._settings = settings
        self._prober = prober
        self._post = post
        self._task: asyncio.Task[None] | None = None
        self._is_starting = True

    def adopt(self, settings: AgentSettings) -> None:
        """Ask by other settings from the next request on."""
        self._settings = settings

    def begin(self, generation: int, *, is_starting: bool) -> None:
        """Ask from now on, for that generation."""
        self.failures = self.successes = 0
        self.last_message = None
        self._is_starting = is_starting
        self._task = asyncio.create_task(
            self._ask_for_ever(generation), name=f"probe {self._settings.name}"
        )

    def slow_down(self) -> None:
        """The start is over: ask at `health_check_interval`."""
        self._is_starting = False

    async def end(self) -> None:
        """Stop asking; a request under way is dropped."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def count(self, outcome: ProbeOutcome) -> None:
        """Add an outcome to the rows."""
        self.last_message = outcome.message
        self.successes = self.successes + 1 if outcome.ok else 0
        self.failures = 0 if outcome.ok else self.failures + 1

    @property
    def is_good(self) -> bool:
        """Return whether enough outcomes in a row were good."""
        return self.successes >= self._settings.success_threshold

    @property
    def is_bad(self) -> bool:
        """Return whether enough outcomes in a row were bad."""
        return self.failures >= self._settings.failure_threshold

    async def _ask_for_ever(self, generation: int) -> None:
        while True:
            outcome = await self._ask(health_url(self._settings))
            self._post(ProbeFinished(generation=generation, outcome=outcome))
            # A turn of the loop, so that `slow_down` is already called where this outcome did it.
            await asyncio.sleep(0)
            await asyncio.sleep(self._delay())

    async def _ask(self, url: str) -> ProbeOutcome:
        try:
            return await self._prober.probe(url, self._settings.timeout)
        except Exception as error:  # noqa: BLE001 - unasked, an agent would look healthy for ever
            _log.exception("asking %s for its health failed", self._settings.name)
            return ProbeOutcome(
                answered=False,
                ok=False,
                health=Health.UNHEALTHY,
                message=f"it could not be asked: {type(error).__name__}: {error}",
                latency_seconds=0.0,
            )

    def _delay(self) -> float:
        if self._is_starting:
            return STARTUP_INTERVAL_SECONDS
        # The phase wanders, so that a hundred agents are not asked in the same instant.
        return self._settings.health_check_interval * random.uniform(0.9, 1.1)
