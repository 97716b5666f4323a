"""The gate with all that watches it: one look, one state.

A look costs microseconds, so that everyone who decides about an order looks first: a lease that ran
out since the last tick of any clock is out. In between somebody must look ten times a second, for
those who only listen. A watch that fails closes the gate.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading_dashboard.agents.risk_management.gate.gate import Gate, Reopening
from trading_dashboard.agents.risk_management.gate.moment import Moment
from trading_dashboard.agents.risk_management.gate.watch import (
    ClockTrouble,
    Lease,
    Limits,
    Sight,
    StaleData,
    Store,
    Upstream,
    Watch,
)
from trading_dashboard.models.risk.gate import CauseKind, GateState, GateStatus, LeaseRenewal

LOOK_SECONDS = 0.1
"""How often to look while nobody asks."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """When the gate closes; durations in seconds.

    Attributes:
        needs_lease: A supervisor has to renew its lease.
        upstream: Agents whose health the supervisor tells; the first is market data.
        max_age_seconds: Age of the newest price, market time.
        min_silence_seconds: Since the newest price came, real time.
        max_quiet_seconds: Since anything came from market data, real time.
        reconnect_seconds: How long the connection to market data may be gone.
        clock_tolerance_seconds: How far a clock may jump.
        store_seconds: How long an entry may take to be durable.
    """

    needs_lease: bool = True
    upstream: tuple[str, ...] = ("market_data",)
    max_age_seconds: float = 60.0
    min_silence_seconds: float = 2.0
    max_quiet_seconds: float = 3.0
    reconnect_seconds: float = 0.5
    clock_tolerance_seconds: float = 1.0
    store_seconds: float = 3.0


class Gatekeeper:
    """Looks at everything and keeps the gate's state.

    Attributes:
        gate: The state; ask `look` first.
        store: To be told what becomes of entries.
    """

    def __init__(self, gate: Gate, rules: GateRules) -> None:
        self.gate = gate
        self.store = Store(rules.store_seconds)
        self._lease = Lease(is_required=rules.needs_lease)
        self._upstream = Upstream(rules.upstream, rules.reconnect_seconds)
        self._limits = Limits()
        self._watches: Sequence[Watch] = (
            StaleData(rules.max_age_seconds, rules.min_silence_seconds, rules.max_quiet_seconds),
            self._upstream,
            self._limits,
            self._lease,
            ClockTrouble(rules.clock_tolerance_seconds),
            self.store,
        )
        self._doubts: dict[str, str] = {}

    def look(self, moment: Moment) -> GateState:
        """Look at everything; return what may be traded at this moment."""
        sights = [(watch, self._see(watch, moment)) for watch in self._watches]
        gate = self.gate
        if gate.is_starting and not self._end_start(sights, moment):
            return gate.state
        for watch, sight in sights:
            if watch.kind.value not in self._doubts:  # who failed has not seen that all is well
                gate.observe(watch.kind, sight.faults, moment.wall, moment.market_time)
        gate.observe(CauseKind.OWN_DOUBT, self._doubts, moment.wall, moment.market_time)
        return gate.state

    def renew(self, renewal: LeaseRenewal, moment: Moment) -> GateState:
        """Take the supervisor's word, and look."""
        self._lease.renew(renewal, moment.monotonic)
        self._upstream.renewed(renewal)
        return self.look(moment)

    def limits_seen(self, faults: Mapping[str, str], moment: Moment) -> GateState:
        """Take over which hard limits are breached (messages by the limit's name), and look."""
        self._limits.seen(faults)
        return self.look(moment)

    def ask_reopening(
        self, reason: str, actor: str, seen_seq: int | None, moment: Moment
    ) -> Reopening:
        """Look, and return what is to be journalled before `reopen`. Raises ReopeningRefused."""
        self.look(moment)
        return self.gate.ask_reopening(reason, actor, seen_seq, moment.market_time)

    def reopen(self, reopening: Reopening, moment: Moment) -> GateStatus:
        """Look, and open once the reopening is durable. Raises ReopeningRefused."""
        self.look(moment)
        self.gate.reopen(reopening, moment.wall)
        return self.status(moment)

    def kill(self, reason: str, actor: str, moment: Moment) -> None:
        """Halt at once because a person says so."""
        self.gate.kill(reason, actor, moment.wall, moment.market_time)

    def status(self, moment: Moment) -> GateStatus:
        """Return the state with its causes and what is left of the lease."""
        return self.gate.status(moment.wall, self._lease.seconds_left(moment.monotonic))

    def _see(self, watch: Watch, moment: Moment) -> Sight:
        name = watch.kind.value
        try:
            sight = watch.look(moment)
        except Exception as error:
            if name not in self._doubts:
                logger.exception("The watch for %s failed; the gate is halted", name)
            self._doubts[name] = f"The watch for {name} failed: {type(error).__name__}."
            return Sight({}, f"the watch for {name}")
        self._doubts.pop(name, None)
        return sight

    def _end_start(self, sights: list[tuple[Watch, Sight]], moment: Moment) -> bool:
        """End the start once everything has been seen well at one look, breached limits aside.

        Until then nothing is latched: the gate is halted anyway.
        """
        awaited = [sight.awaits for _, sight in sights if sight.awaits]
        faults = [
            message
            for watch, sight in sights
            if watch is not self._limits
            for message in sight.faults.values()
        ]
        if awaited:
            self.gate.say_awaited(f"Waiting for {', '.join(awaited)}.", moment.wall)
            return False
        if faults:
            self.gate.say_awaited(f"Waiting. {' '.join(faults)}", moment.wall)
            return False
        return self.gate.end_start(moment.wall)
