"""Availability and incidents, with times that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from trading_dashboard.models.history import Availability, AvailabilityAnswer, Incident
from trading_dashboard.orchestrator.history.availability import AvailabilityTally, day_start
from trading_dashboard.orchestrator.history.incidents import incident_of_killed, incidents_of
from trading_dashboard.orchestrator.history.records import SECOND, is_in_maintenance
from trading_dashboard.orchestrator.history.timelines import Moment, SupervisorRun, Timeline

DAY = date(2026, 3, 2)
NOON = day_start(DAY) + 12 * 3600 * SECOND
Step = tuple[float, str] | tuple[float, str, str] | tuple[float, str, str, str]


def timeline(*steps: Step, ended: float = 100.0, is_current: bool = False) -> Timeline:
    """Return what an agent went through: (second, status, health, data state)."""
    moments = []
    before = "stopped"
    for number, (second, status, *more) in enumerate(steps):
        health = more[0] if more else "healthy" if status == "running" else "unknown"
        is_same = status == before and status != "backoff"
        kind = "health_changed" if is_same else "transition"
        data = {"reason": f"to {status}", "message": f"says {health}"}
        moment = Moment(
            id=number, time=NOON + round(second * SECOND), kind=kind, data=json.dumps(data),
            status=status, health=health, data_state=more[1] if len(more) > 1 else "unknown",
        )  # fmt: skip
        moments.append(moment)
        before = status
    run = SupervisorRun(
        id=1, run_id="r", started=NOON, ended=NOON + round(ended * SECOND), is_current=is_current
    )
    return Timeline(run=run, agent="a", moments=moments)


def availability(*lines: Timeline, first: date = DAY, last: date = DAY) -> AvailabilityAnswer:
    tally = AvailabilityTally(first, last)
    for line in lines:
        tally.add_run(line.run)
        tally.add(line)
    return tally.answer({})


def seconds(found: Availability) -> tuple[float, float, float, float | None]:
    return (
        found.wanted_seconds,
        found.running_seconds,
        found.available_seconds,
        found.availability,
    )


def in_maintenance(line: Timeline, since: float, until: float) -> Timeline:
    """Return the same, with the moments of that time marked."""
    first, last = NOON + round(since * SECOND), NOON + round(until * SECOND)
    moments = [
        replace(m, data=json.dumps({**json.loads(m.data), "maintenance": True}))
        if first <= m.time < last
        else m
        for m in line.moments
    ]
    return replace(line, moments=moments)


def test_time_in_maintenance_is_not_wanted() -> None:
    line = timeline((0, "running"), (20, "running"), (40, "stopping"), (40, "stopped"),
                    (80, "starting"), (90, "running"))  # fmt: skip
    assert seconds(availability(in_maintenance(line, 20, 80)).total["a"]) == (40, 30, 30, 0.75)


def test_no_incident_begins_in_maintenance_and_one_that_goes_on_ends() -> None:
    bad = timeline((0, "running"), (10, "running", "unhealthy"), (20, "running", "unhealthy"),
                   (30, "running", "unhealthy"), (40, "running"))  # fmt: skip
    within = list(incidents_of(in_maintenance(bad, 10, 40)))
    assert within == []
    begun = list(incidents_of(in_maintenance(bad, 20, 40)))
    assert [(i.duration_seconds, str(i.outcome)) for i in begun] == [(10, "stopped")]
    after = list(incidents_of(in_maintenance(bad, 10, 30)))
    assert [i.duration_seconds for i in after] == [10], "still bad when it ended"
    assert len(list(incidents_of(bad))) == 1


def test_what_an_event_says_does_not_mark_it() -> None:
    said = json.dumps({"reason": '"maintenance": true'})
    assert not is_in_maintenance(said)
    assert is_in_maintenance(json.dumps({"reason": "x", "maintenance": True}))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # Started at 0, answers at 10, is still there at 100.
        ([(0, "starting"), (10, "running")], (100, 90, 90, 0.9)),
        # A stop that was asked for is not downtime, and neither is what comes after it.
        (
            [(0, "running"), (50, "stopping"), (60, "stopped"), (80, "starting"), (90, "running")],
            (70, 60, 60, 60 / 70),
        ),
        # A failure is, from the first moment.
        (
            [(0, "running"), (50, "stopping"), (60, "backoff"), (70, "starting"), (80, "running")],
            (100, 70, 70, 0.7),
        ),
        # Given up: somebody still wants it.
        ([(0, "running"), (20, "stopping"), (20, "error")], (100, 20, 20, 0.2)),
        # Unhealthy runs, but others cannot rely on it; degraded they can.
        (
            [(0, "running"), (40, "running", "unhealthy"), (60, "running", "degraded")],
            (100, 100, 80, 0.8),
        ),
        # Never wanted.
        ([(0, "stopped")], None),
        # Stopping, and nobody knows yet what for.
        ([(0, "running"), (50, "stopping")], (50, 50, 50, 1.0)),
    ],
)
def test_a_day_s_seconds(
    steps: list[Step], expected: tuple[float, float, float, float] | None
) -> None:
    day = availability(timeline(*steps)).days[0]
    assert day.desk_seconds == 100
    if expected is None:
        assert day.agents == {}
    else:
        assert seconds(day.agents["a"]) == pytest.approx(expected, abs=1e-6)


def test_time_is_split_at_midnight_and_cut_at_the_period() -> None:
    line = timeline((0, "running"), ended=3 * 86_400)
    answer = availability(line, first=date(2026, 3, 2), last=date(2026, 3, 3))
    assert [day.desk_seconds for day in answer.days] == [43_200, 86_400]
    assert [day.agents["a"].running_seconds for day in answer.days] == [43_200, 86_400]
    assert answer.total["a"].wanted_seconds == 129_600


def test_what_happened_without_a_supervisor_counts_for_nothing() -> None:
    first = timeline((0, "running"), ended=10)
    second = timeline((50, "starting"), (60, "running"), ended=100)
    later = SupervisorRun(id=2, run_id="s", started=NOON + 50 * SECOND, ended=NOON + 100 * SECOND)
    second = Timeline(run=later, agent="a", moments=second.moments)
    day = availability(first, second).days[0]
    assert day.desk_seconds == 60
    assert seconds(day.agents["a"]) == pytest.approx((60, 50, 50, 50 / 60), abs=1e-6)


def test_a_clock_that_was_set_back_counts_nothing_twice() -> None:
    line = timeline((0, "running"), (80, "backoff"), (30, "running"), ended=100)
    found = availability(line).days[0].agents["a"]
    assert (found.wanted_seconds, found.running_seconds) == (100, 100)


def incident(*steps: Step, is_current: bool = False) -> Incident:
    (found,) = incidents_of(timeline(*steps, is_current=is_current))
    return found


def told(found: Incident) -> tuple[str, str, float, str]:
    return (found.kind.value, found.cause, found.duration_seconds, found.outcome.value)


def test_a_crash_is_an_incident_from_the_first_bad_moment_to_the_first_answer() -> None:
    found = incident(
        (0, "running"), (5, "stopping"), (6, "backoff"), (7, "starting"), (9, "running")
    )
    assert told(found) == ("failed", "to backoff", 4.0, "recovered")
    assert found.began_at == datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)
    assert found.ended_at == datetime(2026, 3, 2, 12, 0, 9, tzinfo=UTC)


def test_a_hang_is_one_incident_and_its_kind_the_worst() -> None:
    found = incident(
        (0, "running"), (5, "running", "unhealthy"), (6, "stopping"), (7, "backoff"),
        (7, "starting"), (8, "stopping"), (9, "backoff"), (11, "starting"), (15, "running"),
    )  # fmt: skip
    assert told(found) == ("failed", "says unhealthy", 10.0, "recovered")


def test_what_was_only_degraded_before_it_failed_is_not_the_cause() -> None:
    found = incident(
        (0, "running"), (5, "running", "degraded"), (8, "stopping"), (9, "backoff"),
        (9, "starting"), (11, "running"),
    )  # fmt: skip
    assert told(found) == ("failed", "to backoff", 6.0, "recovered")


def test_one_that_is_ill_from_the_start_has_the_cause_that_is_told_right_after_it() -> None:
    found = incident(
        (0, "starting"), (5, "running", "degraded"), (5, "running", "degraded"), (8, "running")
    )
    assert told(found) == ("degraded", "says degraded", 3.0, "recovered")


def test_an_incident_that_begins_as_maintenance_ends_has_the_cause_that_was_told_in_it() -> None:
    bad = timeline((0, "running"), (10, "running", "degraded"), (30, "running", "degraded"))
    *told_in_it, ended = in_maintenance(bad, 5, 30).moments
    silent = replace(ended, kind="maintenance_changed", data=json.dumps({"on": False}))
    (found,) = incidents_of(replace(bad, moments=[*told_in_it, silent]))
    assert (found.cause, found.began_at.second) == ("says degraded", 30)
    (alone,) = incidents_of(replace(bad, moments=[silent]))
    assert alone.cause == "it was degraded", "nothing was told"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ((5, "running", "degraded"), "degraded"),
        ((5, "running", "unhealthy"), "unhealthy"),
        ((5, "running", "healthy", "stale"), "stale"),
    ],
)
def test_what_is_not_well_is_an_incident_without_a_restart(step: Step, kind: str) -> None:
    found = incident((0, "running"), step, (8, "running"))
    assert (found.kind, found.duration_seconds, found.outcome) == (kind, 3.0, "recovered")


def test_a_stop_on_request_is_none_and_ends_one() -> None:
    asked = timeline((0, "running"), (5, "stopping"), (6, "stopped"), (7, "starting"))
    assert list(incidents_of(asked)) == []
    found = incident((0, "running"), (5, "running", "degraded"), (7, "stopping"), (9, "stopped"))
    assert told(found) == ("degraded", "says degraded", 2.0, "stopped")


def test_a_first_start_is_none_until_it_fails() -> None:
    assert list(incidents_of(timeline((0, "starting"), (30, "running")))) == []
    found = incident((0, "starting"), (30, "stopping"), (31, "error"), is_current=True)
    assert told(found) == ("failed", "to error", 70.0, "ongoing")
    assert found.ended_at is None


def test_the_supervisor_s_death_ends_what_it_watched() -> None:
    found = incident((0, "running"), (90, "backoff"))
    assert told(found) == ("failed", "to backoff", 10.0, "supervisor_ended")
    run = SupervisorRun(id=1, run_id="r", started=NOON, ended=NOON + SECOND, was_killed=True)
    killed = incident_of_killed(run, NOON + 5 * SECOND)
    assert (killed.agent, killed.duration_seconds) == ("supervisor", 4.0)
