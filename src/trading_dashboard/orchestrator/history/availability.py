"""Uptime and availability per agent and UTC day, out of timelines. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from trading_dashboard.models.history import Availability, AvailabilityAnswer, AvailabilityDay
from trading_dashboard.orchestrator.history.records import SECOND, microseconds
from trading_dashboard.orchestrator.history.timelines import SupervisorRun, Timeline, spells

DAY = 86_400 * SECOND


@dataclass(slots=True)
class _Sum:
    wanted: int = 0
    running: int = 0
    available: int = 0

    def add(self, other: _Sum) -> None:
        self.wanted += other.wanted
        self.running += other.running
        self.available += other.available

    def answer(self) -> Availability:
        return Availability(
            wanted_seconds=self.wanted / SECOND,
            running_seconds=self.running / SECOND,
            available_seconds=self.available / SECOND,
            availability=round(self.available / self.wanted, 6) if self.wanted else None,
        )


@dataclass(slots=True)
class AvailabilityTally:
    """Adds up runs and timelines over the days from `first` to `last`, both included."""

    first: date
    last: date
    _desk: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    _agents: defaultdict[int, defaultdict[str, _Sum]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(_Sum))
    )

    @property
    def since(self) -> int:
        """Return when the period begins."""
        return day_start(self.first)

    @property
    def until(self) -> int:
        """Return when the period has ended."""
        return day_start(self.last) + DAY

    def add_run(self, run: SupervisorRun) -> None:
        """Count the time in which a supervisor was there."""
        for day, length in self._days(run.started, run.ended):
            self._desk[day] += length

    def add(self, timeline: Timeline) -> None:
        """Count one agent's time in one run."""
        for spell in spells(timeline):
            if not spell.is_wanted:
                continue
            for day, length in self._days(spell.began, spell.ended):
                found = self._agents[day][timeline.agent]
                found.wanted += length
                found.running += length if spell.is_running else 0
                found.available += length if spell.is_available else 0

    def answer(self, lost: Mapping[int, int]) -> AvailabilityAnswer:
        """Return the sums; `lost` is how many events are missing by day (its start)."""
        total: defaultdict[str, _Sum] = defaultdict(_Sum)
        days = []
        for day in range(self.since, self.until, DAY):
            agents: dict[str, _Sum] = dict(self._agents.get(day) or {})
            for name, found in agents.items():
                total[name].add(found)
            days.append(
                AvailabilityDay(
                    day=self.first + timedelta(days=(day - self.since) // DAY),
                    desk_seconds=self._desk.get(day, 0) / SECOND,
                    lost_events=lost.get(day, 0),
                    agents=_answers(agents.items()),
                )
            )
        return AvailabilityAnswer(days=days, total=_answers(total.items()))

    def _days(self, began: int, ended: int) -> Iterator[tuple[int, int]]:
        """Yield (start of a day, time within it) for the part inside the period."""
        began, ended = max(began, self.since), min(ended, self.until)
        while began < ended:
            day = began - began % DAY
            upto = min(ended, day + DAY)
            yield day, upto - began
            began = upto


def day_start(day: date) -> int:
    """Return the first microsecond of a UTC day."""
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _answers(sums: Iterable[tuple[str, _Sum]]) -> dict[str, Availability]:
    return {name: found.answer() for name, found in sorted(sums)}
