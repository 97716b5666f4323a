"""Which state may follow which. The only place that knows.

Owns the table and the refusal; the states themselves are `models.states`.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading_dashboard.models.errors import InvalidTransition
from trading_dashboard.models.states import AgentStatus

_S = AgentStatus

TRANSITIONS: Mapping[AgentStatus, frozenset[AgentStatus]] = {
    _S.STOPPED: frozenset({_S.STARTING}),
    _S.STARTING: frozenset({_S.RUNNING, _S.BACKOFF, _S.STOPPING, _S.ERROR}),
    _S.RUNNING: frozenset({_S.STOPPING, _S.BACKOFF, _S.STOPPED, _S.ERROR}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.BACKOFF, _S.ERROR}),
    _S.BACKOFF: frozenset({_S.STARTING, _S.STOPPED, _S.ERROR}),
    _S.ERROR: frozenset({_S.STARTING, _S.STOPPED}),
}
"""For each state, the states that may follow it."""


def check_transition(agent: str, source: AgentStatus, target: AgentStatus) -> None:
    """Return if `target` may follow `source`.

    Raises:
        InvalidTransition: It may not. Always a bug in the caller.
    """
    if target not in TRANSITIONS[source]:
        allowed = ", ".join(sorted(TRANSITIONS[source]))
        raise InvalidTransition(
            f"Agent '{agent}' cannot go from {source} to {target}.",
            subject=agent,
            observed=f"{source} -> {target}",
            next_step=f"Allowed from {source}: {allowed}. Please report this as a bug.",
        )
