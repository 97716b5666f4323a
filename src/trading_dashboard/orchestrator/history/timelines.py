"""What one agent went through in one run: states in their order, and how long each lasted.

Pure. Times that go backwards, because somebody set the clock, count as no time at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trading_dashboard.models.states import AgentStatus, DataState, Health
from trading_dashboard.orchestrator.history.records import is_in_maintenance

_FAILED = frozenset({AgentStatus.BACKOFF, AgentStatus.ERROR})
_WANTED = frozenset({AgentStatus.STARTING, AgentStatus.RUNNING, *_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One event, with the agent's state after it."""

    id: int
    time: int
    kind: str
    data: str
    status: str
    health: str
    data_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorRun:
    """One supervisor's life. `ended` is when it was last seen if it was killed, or now."""

    id: int
    run_id: str
    started: int
    ended: int
    is_current: bool = False
    was_killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One agent in one run."""

    run: SupervisorRun
    agent: str
    moments: Sequence[Moment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """What held from one moment to the next."""

    moment: Moment
    began: int
    ended: int
    fails: bool
    """The agent has failed: backing off, given up, or being ended for that."""
    is_ending: bool
    """It is being stopped because somebody wants that, or is stopped."""

    @property
    def is_wanted(self) -> bool:
        """Return whether somebody wants the agent to run."""
        return not self.is_in_maintenance and (self.fails or self.moment.status in _WANTED)

    @property
    def is_in_maintenance(self) -> bool:
        """Return whether somebody worked on the agent."""
        return is_in_maintenance(self.moment.data)

    @property
    def is_running(self) -> bool:
        """Return whether the process runs and has answered."""
        return self.moment.status == AgentStatus.RUNNING

    @property
    def is_available(self) -> bool:
        """Return whether others may rely on the agent."""
        return self.is_running and self.moment.health != Health.UNHEALTHY

    @property
    def is_an_end(self) -> bool:
        """Return whether trouble is over if nothing is wrong in it."""
        return self.is_running or self.is_ending or self.is_in_maintenance

    @property
    def is_stale(self) -> bool:
        """Return whether its data is too old."""
        return self.moment.data_state == DataState.STALE


def spells(timeline: Timeline) -> Iterator[Spell]:
    """Yield what held between the moments, in order."""
    moments, run = timeline.moments, timeline.run
    outcomes = _outcomes_of_stopping(moments)
    passed = run.started
    for index, moment in enumerate(moments):
        following = moments[index + 1].time if index + 1 < len(moments) else run.ended
        began = min(max(moment.time, passed), run.ended)
        passed = ended = min(max(following, began), run.ended)
        outcome = outcomes[index]
        yield Spell(
            moment=moment,
            began=began,
            ended=ended,
            fails=moment.status in _FAILED or outcome in _FAILED,
            is_ending=AgentStatus.STOPPED in (moment.status, outcome),
        )


def _outcomes_of_stopping(moments: Sequence[Moment]) -> list[str | None]:
    """Return for each moment in which the agent is being stopped what that led to."""
    outcomes: list[str | None] = []
    after: str | None = None
    for moment in reversed(moments):
        if moment.status == AgentStatus.STOPPING:
            outcomes.append(after)
        else:
            after = moment.status
            outcomes.append(None)
    return outcomes[::-1]
