"""How the agent is, as `/health` tells it: from memory, without waiting.

Owns what counts as degraded: it serves, but trades nothing, or not all it should. None of that is
mended by starting it again.
"""

from __future__ import annotations

from typing import Any

from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.beginnings import Beginnings
from trading_dashboard.agents.risk_management.live.gatekeeping import GateWatch
from trading_dashboard.agents.risk_management.live.market import NOT_YET, Follower
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.risk.gate import CauseKind, GateState


class Health:
    """Of one account's agent."""

    def __init__(
        self,
        account: LiveAccount,
        gate: GateWatch,
        writer: AccountWriter,
        follower: Follower,
        beginnings: Beginnings,
        *,
        store_seconds: float,
    ) -> None:
        self._account = account
        self._gate = gate
        self._writer = writer
        self._follower = follower
        self._beginnings = beginnings
        self._store_seconds = store_seconds

    def report(self, failure: str | None) -> dict[str, Any]:
        """Return what `/health` says beside the common fields; `failure` ends this process."""
        trouble = self._follower.trouble or self._beginnings.standstill
        gate = self._gate.keeper.gate
        waits = self._writer.waiting_seconds
        broken = [
            x.message for x in gate.causes if x.kind is CauseKind.STORE_UNWRITABLE and x.lasts
        ]
        if not broken and waits >= self._store_seconds:
            broken = [f"The account's store has not answered for {waits:.0f} s."]
        closed = self._closed()
        is_ill = broken or closed or (trouble and not self._is_trying)
        body: dict[str, Any] = {
            "status": "degraded" if is_ill else "healthy",
            "checks": {
                "market_data": _check(None if self._is_trying else trouble),
                "store": _check(broken[0] if broken else None),
                "gate": {**_check(closed), "message": self._gate_words()},
            },
            "data": self._freshness(),
        }
        if failure:
            body["status"], body["message"] = "unhealthy", failure
        elif broken or trouble or closed:
            body["message"] = broken[0] if broken else trouble or closed
        return body

    # Private

    def _gate_words(self) -> str:
        gate = self._gate.keeper.gate
        why = " ".join(cause.message for cause in gate.causes) or "Trading is allowed."
        return f"{gate.state.value}: {why}"[:500]

    def _closed(self) -> str | None:
        """Return how the gate is closed; None where it is open, or only starts.

        The agent serves, and a restart would open nothing: that is degraded, not unhealthy.
        """
        gate = self._gate.keeper.gate
        if gate.state is GateState.ACTIVE or gate.is_starting:
            return None
        return f"The gate is {self._gate_words()}"

    @property
    def _is_trying(self) -> bool:
        return self._follower.trouble == NOT_YET

    def _freshness(self) -> dict[str, Any]:
        state = self._account.clock.state
        if state is None or self._is_trying:
            return {"state": "unknown"}
        is_open = bool(self._account.is_market_open)
        is_stale = self._follower.trouble is not None
        return {
            "state": "stale" if is_stale else "fresh" if is_open else "idle",
            "market": state.market.value,
            "source": self._account.label.source,
        }


def _check(trouble: str | None) -> dict[str, Any]:
    return {"status": "degraded", "message": trouble} if trouble else {"status": "healthy"}
