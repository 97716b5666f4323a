"""What an agent's memory means for it: a tree that stays above its limit is restarted.

Owns that one verdict. How memory is measured is the runtime's, how often `monitoring`'s.
"""

from __future__ import annotations

from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.messages import MemoryMeasured

SAMPLES = 2
"""In a row: one alone may be a peak that is over before the process is ended for it."""
SPACING_SECONDS = 1.0
"""Samples closer than this are one: several who ask may be answered from one measurement."""
MEMORY_LIMIT = "memory_limit"


class MemoryRule:
    """Judges one agent's memory, within its task."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life
        self._generation = 0
        self._counted_at = 0.0
        self._above = 0

    async def on_measured(self, message: MemoryMeasured) -> None:
        """Count a sample, and restart if it was one too many."""
        limit = self._life.settings.restart.memory_limit_bytes
        if limit is None or message.generation != self._life.info.generation:
            return
        if message.generation != self._generation:
            self._generation, self._above = message.generation, 0
        elif message.at - self._counted_at < SPACING_SECONDS:
            return
        self._counted_at = message.at
        if message.held_bytes <= limit:
            self._above = 0
            self._life.gate.withdraw(MEMORY_LIMIT)
            return
        self._above += 1
        if self._above >= SAMPLES:
            failure = self._life.failures.memory_limit(message.held_bytes, limit)
            await self._life.restart_when_allowed(failure)
