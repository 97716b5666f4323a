"""Virtual time for the gate: a world in which all is well until a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trading_dashboard.agents.risk_management.gate.causes import GateChange
from trading_dashboard.agents.risk_management.gate.gate import Gate, first_opening
from trading_dashboard.agents.risk_management.gate.keeper import Gatekeeper, GateRules
from trading_dashboard.agents.risk_management.gate.moment import MarketNow, Moment
from trading_dashboard.models.risk.account import JournalEntry
from trading_dashboard.models.risk.gate import CauseKind, GateState, LeaseRenewal

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MARKET = datetime(2012, 9, 4, 13, 30, tzinfo=UTC)


def journal(changes: Iterable[GateChange], first: int = 1) -> list[JournalEntry]:
    """Return the changes as they come back from the journal, through JSON."""
    return [
        JournalEntry.model_validate_json(
            JournalEntry(
                seq=first + number,
                kind=change.kind,
                actor=change.actor,
                reason=change.reason,
                at=change.at,
                recorded_at=START,
                data=change.data,
            ).model_dump_json()
        )
        for number, change in enumerate(changes)
    ]


class World:
    """Clocks and a feed; `pass_time` lets all of them go on together."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.wall = START
        self.monotonic = 1000.0
        self.market = MarketNow(
            connected=True, heard=1000.0, now=MARKET, is_open=True, newest=MARKET
        )

    def pass_time(self, seconds: float, *, ticks: bool = True, heard: bool = True) -> Moment:
        """Go on; with `ticks` a price comes at the end, with `heard` at least a heartbeat."""
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds
        now = (self.market.now or MARKET) + timedelta(seconds=seconds * self.speed)
        heard_at = self.monotonic if heard else self.market.heard
        moves = heard and self.market.is_moving
        self.market = replace(
            self.market,
            heard=heard_at,
            now=now if moves else self.market.now,
            newest=now if ticks and moves else self.market.newest,
        )
        return self.moment

    @property
    def moment(self) -> Moment:
        return Moment(wall=self.wall, monotonic=self.monotonic, market=self.market)

    def say(self, **changes: object) -> Moment:
        """Change what is known of the market."""
        self.market = replace(self.market, **changes)  # type: ignore[arg-type]
        return self.moment


def renewal(ttl_seconds: float = 3.0, health: str = "healthy") -> LeaseRenewal:
    return LeaseRenewal(run_id="r", ttl_seconds=ttl_seconds, agents={"market_data": health})


def open_keeper(
    world: World, rules: GateRules | None = None, entries: list[JournalEntry] | None = None
) -> Gatekeeper:
    """Return a gate that has been through its start, which was well."""
    keeper = Gatekeeper(Gate(world.wall), rules or GateRules())
    if entries is None:
        entries = journal([first_opening("new account", "setup")])
    keeper.gate.restore(entries, world.wall)
    keeper.store.succeeded()
    keeper.limits_seen({}, world.moment)
    keeper.renew(renewal(), world.moment)
    return keeper


def kinds(keeper: Gatekeeper) -> list[CauseKind]:
    return [cause.kind for cause in keeper.gate.causes]


def assert_active(keeper: Gatekeeper) -> None:
    assert (keeper.gate.state, keeper.gate.causes) == (GateState.ACTIVE, [])
