"""What must never happen, as checks that know neither processes nor sockets.

Each takes facts and returns what is wrong with them, so that each can be shown to notice a
violation (tests/unit/bench/test_invariants.py). Gathering the facts is `observer`'s.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bench.storm.process_table import Member
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import ErrorAnswer
from trading_dashboard.models.states import AgentStatus, Health

DETECTION_SECONDS = 2.0
"""How long an agent whose process is gone may still be called running."""
ENDED = frozenset({AgentStatus.STOPPED, AgentStatus.BACKOFF, AgentStatus.ERROR})
"""Whose status says that no process is left."""
UNDER_WAY = frozenset({AgentStatus.STARTING, AgentStatus.STOPPING, AgentStatus.BACKOFF})
UNWRITTEN_SECONDS = 2.0
"""What happened so shortly before a kill may be missing in the history: it gathers for 0.1 s."""
RSS_GROWTH = 1.10
RSS_SLACK_BYTES = 4 * 2**20
DESCRIPTOR_SLACK = 8


@dataclass(frozen=True)
class Violation:
    """Which invariant, and what was seen."""

    invariant: str
    seen: str


@dataclass
class Findings:
    """What was checked how often, and what was found. `on_violation` is told at once."""

    on_violation: Callable[[Violation], None] = lambda _: None
    checked: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def note(self, invariant: str, wrong: Iterable[str], times: int = 1) -> None:
        """Count a check and keep what is wrong."""
        self.checked[invariant] += times
        for seen in wrong:
            violation = Violation(invariant, seen)
            self.violations.append(violation)
            self.on_violation(violation)


def one_generation(
    living: Collection[Member], still_lives: Callable[[Member], bool]
) -> Iterable[str]:
    """Return agents of which two generations live, looked at twice: a reading takes a moment."""
    by_agent: dict[str, dict[tuple[str, int], Member]] = defaultdict(dict)
    for member in living:
        by_agent[member.agent][member.run, member.generation] = member
    for several in by_agent.values():
        confirmed = [member for member in several.values() if still_lives(member)]
        if len(confirmed) > 1:
            yield " and ".join(str(member) for member in confirmed)


def false_end(info: AgentInfo, run: str, living: Iterable[Member]) -> Iterable[str]:
    """Return who lives although the supervisor said, before this look, that nobody does."""
    if info.status not in ENDED:
        return
    for member in living:
        is_its = member.agent == info.name and member.run == run
        if is_its and member.generation <= info.generation:
            yield f"{info.name} is called {info.status} while {member} lives"


def survivors(living: Iterable[Member], run: str | None) -> Iterable[str]:
    """Return members that do not belong to `run`; with None, all of them."""
    return [f"{member} is left" for member in living if member.run != run]


class FalseRunning:
    """Notices agents called running although the process named has been gone for too long."""

    def __init__(self, bound_seconds: float = DETECTION_SECONDS) -> None:
        self._bound_seconds = bound_seconds
        self._gone_since: dict[tuple[str, int], float] = {}

    def suspects(
        self, now: float, claims: Mapping[str, int | None], alive: Callable[[int], bool]
    ) -> Iterable[str]:
        """Return agents to be looked into.

        Args:
            now: Monotonic seconds.
            claims: The pid of each agent that is called running.
            alive: Whether that process lives.
        """
        gone = {(agent, pid) for agent, pid in claims.items() if pid is not None and not alive(pid)}
        self._gone_since = {key: self._gone_since.get(key, now) for key in gone}
        return [
            key[0] for key, since in self._gone_since.items() if now - since > self._bound_seconds
        ]

    def forgive(self) -> None:
        """Begin anew: the supervisor itself was away."""
        self._gone_since.clear()


@dataclass(frozen=True)
class Row:
    """One event as the history keeps it, or as the stream gave it."""

    seq: int
    kind: str
    agent: str | None
    data: Any
    time: float

    @property
    def content(self) -> tuple[object, ...]:
        """Return what must agree in both."""
        return self.kind, self.agent, self.data


class EventLedger:
    """The events of one run as the stream gave them."""

    def __init__(self) -> None:
        self.told: dict[int, Row] = {}
        self._covered: list[tuple[int, int]] = []

    def begin(self, seq: int, recent: Iterable[Row]) -> None:
        """Take a snapshot and the events that came with it."""
        self.told.update((row.seq, row) for row in recent)
        self._covered.append((seq, seq))

    def add(self, row: Row) -> Iterable[str]:
        """Take an update; return what is wrong about its number."""
        first, last = self._covered[-1]
        wrong = [] if row.seq == last + 1 else [f"event {row.seq} followed event {last}"]
        self._covered[-1] = (first, row.seq)
        self.told[row.seq] = row
        return wrong

    def compare(self, kept: Sequence[Row], unwritten_from: float = float("inf")) -> Iterable[str]:
        """Return where the history and the stream disagree.

        Args:
            kept: All rows of this run, in the order in which they were written.
            unwritten_from: Wall clock; what happened later may be missing at the end.
        """
        numbers = [row.seq for row in kept if row.kind != "events_lost"]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            yield "the history's numbers do not grow"
        lost = [(row.seq, row.seq + int(row.data["count"])) for row in kept if _is_loss(row)]
        by_number = {row.seq: row for row in kept if not _is_loss(row)}
        newest = max(numbers, default=0)
        for row in self.told.values():
            if row.kind == "agent_changed" or any(a <= row.seq < b for a, b in lost):
                continue
            kept_row = by_number.get(row.seq)
            if kept_row is None:
                is_tail = row.seq > newest and row.time >= unwritten_from
                if not is_tail:
                    yield f"the history lacks event {row.seq} ({row.kind} {row.agent})"
            elif kept_row.content != row.content:
                yield f"event {row.seq} is {kept_row.content} in the history, was {row.content}"
        for number, row in by_number.items():
            is_covered = any(first < number <= last for first, last in self._covered)
            if is_covered and number not in self.told:
                yield f"the stream lacked event {number} ({row.kind} {row.agent})"


def _is_loss(row: Row) -> bool:
    return row.kind == "events_lost"


@dataclass(frozen=True)
class Answer:
    """What came of one request; status None if there was no answer."""

    request: str
    status: int | None
    body: bytes
    seconds: float
    deadline: float


def bad_answer(answer: Answer) -> Iterable[str]:
    """Return what is wrong about an answer: none, too late, or an error in another shape."""
    if answer.status is None:
        yield f"{answer.request}: no answer within {answer.seconds:.1f} s: {answer.body.decode()}"
        return
    if answer.seconds > answer.deadline:
        yield f"{answer.request}: answered after {answer.seconds:.1f} s, not {answer.deadline:g}"
    if answer.status >= 500 and answer.status != 503:
        yield f"{answer.request}: {answer.status} {answer.body[:300]!r}"
    if answer.status >= 400:
        try:
            ErrorAnswer.model_validate_json(answer.body)
        except ValueError:
            yield f"{answer.request}: {answer.status} in another shape: {answer.body[:200]!r}"


def disturbed(name: str, state: str | None, signals: Sequence[str]) -> Iterable[str]:
    """Return what was done to somebody else's process; `state` is None if it is gone."""
    if state is None or state in "ZX":
        yield f"{name} was ended"
    elif state in "Tt":
        yield f"{name} was stopped"
    for received in signals:
        yield f"{name} received {received}"


def unsettled(agents: Iterable[AgentInfo]) -> Iterable[str]:
    """Return agents that are, long after the last fault, neither well nor clearly given up."""
    for info in agents:
        if info.status in UNDER_WAY:
            yield f"{info.name} is still {info.status}: {info.error_message}"
        elif info.status is AgentStatus.RUNNING and info.health is not Health.HEALTHY:
            yield f"{info.name} runs but is {info.health}: {info.health_message}"
        elif info.status is AgentStatus.ERROR and not (info.error_message and info.error_code):
            yield f"{info.name} is in error without a reason"


def unwell(agents: Iterable[AgentInfo]) -> Iterable[str]:
    """Return agents that are not healthy although everything was mended and started."""
    for info in agents:
        if info.status is not AgentStatus.RUNNING or info.health is not Health.HEALTHY:
            yield f"{info.name} is {info.status}, {info.health}: {info.error_message}"


@dataclass(frozen=True)
class Cost:
    """What the supervisor held at one moment."""

    at: float
    rss_bytes: int
    descriptors: int


@dataclass(frozen=True)
class Growth:
    """Medians of the first and the last quarter, and the slope of a line through all samples."""

    samples: int
    first_rss: float
    last_rss: float
    first_descriptors: float
    last_descriptors: float
    rss_per_minute: float


def growth(samples: Sequence[Cost]) -> Growth | None:
    """Return how cost developed; None with too few samples."""
    quarter = len(samples) // 4
    if quarter < 3:
        return None
    first, last = samples[:quarter], samples[-quarter:]
    times, sizes = [cost.at for cost in samples], [float(cost.rss_bytes) for cost in samples]
    return Growth(
        samples=len(samples),
        first_rss=statistics.median(cost.rss_bytes for cost in first),
        last_rss=statistics.median(cost.rss_bytes for cost in last),
        first_descriptors=statistics.median(cost.descriptors for cost in first),
        last_descriptors=statistics.median(cost.descriptors for cost in last),
        rss_per_minute=statistics.linear_regression(times, sizes).slope * 60,
    )


def not_flat(seen: Growth) -> Iterable[str]:
    """Return what grew."""
    if seen.last_rss > seen.first_rss * RSS_GROWTH + RSS_SLACK_BYTES:
        yield f"memory grew from {seen.first_rss / 2**20:.1f} to {seen.last_rss / 2**20:.1f} MiB"
    if seen.last_descriptors > seen.first_descriptors + DESCRIPTOR_SLACK:
        grew = f"{seen.first_descriptors:g} to {seen.last_descriptors:g}"
        yield f"open descriptors grew from {grew}"
