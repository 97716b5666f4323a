"""The gate's state: closed at construction, latched, reopened by an act alone, remembered."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.unit.risk_management.gate.moments import START, journal
from trading_dashboard.agents.risk_management.gate.causes import CLOSES_TO, NEXT_STEP
from trading_dashboard.agents.risk_management.gate.gate import QUIET_SECONDS, Gate, first_opening
from trading_dashboard.agents.risk_management.gate.memory import KEY, MAX_CAUSES
from trading_dashboard.models.risk.account import JournalEntry, JournalKind
from trading_dashboard.models.risk.errors import ReopeningRefused
from trading_dashboard.models.risk.gate import CauseKind, GateState

NEW = journal([first_opening("new account", "setup")])


def opened() -> Gate:
    gate = Gate(START)
    gate.restore(NEW, START)
    assert gate.end_start(START)
    assert state(gate) is GateState.ACTIVE
    return gate


def state(gate: Gate) -> GateState:
    """Return the state as of now; it is another after the next call."""
    return gate.state


def restarted(*gates: Gate) -> Gate:
    """Return a gate that knows what these left in the journal."""
    entries: list[JournalEntry] = list(NEW)
    for gate in gates:
        entries += journal(gate.take_changes(), first=len(entries) + 1)
    gate = Gate(START)
    gate.restore(entries, START)
    return gate


def test_every_kind_of_cause_closes_and_says_what_to_do() -> None:
    assert set(CLOSES_TO) == set(NEXT_STEP) == set(CauseKind)
    assert GateState.ACTIVE not in CLOSES_TO.values()


def test_it_is_halted_until_it_knows_what_was() -> None:
    gate = Gate(START)
    assert state(gate) is GateState.HALTED
    assert not gate.end_start(START)
    assert state(gate) is GateState.HALTED
    status = gate.status(START)
    assert (status.trading_allowed, status.causes[0].kind) == (False, CauseKind.STARTING)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "no entry"),
        ({}, "holds no memory"),
        ({KEY: None}, "damaged"),
        ({KEY: {"version": 1, "state": "active", "seq": 1}}, "damaged"),
        ({KEY: {"version": 2, "state": "active", "seq": 1, "causes": []}}, "damaged"),
        ({KEY: {"version": 1, "state": "halted", "seq": 1, "causes": []}}, "does not follow"),
        ({KEY: {"version": 1, "state": "active", "seq": -1, "causes": []}}, "damaged"),
    ],
)
def test_without_a_sound_memory_it_stays_halted(data: dict[str, object] | None, says: str) -> None:
    gate = Gate(START)
    entries = [] if data is None else [NEW[0].model_copy(update={"data": data})]
    gate.restore(entries, START)
    assert gate.end_start(START)
    assert state(gate) is GateState.HALTED
    (cause,) = gate.causes
    assert cause.kind is CauseKind.OWN_DOUBT
    assert says in cause.message
    gate.reopen(gate.ask_reopening("I looked", "operator", gate.seq), START)
    assert state(gate) is GateState.ACTIVE


def test_a_cause_closes_at_once_and_stays_when_it_has_ended() -> None:
    gate = opened()
    gate.observe(CauseKind.STALE_DATA, {"feed": "old"}, START)
    assert state(gate) is GateState.REDUCING
    gate.observe(CauseKind.STALE_DATA, {}, START)
    (cause,) = gate.causes
    assert (gate.state, cause.lasts, cause.ended_at) == (GateState.REDUCING, False, START)
    gate.close(CauseKind.LEASE_LAPSED, "supervisor", "late", START)
    assert state(gate) is GateState.HALTED
    gate.observe(CauseKind.LEASE_LAPSED, {}, START)
    assert state(gate) is GateState.HALTED


def test_reopening_is_refused_while_a_cause_lasts_and_allowed_after() -> None:
    gate = opened()
    gate.observe(CauseKind.STALE_DATA, {"feed": "old"}, START)
    with pytest.raises(ReopeningRefused, match="old"):
        gate.ask_reopening("please", "operator", gate.seq)
    gate.observe(CauseKind.STALE_DATA, {}, START)
    reopening = gate.ask_reopening("fresh again", "operator", gate.seq)
    assert state(gate) is GateState.REDUCING  # not before it is durable
    gate.reopen(reopening, START)
    assert state(gate) is GateState.ACTIVE
    with pytest.raises(ReopeningRefused, match="open already"):
        gate.ask_reopening("again", "operator", gate.seq)


def test_reopening_is_refused_if_a_cause_came_since_the_person_looked() -> None:
    gate = opened()
    gate.kill("a", "operator", START)
    seen = gate.seq
    gate.observe(CauseKind.STALE_DATA, {"feed": "old"}, START)
    gate.observe(CauseKind.STALE_DATA, {}, START)
    for foreign in (seen, gate.seq + 1, 0):
        with pytest.raises(ReopeningRefused, match="changed since"):
            gate.ask_reopening("seen all", "operator", foreign)
    # That one has ended since is no news a person has to see.
    gate.ask_reopening("seen all", "operator", gate.seq - 1)


def test_a_cause_that_comes_while_the_reopening_is_written_wins() -> None:
    gate = opened()
    gate.kill("a", "operator", START)
    reopening = gate.ask_reopening("go on", "operator", gate.seq)
    gate.kill("b", "other", START)
    with pytest.raises(ReopeningRefused, match="while the gate was being reopened"):
        gate.reopen(reopening, START)
    assert state(gate) is GateState.HALTED


def test_a_refused_reopening_is_not_the_last_word_in_the_journal() -> None:
    """A cause that comes again is journalled seldom; after a reopening it has to be."""
    gate = opened()
    gate.observe(CauseKind.LEASE_LAPSED, {"supervisor": "late"}, START)
    gate.observe(CauseKind.LEASE_LAPSED, {}, START)
    changes = gate.take_changes()
    reopening = gate.ask_reopening("go on", "operator", gate.seq)
    changes.append(reopening.change)
    gate.observe(CauseKind.LEASE_LAPSED, {"supervisor": "late"}, START)
    with pytest.raises(ReopeningRefused):
        gate.reopen(reopening, START)
    changes += gate.take_changes()
    assert changes[-1].kind is JournalKind.GATE_CLOSED
    again = Gate(START)
    again.restore(journal(changes), START)
    again.end_start(START)
    assert state(again) is GateState.HALTED


def test_two_people_reopen_at_once_and_both_are_served() -> None:
    gate = opened()
    gate.kill("a", "operator", START)
    first = gate.ask_reopening("x", "one", gate.seq)
    second = gate.ask_reopening("x", "two", gate.seq)
    gate.reopen(first, START)
    gate.reopen(second, START)
    assert state(gate) is GateState.ACTIVE


def test_what_was_latched_is_so_after_a_restart() -> None:
    gate = opened()
    gate.observe(CauseKind.STALE_DATA, {"feed": "old"}, START)
    gate.kill("stop", "operator", START)
    again = restarted(gate)
    assert again.end_start(START)
    assert state(again) is GateState.HALTED
    stale, killed = again.causes
    assert (stale.kind, stale.lasts) == (CauseKind.STALE_DATA, True)  # until somebody has looked
    assert (killed.kind, killed.lasts) == (CauseKind.KILL_SWITCH, False)
    with pytest.raises(ReopeningRefused, match="old"):
        again.ask_reopening("go", "operator", again.seq)
    again.observe(CauseKind.STALE_DATA, {}, START)
    again.reopen(again.ask_reopening("go", "operator", again.seq), START)
    assert state(again) is GateState.ACTIVE


def test_what_was_reopened_is_open_after_a_restart() -> None:
    gate = opened()
    gate.kill("stop", "operator", START)
    changes = gate.take_changes()
    reopening = gate.ask_reopening("go", "operator", gate.seq)
    gate.reopen(reopening, START)
    again = Gate(START)
    again.restore(journal([*changes, reopening.change]), START)
    again.end_start(START)
    assert state(again) is GateState.ACTIVE


def test_a_status_of_an_earlier_life_is_never_taken_for_one_of_this() -> None:
    gate = opened()
    gate.kill("stop", "operator", START)
    seen = gate.seq
    again = restarted(gate)
    again.end_start(START)
    with pytest.raises(ReopeningRefused, match="changed since"):
        again.ask_reopening("go", "operator", seen)


def test_the_number_grows_with_each_change_and_with_nothing_else() -> None:
    gate = opened()
    numbers = [gate.seq]
    for faults in ({"feed": "old"}, {"feed": "old"}, {"feed": "older"}, {}, {}, {"feed": "old"}):
        gate.observe(CauseKind.STALE_DATA, faults, START)
        numbers.append(gate.seq)
    steps = [after - before for before, after in pairwise(numbers)]
    assert steps == [1, 0, 0, 1, 0, 1]
    assert gate.causes[0].times == 2


def test_what_comes_and_goes_does_not_flood_the_journal() -> None:
    gate = opened()
    for number in range(1000):
        at = START + timedelta(seconds=number / 10)
        gate.observe(CauseKind.STALE_DATA, {"feed": "old"} if number % 2 == 0 else {}, at)
    changes = gate.take_changes()
    assert {change.kind for change in changes} == {
        JournalKind.GATE_CLOSED,
        JournalKind.GATE_CAUSE_ENDED,
    }
    assert len(changes) <= 2 * (1 + 100 / QUIET_SECONDS)
    assert gate.causes[0].times == 500


def test_more_causes_than_are_kept_still_close_further() -> None:
    gate = opened()
    faults = {f"symbol S{number}": "too much" for number in range(MAX_CAUSES + 50)}
    gate.observe(CauseKind.LIMIT_BREACHED, faults, START)
    assert len(gate.causes) == MAX_CAUSES
    assert state(gate) is GateState.REDUCING
    gate.kill("stop", "operator", START)
    assert state(gate) is GateState.HALTED
    assert restarted(gate).state is GateState.HALTED


def test_a_person_halts_what_is_halted_for_as_many_causes_as_are_kept() -> None:
    gate = opened()
    gate.observe(CauseKind.CLOCK_TROUBLE, {f"c{n}": "jumped" for n in range(MAX_CAUSES)}, START)
    gate.kill("stop", "operator", START)
    assert gate.causes[-1].kind is CauseKind.KILL_SWITCH
    gate.observe(CauseKind.CLOCK_TROUBLE, {}, START)
    assert restarted(gate).causes[-1].kind is CauseKind.KILL_SWITCH


def test_entries_name_the_cause_the_actor_and_the_market_time() -> None:
    gate = opened()
    gate.kill("fat finger", "operator 127.0.0.1", START, START)
    (change,) = gate.take_changes()
    assert (change.kind, change.actor, change.reason) == (
        JournalKind.KILL_SWITCH,
        "operator 127.0.0.1",
        "fat finger",
    )
    assert (change.at, change.data["kind"], change.data["subject"]) == (
        START,
        "kill_switch",
        "desk",
    )
    assert gate.take_changes() == []
