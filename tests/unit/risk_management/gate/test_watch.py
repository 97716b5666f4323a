"""What feeds the gate: each watch tells trouble from what merely looks like it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.risk_management.gate.moments import (
    MARKET,
    World,
    assert_active,
    journal,
    kinds,
    open_keeper,
    renewal,
)
from trading_dashboard.agents.risk_management.gate.gate import Gate, first_opening
from trading_dashboard.agents.risk_management.gate.keeper import Gatekeeper, GateRules
from trading_dashboard.agents.risk_management.gate.moment import MarketNow, Moment
from trading_dashboard.agents.risk_management.gate.watch import (
    MAX_TTL_SECONDS,
    Lease,
    Sight,
    StaleData,
)
from trading_dashboard.models.risk.errors import ReopeningRefused
from trading_dashboard.models.risk.gate import CauseKind, GateState


def run(keeper: Gatekeeper, world: World, seconds: float, **how: bool) -> None:
    """Let time pass in steps of a look, the lease renewed each second."""
    for number in range(round(seconds * 10)):
        moment = world.pass_time(0.1, **how)
        keeper.look(moment)
        if number % 10 == 0:
            keeper.renew(renewal(), moment)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_all_well_stays_open(speed: float) -> None:
    world = World(speed)
    keeper = open_keeper(world)
    run(keeper, world, 120)
    assert_active(keeper)


# Start


def test_the_start_waits_for_everything_and_says_for_what() -> None:
    world = World()
    world.say(connected=False, heard=None, now=None, newest=None, is_open=False)
    keeper = Gatekeeper(Gate(world.wall), GateRules())
    steps = [
        ("fresh prices", lambda: world.say(connected=True, heard=world.monotonic, now=MARKET)),
        ("valuation", lambda: keeper.limits_seen({}, world.moment)),
        ("lease", lambda: keeper.renew(renewal(), world.moment)),
        ("store", keeper.store.succeeded),
    ]
    for awaited, arrive in steps:
        assert keeper.look(world.moment) is GateState.HALTED
        assert awaited in keeper.gate.causes[0].message
        arrive()  # type: ignore[no-untyped-call]
    assert keeper.look(world.moment) is GateState.HALTED  # nothing has been restored
    keeper.gate.restore(journal([first_opening("new", "setup")]), world.wall)
    assert keeper.look(world.moment) is GateState.ACTIVE


def test_what_is_wrong_during_the_start_is_not_latched_and_keeps_it_waiting() -> None:
    world = World()
    keeper = Gatekeeper(Gate(world.wall), GateRules())
    keeper.gate.restore(journal([first_opening("new", "setup")]), world.wall)
    keeper.store.succeeded()
    keeper.limits_seen({}, world.moment)
    keeper.renew(renewal(health="starting"), world.moment)
    assert kinds(keeper) == [CauseKind.STARTING]
    assert "market_data is starting" in keeper.gate.causes[0].message
    keeper.renew(renewal(), world.moment)
    assert_active(keeper)


def test_a_price_that_was_old_before_anybody_looked_is_not_fresh() -> None:
    watch = StaleData(max_age_seconds=60)
    world = World()
    world.say(newest=MARKET - timedelta(minutes=5))
    assert watch.look(world.moment).awaits
    assert watch.look(world.pass_time(1)).awaits is None


def test_a_breached_limit_ends_the_start_and_closes_in_the_same_look() -> None:
    world = World()
    keeper = Gatekeeper(Gate(world.wall), GateRules())
    keeper.gate.restore(journal([first_opening("new", "setup")]), world.wall)
    keeper.store.succeeded()
    keeper.renew(renewal(), world.moment)
    assert keeper.limits_seen({"gross": "too much"}, world.moment) is GateState.REDUCING
    assert kinds(keeper) == [CauseKind.LIMIT_BREACHED]


# Stale data


@pytest.mark.parametrize(("speed", "closes_after"), [(1.0, 60.0), (60.0, 2.0)])
def test_prices_that_stop_close_it_by_market_time(speed: float, closes_after: float) -> None:
    world = World(speed)
    keeper = open_keeper(world)
    run(keeper, world, closes_after - 0.2, ticks=False)
    assert_active(keeper)
    run(keeper, world, 1.0, ticks=False)
    assert keeper.gate.state is GateState.REDUCING
    assert kinds(keeper) == [CauseKind.STALE_DATA]


@pytest.mark.parametrize("quiet", [{"is_open": False}, {"is_moving": False}])
def test_no_price_is_due_while_closed_paused_or_at_the_end(quiet: dict[str, bool]) -> None:
    world = World(60.0)
    keeper = open_keeper(world)
    keeper.look(world.say(**quiet))
    run(keeper, world, 600, ticks=False)
    assert_active(keeper)
    # The newest price is from yesterday when it opens again: one is due from then on.
    keeper.look(world.say(is_open=True, is_moving=True))
    run(keeper, world, 1.5, ticks=False)
    assert_active(keeper)
    run(keeper, world, 1.5, ticks=False)
    assert kinds(keeper) == [CauseKind.STALE_DATA]


def test_a_feed_that_falls_silent_closes_it_even_in_closed_hours() -> None:
    world = World()
    keeper = open_keeper(world)
    keeper.look(world.say(is_open=False))
    run(keeper, world, 2.9, ticks=False, heard=False)
    assert_active(keeper)
    run(keeper, world, 0.5, ticks=False, heard=False)
    assert kinds(keeper) == [CauseKind.STALE_DATA]


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_a_feed_that_tells_old_prices_closes_it(speed: float) -> None:
    """They keep coming, and each is from ten minutes ago."""
    world = World(speed)
    keeper = open_keeper(world)
    world.say(speed=speed)
    run(keeper, world, 65)
    assert_active(keeper)
    for _ in range(3):
        now = world.pass_time(0.1).market.now or MARKET
        keeper.look(world.say(newest=now - timedelta(minutes=10)))
    assert kinds(keeper) == [CauseKind.STALE_DATA]


def test_a_night_that_a_replay_skips_makes_no_price_old() -> None:
    world = World(60.0)
    keeper = open_keeper(world)
    world.say(speed=60.0)
    run(keeper, world, 30)
    now = world.market.now or MARKET
    keeper.look(world.say(now=now + timedelta(hours=17.5)))
    run(keeper, world, 0.5, ticks=False)
    run(keeper, world, 10)
    assert_active(keeper)


def test_a_clock_that_fell_makes_no_price_young() -> None:
    """Market time is behind the newest price, and behind when prices became due."""
    world = World()
    keeper = open_keeper(world)
    run(keeper, world, 10)
    keeper.look(world.say(now=MARKET - timedelta(hours=5)))
    assert kinds(keeper) == [CauseKind.CLOCK_TROUBLE]
    run(keeper, world, 62, ticks=False)
    assert kinds(keeper) == [CauseKind.CLOCK_TROUBLE, CauseKind.STALE_DATA]


def test_a_market_clock_that_stands_closes_it() -> None:
    world = World()
    keeper = open_keeper(world)
    stands = world.market.now
    for _ in range(40):
        moment = world.pass_time(0.1)
        moment = world.say(now=stands, newest=stands)
        keeper.renew(renewal(), moment)
    assert kinds(keeper) == [CauseKind.STALE_DATA]
    assert "stands" in keeper.gate.causes[0].message


def test_a_jump_on_purpose_is_neither_stale_nor_trouble() -> None:
    world = World()
    keeper = open_keeper(world)
    for days in (30, -300):
        market = world.market
        then = (market.now or MARKET) + timedelta(days=days)
        keeper.look(world.say(era=market.era + 1, now=then, newest=None))
        run(keeper, world, 5)
        assert_active(keeper)


def test_a_jump_behind_what_the_account_has_done_is_told_once() -> None:
    world = World()
    keeper = open_keeper(world)
    world.say(account_at=world.market.now)
    keeper.look(world.say(era=1, now=MARKET - timedelta(days=9), newest=None))
    assert kinds(keeper) == [CauseKind.CLOCK_TROUBLE]
    assert "what came in between is known" in keeper.gate.causes[0].message
    run(keeper, world, 6)
    moment = world.moment
    keeper.reopen(keeper.ask_reopening("go on", "operator", keeper.gate.seq, moment), moment)
    run(keeper, world, 6)
    assert_active(keeper)


# Upstream


def test_a_connection_that_comes_back_at_once_is_no_trouble() -> None:
    world = World()
    keeper = open_keeper(world)
    world.say(connected=False)
    run(keeper, world, 0.4)
    world.say(connected=True)
    run(keeper, world, 5)
    assert_active(keeper)
    world.say(connected=False)
    run(keeper, world, 0.7)
    assert kinds(keeper) == [CauseKind.UPSTREAM_UNHEALTHY]


@pytest.mark.parametrize("health", ["unhealthy", "unknown", "backoff", "never heard of"])
def test_what_the_supervisor_says_of_upstream_counts_at_once(health: str) -> None:
    world = World()
    keeper = open_keeper(world)
    assert keeper.renew(renewal(health=health), world.moment) is GateState.REDUCING
    assert keeper.renew(renewal(), world.moment) is GateState.REDUCING
    assert keeper.gate.causes[0].lasts is False


def test_a_cause_says_what_happened_to_upstream_and_not_what_is_done_about_it() -> None:
    world = World()
    keeper = open_keeper(world)
    told = renewal(health="stopping").model_copy(
        update={"reasons": {"market_data": "signal 9 (SIGKILL)"}}
    )
    keeper.renew(told, world.moment)
    keeper.renew(renewal(health="backoff"), world.moment)
    assert [cause.message for cause in keeper.gate.causes] == [
        "market_data does not serve, says the supervisor: signal 9 (SIGKILL)."
    ]


def test_an_agent_the_supervisor_does_not_mention_is_not_well() -> None:
    world = World()
    keeper = open_keeper(world)
    silent = renewal().model_copy(update={"agents": {}})
    assert keeper.renew(silent, world.moment) is GateState.REDUCING


def test_degraded_upstream_is_alive() -> None:
    world = World()
    keeper = open_keeper(world)
    keeper.renew(renewal(health="degraded"), world.moment)
    assert_active(keeper)


# Lease


def test_a_lease_that_runs_out_halts_at_the_next_look() -> None:
    world = World()
    keeper = open_keeper(world)
    assert keeper.status(world.moment).lease_seconds_left == 3.0
    assert keeper.look(world.pass_time(2.9)) is GateState.ACTIVE
    assert keeper.look(world.pass_time(0.1)) is GateState.HALTED
    assert keeper.status(world.moment).lease_seconds_left == 0.0
    assert keeper.renew(renewal(), world.moment) is GateState.HALTED
    assert keeper.gate.causes[0].lasts is False


def test_a_lease_cannot_be_had_for_long() -> None:
    lease = Lease()
    lease.renew(renewal(ttl_seconds=60), 0.0)
    assert lease.seconds_left(0.0) == MAX_TTL_SECONDS


def test_without_a_supervisor_no_lease_is_needed() -> None:
    world = World()
    keeper = open_keeper(world, GateRules(needs_lease=False, upstream=()))
    for _ in range(100):
        keeper.look(world.pass_time(0.1))
    assert_active(keeper)
    assert keeper.status(world.moment).lease_seconds_left is None


# Clocks


@pytest.mark.parametrize("step", [-30.0, 1.5, 3600.0])
def test_a_wall_clock_that_is_set_halts(step: float) -> None:
    world = World()
    keeper = open_keeper(world)
    run(keeper, world, 10)
    world.wall += timedelta(seconds=step)
    keeper.look(world.moment)
    assert kinds(keeper) == [CauseKind.CLOCK_TROUBLE]
    with pytest.raises(ReopeningRefused):
        keeper.ask_reopening("go on", "operator", keeper.gate.seq, world.moment)
    run(keeper, world, 6)
    keeper.ask_reopening("go on", "operator", keeper.gate.seq, world.moment)


def test_a_wall_clock_that_is_slewed_is_no_trouble() -> None:
    world = World()
    keeper = open_keeper(world)
    for _ in range(6000):
        world.wall += timedelta(microseconds=50)  # 500 ppm of 0.1 s
        keeper.renew(renewal(), world.pass_time(0.1))
    assert_active(keeper)


def test_a_wall_clock_that_creeps_too_fast_is_trouble() -> None:
    world = World()
    keeper = open_keeper(world)
    for _ in range(200):
        world.wall += timedelta(milliseconds=20)
        keeper.renew(renewal(), world.pass_time(0.1))
    assert kinds(keeper) == [CauseKind.CLOCK_TROUBLE]


def test_market_time_that_falls_halts_but_a_moment_of_disorder_does_not() -> None:
    world = World()
    keeper = open_keeper(world)
    run(keeper, world, 10)
    now = world.market.now or MARKET
    keeper.look(world.say(now=now - timedelta(seconds=0.5)))
    assert_active(keeper)
    keeper.look(world.say(now=now - timedelta(seconds=1.5)))
    assert kinds(keeper) == [CauseKind.CLOCK_TROUBLE]


# Store, and the watches themselves


def test_a_store_that_fails_or_hangs_halts() -> None:
    world = World()
    keeper = open_keeper(world)
    keeper.store.waiting(world.monotonic)
    run(keeper, world, 2.9)
    assert_active(keeper)
    run(keeper, world, 0.3)
    assert kinds(keeper) == [CauseKind.STORE_UNWRITABLE]
    keeper.store.waiting(None)
    keeper.look(world.moment)
    assert keeper.gate.causes[0].lasts is False
    keeper.store.failed("disk full")
    keeper.look(world.moment)
    assert "disk full" in keeper.gate.causes[0].message


def test_a_watch_that_fails_halts_and_does_not_say_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    keeper = open_keeper(world)
    keeper.renew(renewal(health="unhealthy"), world.moment)

    def broken(_self: object, _moment: Moment) -> Sight:
        raise ZeroDivisionError

    monkeypatch.setattr("trading_dashboard.agents.risk_management.gate.watch.Upstream.look", broken)
    for _ in range(5):
        assert keeper.look(world.pass_time(0.1)) is GateState.HALTED
    upstream, doubt = keeper.gate.causes
    assert (upstream.lasts, doubt.kind, doubt.lasts) == (True, CauseKind.OWN_DOUBT, True)
    assert len(caplog.records) == 1
    monkeypatch.undo()
    keeper.renew(renewal(), world.moment)
    assert not any(cause.lasts for cause in keeper.gate.causes)


def test_a_world_that_was_never_heard_is_not_well() -> None:
    sight = StaleData().look(replace(World().moment, market=MarketNow(connected=False, heard=None)))
    assert sight.faults
    assert sight.awaits
