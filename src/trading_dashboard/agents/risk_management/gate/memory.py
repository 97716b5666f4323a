"""The gate's state as it is journalled, and read back after a restart.

Every entry of the gate holds its whole memory, so that the newest one is enough. What is missing,
damaged or contradicts itself is no memory at all; the gate then stays closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from trading_dashboard.agents.risk_management.gate.causes import strictest
from trading_dashboard.models.market import Wire
from trading_dashboard.models.risk.account import JournalEntry, JournalKind
from trading_dashboard.models.risk.gate import CauseKind, GateCause, GateState

KEY = "memory"
"""Under which an entry's data holds it."""
GATE_KINDS = (
    JournalKind.GATE_CLOSED,
    JournalKind.GATE_CAUSE_ENDED,
    JournalKind.GATE_REOPENED,
    JournalKind.KILL_SWITCH,
)
"""The kinds of entries that hold a memory."""
MAX_CAUSES = 500
"""Kept at once; beyond it only what closes the gate further."""


class GateMemory(Wire):
    """What must outlive the process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    state: GateState
    seq: Annotated[int, Field(ge=0, le=2**53 - 1)]
    causes: Annotated[list[GateCause], Field(max_length=2 * MAX_CAUSES)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """A state that its causes do not explain was not written by the gate."""
        if self.state is not strictest(cause.closes_to for cause in self.causes):
            raise ValueError(f"the state {self.state.value} does not follow from the causes")
        if any(cause.kind is CauseKind.STARTING for cause in self.causes):
            raise ValueError("a start is never remembered")
        return self


def newest_memory(entries: Iterable[JournalEntry]) -> GateMemory | str:
    """Return the memory in the newest of the gate's entries, or in words why there is none."""
    own = [entry for entry in entries if entry.kind in GATE_KINDS]
    if not own:
        return "the journal has no entry of the gate"
    newest = max(own, key=lambda entry: entry.seq)
    try:
        return GateMemory.model_validate(newest.data[KEY])
    except KeyError:
        return f"entry {newest.seq} of the journal holds no memory of the gate"
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"]) or "memory"
        return f"entry {newest.seq} of the journal is damaged ({where}: {found['msg']})"
