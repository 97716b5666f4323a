"""Control arms: each invariant of the chaos bench is shown a violation, and reports it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from bench.storm.invariants import (
    Answer,
    Cost,
    EventLedger,
    FalseRunning,
    Findings,
    Row,
    Violation,
    bad_answer,
    disturbed,
    false_end,
    growth,
    not_flat,
    one_generation,
    survivors,
    unsettled,
    unwell,
)
from bench.storm.process_table import Member
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import error_body
from trading_dashboard.models.states import AgentStatus, Health

RUN, OTHER_RUN = "r" * 32, "o" * 32


def member(generation: int = 1, agent: str = "a0", run: str = RUN, pid: int = 7) -> Member:
    return Member(agent, run, generation, (pid, 100), "leader")


def info(status: AgentStatus, **fields: Any) -> AgentInfo:
    return AgentInfo(name="a0", path="/", url="http://h:1", port=1, status=status, **fields)


def event(seq: int, kind: str = "transition", time: float = 0.0, **data: Any) -> Row:
    return Row(seq, kind, "a0", data, time)


def ledger(*rows: Row) -> EventLedger:
    made = EventLedger()
    made.begin(rows[0].seq - 1, [])
    assert not [text for row in rows for text in made.add(row)]
    return made


def test_two_living_generations_are_reported() -> None:
    both = [member(1), member(2, pid=8)]
    assert list(one_generation(both, lambda _: True))
    assert list(one_generation([member(run=RUN), member(run=OTHER_RUN)], lambda _: True))
    assert not list(one_generation([member(1), member(1, pid=8)], lambda _: True))
    assert not list(one_generation([member(1), member(1, agent="a1")], lambda _: True))


def test_a_generation_that_is_gone_at_the_second_look_is_not_reported() -> None:
    both = [member(1), member(2, pid=8)]
    assert not list(one_generation(both, lambda who: who.generation == 2))


@pytest.mark.parametrize("status", [AgentStatus.STOPPED, AgentStatus.BACKOFF, AgentStatus.ERROR])
def test_a_false_stopped_is_reported(status: AgentStatus) -> None:
    assert list(false_end(info(status, generation=1), RUN, [member(1)]))
    assert list(false_end(info(status, generation=2), RUN, [member(1)]))


def test_who_lives_rightly_is_not_reported() -> None:
    assert not list(false_end(info(AgentStatus.RUNNING, generation=1), RUN, [member(1)]))
    stopped = info(AgentStatus.STOPPED, generation=1)
    assert not list(false_end(stopped, RUN, [member(2)])), "started again since it was said"
    assert not list(false_end(stopped, RUN, [member(1, agent="a1")]))


def test_a_false_running_is_reported_after_the_bound() -> None:
    watch = FalseRunning(bound_seconds=2)
    assert not watch.suspects(0.0, {"a0": 7}, lambda _: False)
    assert not watch.suspects(1.9, {"a0": 7}, lambda _: False)
    assert watch.suspects(2.1, {"a0": 7}, lambda _: False) == ["a0"]


def test_a_running_that_ends_in_time_or_was_forgiven_is_not_reported() -> None:
    watch = FalseRunning(bound_seconds=2)
    watch.suspects(0.0, {"a0": 7}, lambda _: False)
    assert not watch.suspects(5.0, {"a0": 8}, lambda _: False), "another process by now"
    watch.forgive()
    assert not watch.suspects(9.0, {"a0": 8}, lambda _: False)
    assert not watch.suspects(99.0, {"a0": 9}, lambda _: True)


def test_survivors_are_reported() -> None:
    assert list(survivors([member()], None))
    assert list(survivors([member(run=OTHER_RUN)], RUN))
    assert not list(survivors([member()], RUN))


def test_a_gap_in_the_stream_is_reported() -> None:
    made = ledger(event(5), event(6))
    assert list(made.add(event(8))) == ["event 8 followed event 6"]
    assert list(made.add(event(8))) == ["event 8 followed event 8"]


def test_a_history_like_the_stream_is_fine() -> None:
    made = ledger(event(5, why="x"), event(6, "agent_changed"), event(7))
    made.begin(9, [event(8)])
    assert not list(made.compare([event(4), event(5, why="x"), event(7), event(8), event(9)]))


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param([event(5)], id="the last is missing"),
        pytest.param([event(7)], id="a hole"),
        pytest.param([event(5), event(7, why="other")], id="another content"),
        pytest.param([event(5), event(7), event(7)], id="twice"),
        pytest.param([event(7), event(5)], id="another order"),
        pytest.param([event(5), event(6), event(7)], id="not on the stream"),
    ],
)
def test_a_history_that_differs_from_the_stream_is_reported(kept: Sequence[Row]) -> None:
    made = ledger(event(5), event(6, "agent_changed"), event(7))
    made.told.pop(6)
    assert list(made.compare(kept))


def test_only_a_tail_written_too_late_may_be_missing() -> None:
    made = ledger(event(5, time=1.0), event(6, time=9.0), event(7, time=9.1))
    assert not list(made.compare([event(5, time=1.0)], unwritten_from=8.0))
    assert list(made.compare([event(5, time=1.0)], unwritten_from=9.05)), "too old to be missing"
    assert list(made.compare([event(5), event(7)], unwritten_from=8.0)), "a hole is no tail"


def test_a_loss_the_history_tells_of_is_none() -> None:
    made = ledger(event(5), event(6), event(7))
    told = Row(5, "events_lost", None, {"count": 2}, 0.0)
    assert not list(made.compare([told, event(7)]))
    assert list(made.compare([told])), "event 7 is not among those told of"


def answer(status: int | None, body: bytes = b"{}", seconds: float = 0.1) -> Answer:
    return Answer("GET /x", status, body, seconds, deadline=1.0)


def test_bad_answers_are_reported() -> None:
    shaped = json.dumps(error_body("not_found", "No.")).encode()
    assert not list(bad_answer(answer(200)))
    assert not list(bad_answer(answer(404, shaped)))
    assert list(bad_answer(answer(404, b'{"detail": "Not Found"}')))
    assert list(bad_answer(answer(500, shaped)))
    assert list(bad_answer(answer(200, seconds=1.1)))
    assert list(bad_answer(answer(None, b"ConnectError")))


def test_what_is_done_to_bystanders_is_reported() -> None:
    assert not list(disturbed("b", "S", []))
    assert list(disturbed("b", "S", ["signal 15"]))
    for state in (None, "Z", "T"):
        assert list(disturbed("b", state, [])), state


def test_agents_that_do_not_recover_are_reported() -> None:
    well = info(AgentStatus.RUNNING, health=Health.HEALTHY)
    given_up = info(AgentStatus.ERROR, error_message="Mend it.", error_code="crash_loop")
    stopped = info(AgentStatus.STOPPED)
    assert not list(unsettled([well, given_up, stopped]))
    for status in (AgentStatus.STARTING, AgentStatus.STOPPING, AgentStatus.BACKOFF):
        assert list(unsettled([info(status)]))
    assert list(unsettled([info(AgentStatus.ERROR)])), "without a reason"
    assert list(unsettled([info(AgentStatus.RUNNING, health=Health.UNHEALTHY)]))
    assert not list(unwell([well]))
    assert list(unwell([given_up]))
    assert list(unwell([stopped]))


def cost(size: float, descriptors: int = 40) -> list[Cost]:
    return [Cost(at, int(50 * 2**20 + at * size), descriptors + int(at * size)) for at in range(80)]


def test_growth_is_reported() -> None:
    flat = growth(cost(0.0))
    assert flat is not None
    assert not list(not_flat(flat))
    leaking = growth([Cost(float(at), (50 + at) * 2**20, 40 + at) for at in range(80)])
    assert leaking is not None
    assert leaking.rss_per_minute == pytest.approx(60 * 2**20)
    assert len(list(not_flat(leaking))) == 2
    assert growth(cost(0.0)[:8]) is None, "too few to tell"


def test_a_violation_is_kept_and_told() -> None:
    told: list[Violation] = []
    findings = Findings(told.append)
    findings.note("x", [])
    findings.note("x", ["bad"])
    assert findings.checked["x"] == 2
    assert told == findings.violations == [Violation("x", "bad")]
