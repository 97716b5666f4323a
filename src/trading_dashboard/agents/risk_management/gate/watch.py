"""What feeds the gate: each watch looks at one thing and says what is wrong with it now.

Pure: they are given the moment and what came in; they neither wait nor ask. A watch that has not
yet seen its thing well says what it awaits, which keeps the gate's start from ending.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from trading_dashboard.agents.risk_management.gate.moment import MarketNow, Moment
from trading_dashboard.models.risk.gate import CauseKind, LeaseRenewal

WELL = frozenset({"healthy", "degraded"})
"""Health words of an agent that can serve. Degraded data shows as stale, if it is."""
MAX_TTL_SECONDS = 10.0
"""A lease holds no longer than this, whatever the renewal says."""
_LEAP_SECONDS = 60.0
DRIFT = 0.001
"""Seconds a second by which the wall clock may be slewed; NTP does 0.0005."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a watch sees.

    Attributes:
        faults: Messages by subject; empty if all is well.
        awaits: What has not been seen well since the start, in words; None if all has.
    """

    faults: Mapping[str, str] = field(default_factory=dict)
    awaits: str | None = None


class Watch(Protocol):
    """Looks at one thing. A fault is seen at the first look after it is known."""

    kind: ClassVar[CauseKind]

    def look(self, moment: Moment) -> Sight:
        """Return what is wrong now."""


class StaleData:
    """Prices are older than they may be while the market trades, or the feed has fallen silent.

    Age counts in market time, and from the moment the market was first seen to trade and its clock
    to move. It is added up from one look to the next, so that a clock that falls makes nothing
    young. In a fast replay a market minute may pass in a blink: what is too old must also have been
    missing for `min_silence_seconds` of real time, or be older by more than passes in these. A
    clock that is paused, at its end or in closed hours owes no prices.
    """

    kind: ClassVar[CauseKind] = CauseKind.STALE_DATA

    def __init__(
        self,
        max_age_seconds: float = 60.0,
        min_silence_seconds: float = 2.0,
        max_quiet_seconds: float = 3.0,
    ) -> None:
        """Set the bounds.

        Args:
            max_age_seconds: Age of the newest price, market time.
            min_silence_seconds: Since a price came, real time.
            max_quiet_seconds: Since anything came over the feed, real time.
        """
        self._max_age = max_age_seconds
        self._min_silence = min_silence_seconds
        self._max_quiet = max_quiet_seconds
        self._has_been_well = False
        self._era: int | None = None
        self._told: tuple[datetime, float] | None = None  # the clock, and when it last moved
        self._newest: datetime | None = None
        self._came = 0.0  # when it did, monotonic
        self._price_age = math.inf
        self._due: float | None = None  # since when prices are due, monotonic
        self._due_age = 0.0

    def look(self, moment: Moment) -> Sight:
        """Return what is wrong with the prices."""
        fault = self._fault(moment.market, moment.monotonic)
        if fault is None:
            self._has_been_well = True
            return Sight()
        awaits = None if self._has_been_well else "fresh prices"
        return Sight({"feed": fault}, awaits)

    def _fault(self, market: MarketNow, monotonic: float) -> str | None:
        if market.heard is None or market.now is None:
            return "Market data has not been heard yet."
        moved = self._follow(market, market.now, monotonic)
        if monotonic - market.heard > self._max_quiet:
            return f"Market data has been silent for more than {self._max_quiet:g} s."
        if self._due is None:
            return None
        if monotonic - moved > self._max_quiet:
            return f"The market clock stands at {market.now:%Y-%m-%d %H:%M:%S} UTC."
        if self._is_fresh(market, monotonic, self._due):
            return None
        if market.newest is None:
            return "The market trades, and no price has come."
        return (
            f"No price since {market.newest:%Y-%m-%d %H:%M:%S} UTC of market time; "
            f"{self._max_age:g} s are allowed."
        )

    def _is_fresh(self, market: MarketNow, monotonic: float, due: float) -> bool:
        if not self._has_been_well:
            # What was there before anybody looked is given no time: the price itself must be new.
            return self._price_age <= self._max_age
        age = min(self._price_age, self._due_age)
        if age <= self._max_age:
            return True
        is_late = (
            market.speed is not None and age > self._max_age + market.speed * self._min_silence
        )
        return not is_late and monotonic - max(self._came, due) <= self._min_silence

    def _follow(self, market: MarketNow, now: datetime, monotonic: float) -> float:
        """Let what is known grow older, take in what is new; return when the clock last moved."""
        if self._told is None or now != self._told[0]:
            if self._told is not None and market.era == self._era:
                self._grow_older(now, monotonic, market.speed, self._told)
            self._told = (now, monotonic)
        if market.newest != self._newest:
            self._newest, self._came = market.newest, monotonic
            age = math.inf if self._newest is None else (now - self._newest).total_seconds()
            self._price_age = max(0.0, age)
        is_due = market.is_open and market.is_moving
        if not is_due or market.era != self._era:
            self._due = None
        if is_due and self._due is None:
            self._due, self._due_age = monotonic, 0.0
            self._told = (now, monotonic)
        self._era = market.era
        return self._told[1]

    def _grow_older(
        self, now: datetime, monotonic: float, speed: float | None, told: tuple[datetime, float]
    ) -> None:
        passed = max(0.0, (now - told[0]).total_seconds())
        if speed is not None and passed > _LEAP_SECONDS + 3 * speed * (monotonic - told[1]):
            self._due_age = 0.0  # closed hours were skipped between two looks
            return
        self._price_age += passed
        self._due_age += passed


class Upstream:
    """An agent this one depends on is not well, says the supervisor or the connection itself."""

    kind: ClassVar[CauseKind] = CauseKind.UPSTREAM_UNHEALTHY

    def __init__(
        self, agents: Sequence[str] = ("market_data",), reconnect_seconds: float = 0.5
    ) -> None:
        """Name the agents.

        Args:
            agents: Whose health the supervisor tells with the lease; the first is market data.
            reconnect_seconds: How long its connection may be gone.
        """
        self._agents = tuple(agents)
        self._reconnect = reconnect_seconds
        self._told: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._lost_at: float | None = None
        self._was_connected = False

    def renewed(self, renewal: LeaseRenewal) -> None:
        """Take over what the supervisor says of the agents."""
        self._told = {name: renewal.agents.get(name, "unknown") for name in self._agents}
        self._reasons = dict(renewal.reasons)

    def look(self, moment: Moment) -> Sight:
        """Return which agents are not well."""
        faults = {
            name: self._words(name, health)
            for name, health in self._told.items()
            if health not in WELL
        }
        self._follow(moment)
        feed = self._agents[0] if self._agents else "market data"
        if not self._was_connected:
            return Sight(faults, f"a connection to {feed}")
        lost = self._lost_at
        if lost is not None and moment.monotonic - lost >= self._reconnect:
            faults.setdefault(feed, f"The connection to {feed} is lost.")
        return Sight(faults)

    def _words(self, name: str, health: str) -> str:
        """Say what happened; what the supervisor does about it is over in a moment."""
        reason = self._reasons.get(name, "").rstrip(". ")[:300]
        if reason:
            return f"{name} does not serve, says the supervisor: {reason}."
        return f"{name} is {health}, says the supervisor."

    def _follow(self, moment: Moment) -> None:
        if moment.market.connected:
            self._was_connected, self._lost_at = True, None
        elif self._lost_at is None:
            self._lost_at = moment.monotonic


class Lease:
    """The supervisor has not renewed its lease in time: nobody looks after this process."""

    kind: ClassVar[CauseKind] = CauseKind.LEASE_LAPSED

    def __init__(self, *, is_required: bool = True) -> None:
        """Say whether there is a supervisor that has to renew it."""
        self.is_required = is_required
        self._expires: float | None = None
        self._run_id = ""

    def renew(self, renewal: LeaseRenewal, monotonic: float) -> None:
        """Let it hold for another while, from now on."""
        self._expires = monotonic + min(renewal.ttl_seconds, MAX_TTL_SECONDS)
        self._run_id = renewal.run_id

    def seconds_left(self, monotonic: float) -> float | None:
        """Return how long it holds; None where nobody has to renew it."""
        if not self.is_required:
            return None
        return 0.0 if self._expires is None else max(0.0, self._expires - monotonic)

    def look(self, moment: Moment) -> Sight:
        """Return whether it has lapsed."""
        if not self.is_required:
            return Sight()
        if self._expires is None:
            waits = "the supervisor's lease"
            return Sight({"supervisor": "The supervisor has not renewed its lease yet."}, waits)
        if moment.monotonic < self._expires:
            return Sight()
        return Sight({"supervisor": "The supervisor has not renewed its lease in time."})


class ClockTrouble:
    """A clock jumps that should not: the wall clock was set or stood still, or market time fell.

    A jump on purpose is another era and no trouble, unless market time falls behind what the
    account has done: who trades on then knows the future.
    """

    kind: ClassVar[CauseKind] = CauseKind.CLOCK_TROUBLE

    def __init__(self, tolerance_seconds: float = 1.0, settle_seconds: float = 5.0) -> None:
        """Set the bounds.

        Args:
            tolerance_seconds: How far the wall clock may leave the monotonic one, and market time
                fall.
            settle_seconds: How long all must be well before the trouble is over.
        """
        self._tolerance = tolerance_seconds
        self._settle = settle_seconds
        self._offset: float | None = None
        self._seen = 0.0
        self._market: tuple[int, datetime] | None = None
        self._faults: dict[str, tuple[str, float]] = {}

    def look(self, moment: Moment) -> Sight:
        """Return which clocks have jumped lately."""
        for subject, message in (
            ("wall_clock", self._wall(moment)),
            ("market_clock", self._market_time(moment.market)),
        ):
            if message is not None:
                self._faults[subject] = (message, moment.monotonic)
        self._faults = {
            subject: (message, seen)
            for subject, (message, seen) in self._faults.items()
            if 0 <= moment.monotonic - seen <= self._settle
        }
        return Sight({subject: message for subject, (message, _) in self._faults.items()})

    def _wall(self, moment: Moment) -> str | None:
        offset = moment.wall.timestamp() - moment.monotonic
        passed = moment.monotonic - self._seen
        before, self._seen = self._offset, moment.monotonic
        if before is None:
            self._offset = offset
            return None
        step = offset - before
        if abs(step) > self._tolerance or passed < 0:
            self._offset = offset
            return f"This machine's clock jumped by {step:+.1f} s, or it slept."
        allowed = DRIFT * passed
        self._offset = before + min(max(step, -allowed), allowed)
        return None

    def _market_time(self, market: MarketNow) -> str | None:
        now, before = market.now, self._market
        if now is None:
            return None
        self._market = (market.era, now)
        if before is None or before[0] != market.era:
            return _before_account(market, now)
        fell = (before[1] - now).total_seconds()
        if fell <= 0:
            return None
        if fell <= self._tolerance:
            self._market = before
            return None
        return f"Market time fell by {fell:.1f} s to {now:%Y-%m-%d %H:%M:%S} UTC."


class Store:
    """The account's store does not take what has to be kept, or takes too long."""

    kind: ClassVar[CauseKind] = CauseKind.STORE_UNWRITABLE

    def __init__(self, max_seconds: float = 3.0) -> None:
        """Set how long an entry may take to be durable."""
        self._max_seconds = max_seconds
        self._failure: str | None = None
        self._has_been_well = False
        self._waiting_since: float | None = None

    def waiting(self, since: float | None) -> None:
        """Say since when (monotonic seconds) the oldest unfinished entry waits; None if none."""
        self._waiting_since = since

    def succeeded(self) -> None:
        """Something was made durable."""
        self._failure, self._has_been_well = None, True

    def failed(self, message: str) -> None:
        """Something was not."""
        self._failure = message[:300]

    def look(self, moment: Moment) -> Sight:
        """Return whether the store can be relied on."""
        awaits = None if self._has_been_well else "the account's store"
        if self._failure is not None:
            return Sight({"store": f"The account cannot be written: {self._failure}"}, awaits)
        since = self._waiting_since
        if since is not None and moment.monotonic - since > self._max_seconds:
            text = f"The account's store has not answered for more than {self._max_seconds:g} s."
            return Sight({"store": text}, awaits)
        return Sight({}, awaits)


class Limits:
    """A hard limit is breached, as the limits were last evaluated."""

    kind: ClassVar[CauseKind] = CauseKind.LIMIT_BREACHED

    def __init__(self) -> None:
        self._faults: Mapping[str, str] | None = None

    def seen(self, faults: Mapping[str, str]) -> None:
        """Take over which hard limits are breached now, messages by the limit's name."""
        self._faults = dict(faults)

    def look(self, _: Moment) -> Sight:
        """Return the breached limits."""
        if self._faults is None:
            return Sight({}, "the account's valuation")
        return Sight(self._faults)


def _before_account(market: MarketNow, now: datetime) -> str | None:
    account_at = market.account_at
    if account_at is None or now >= account_at:
        return None
    return (
        f"Market time is {now:%Y-%m-%d %H:%M} UTC, but the account has traded until "
        f"{account_at:%Y-%m-%d %H:%M} UTC: what came in between is known."
    )
