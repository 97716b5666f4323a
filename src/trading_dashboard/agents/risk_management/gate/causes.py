"""What can close the gate: how far, and what a person can do about it.

Owns the two tables and the order of the states. When a cause holds is for `watch` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trading_dashboard.models.risk.account import JournalKind
from trading_dashboard.models.risk.gate import CauseKind, GateCause, GateState

CLOSES_TO: Mapping[CauseKind, GateState] = {
    CauseKind.STARTING: GateState.HALTED,
    CauseKind.STALE_DATA: GateState.REDUCING,
    CauseKind.UPSTREAM_UNHEALTHY: GateState.REDUCING,
    CauseKind.LIMIT_BREACHED: GateState.REDUCING,
    CauseKind.LEASE_LAPSED: GateState.HALTED,
    CauseKind.KILL_SWITCH: GateState.HALTED,
    CauseKind.CLOCK_TROUBLE: GateState.HALTED,
    CauseKind.STORE_UNWRITABLE: GateState.HALTED,
    CauseKind.OWN_DOUBT: GateState.HALTED,
}

NEXT_STEP: Mapping[CauseKind, str] = {
    CauseKind.STARTING: "Wait; if it takes long, look at the agents and their logs.",
    CauseKind.STALE_DATA: "Look at market data and its sources; reopen once prices are fresh.",
    CauseKind.UPSTREAM_UNHEALTHY: "Look at that agent and its log; reopen once it is well.",
    CauseKind.LIMIT_BREACHED: "Reduce the exposure or change the limit, then reopen.",
    CauseKind.LEASE_LAPSED: "See that the supervisor runs and is not held up, then reopen.",
    CauseKind.KILL_SWITCH: "Reopen once trading may go on.",
    CauseKind.CLOCK_TROUBLE: "Look at the clock of this machine and of market data, then reopen.",
    CauseKind.STORE_UNWRITABLE: "See that the disk has room and the store can be written; "
    "then reopen.",
    CauseKind.OWN_DOUBT: "Read the agent's log; reopen once positions and limits are as they "
    "should be.",
}

_ORDER = (GateState.ACTIVE, GateState.REDUCING, GateState.HALTED)
_RANK = {state: rank for rank, state in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChange:
    """What is to be journalled of the gate, in the order it happened.

    Attributes:
        kind: One of the gate's kinds of journal entries.
        actor: Who did it; ``gate`` for what it did by itself.
        reason: In words.
        at: Market time, if it is known.
        data: What changed, and the gate's whole memory after it.
    """

    kind: JournalKind
    actor: str
    reason: str
    at: datetime | None
    data: dict[str, Any] = field(default_factory=dict)


def strictest(states: Iterable[GateState]) -> GateState:
    """Return the state that allows least; ACTIVE if there is none."""
    return max(states, key=_RANK.__getitem__, default=GateState.ACTIVE)


def new_cause(
    kind: CauseKind,
    subject: str,
    message: str,
    at: datetime,
    market_time: datetime | None,
    *,
    lasts: bool = True,
) -> GateCause:
    """Return a cause that comes now; one that does not last has ended at once."""
    return GateCause(
        kind=kind,
        subject=subject,
        closes_to=CLOSES_TO[kind],
        message=message,
        next_step=NEXT_STEP[kind],
        since=at,
        market_time=market_time,
        lasts=lasts,
        ended_at=None if lasts else at,
    )
