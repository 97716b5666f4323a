"""Questions to the history's file. Reads only, each question within a deadline."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_dashboard.models.errors import HistoryUnavailable
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.history import (
    AvailabilityAnswer,
    EventsAnswer,
    Incident,
    IncidentsAnswer,
    RecordedEvent,
)
from trading_dashboard.orchestrator.history.availability import DAY, AvailabilityTally
from trading_dashboard.orchestrator.history.incidents import (
    SUPERVISOR,
    incident_of_killed,
    incidents_of,
)
from trading_dashboard.orchestrator.history.records import microseconds, moment
from trading_dashboard.orchestrator.history.timelines import Moment, SupervisorRun, Timeline

DEADLINE_SECONDS = 5.0
_STEPS_BETWEEN_LOOKS = 10_000
_MOMENTS = """
SELECT id, time, kind, data, status, health, data_state FROM events
WHERE run = :run AND agent = :agent AND id >= :start AND time < :until AND status IS NOT NULL
ORDER BY id
"""
_LAST_STATE = """
SELECT id FROM events WHERE run = :run AND agent = :agent AND time < :since
    AND status IS NOT NULL
ORDER BY id DESC LIMIT 1
"""
_LAST_GOOD_STATE = """
SELECT id FROM events WHERE run = :run AND agent = :agent AND time < :since
    AND (status = 'stopped' OR (status = 'running' AND data_state <> 'stale'
         AND health NOT IN ('unhealthy', 'degraded')))
ORDER BY id DESC LIMIT 1
"""
_EVENTS = """
SELECT events.id, runs.run_id, seq, time, kind, agent, data, status, health, data_state
FROM events JOIN runs ON runs.id = events.run
WHERE {where} ORDER BY events.id DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events. `since` is included, `until` and `before` (an event's id) are not."""

    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    kinds: Sequence[str] = ()
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuery:
    """Which incidents: those that touch the period from `since` to before `until`."""

    since: datetime
    until: datetime
    agent: str | None = None
    limit: int = 100


class HistoryReader:
    """Answers from the file. Opens it anew for each question; blocks, so not for an event loop.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, run_id: str | None) -> None:
        """Read `path`; `run_id` is the run that goes on now, None if nobody supervises."""
        self.path = path
        self._run_id = run_id

    def events(self, query: EventQuery) -> EventsAnswer:
        """Return the newest events that match, oldest first.

        Raises:
            HistoryUnavailable
        """
        conditions: list[tuple[str, Any]] = []
        if query.since is not None:
            conditions.append(("time >= ?", microseconds(query.since)))
        if query.until is not None:
            conditions.append(("time < ?", microseconds(query.until)))
        if query.agent is not None:
            conditions.append(("agent = ?", query.agent))
        if query.before is not None:
            conditions.append(("events.id < ?", query.before))
        where = [text for text, _ in conditions] or ["true"]
        values = [value for _, value in conditions]
        if query.kinds:
            where.append(f"kind IN ({', '.join('?' * len(query.kinds))})")
            values.extend(query.kinds)
        statement = _EVENTS.format(where=" AND ".join(where))
        with self._connected() as connection:
            rows = connection.execute(statement, [*values, query.limit + 1]).fetchall()
        is_more = len(rows) > query.limit
        found = [_event(row) for row in rows[: query.limit]][::-1]
        return EventsAnswer(events=found, next_before=found[0].id if is_more else None)

    def availability(
        self, tally: AvailabilityTally, agent: str | None, now: int
    ) -> AvailabilityAnswer:
        """Fill a tally with what is known of its period, and return its sums.

        Raises:
            HistoryUnavailable
        """
        since, until = tally.since, min(tally.until, now)
        with self._connected() as connection:
            for run in self._runs(connection, now):
                if run.ended > since:
                    tally.add_run(run)
                    period = (since, until + DAY)
                    for timeline in _timelines(connection, run, agent, period, _LAST_STATE):
                        tally.add(timeline)
            lost = _lost_by_day(connection, since, until)
        return tally.answer(lost)

    def incidents(self, query: IncidentQuery, now: int) -> IncidentsAnswer:
        """Return the newest incidents that match, newest first.

        Raises:
            HistoryUnavailable
        """
        since, until = microseconds(query.since), microseconds(query.until)
        found: list[Incident] = []
        with self._connected() as connection:
            runs = self._runs(connection, now)
            for run, following in zip(runs, [*runs[1:], None], strict=True):
                if query.agent in (None, SUPERVISOR) and run.was_killed:
                    if following is not None:
                        found.append(incident_of_killed(run, following.started))
                    elif self._run_id is None:
                        found.append(incident_of_killed(run, None, now))
                if run.ended >= since and run.started < until:
                    for timeline in _timelines(
                        connection, run, query.agent, (since, now), _LAST_GOOD_STATE
                    ):
                        found.extend(incidents_of(timeline))
        touching = [
            incident
            for incident in found
            if incident.began_at < query.until
            and (incident.ended_at is None or incident.ended_at >= query.since)
        ]
        touching.sort(key=lambda incident: incident.began_at, reverse=True)
        kept = touching[: query.limit]
        return IncidentsAnswer(incidents=kept, is_complete=len(kept) == len(touching))

    def _runs(self, connection: sqlite3.Connection, now: int) -> list[SupervisorRun]:
        """Return the runs, oldest first; none begins before the one before it has ended."""
        rows = connection.execute("SELECT id, run_id, started, seen, ended FROM runs ORDER BY id")
        runs: list[SupervisorRun] = []
        passed = 0
        for number, run_id, started, seen, ended in rows:
            is_current = run_id == self._run_id
            begins = max(started, passed)
            passed = max(begins, now if is_current else seen if ended is None else ended)
            run = SupervisorRun(
                id=number, run_id=run_id, started=begins, ended=passed,
                is_current=is_current, was_killed=ended is None and not is_current,
            )  # fmt: skip
            runs.append(run)
        return runs

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        until = time.monotonic() + DEADLINE_SECONDS
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
                connection.set_progress_handler(
                    lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS
                )
                connection.execute("BEGIN")  # one state of the file for the whole question
                yield connection
        except sqlite3.Error as error:
            is_late = time.monotonic() > until
            raise HistoryUnavailable(
                f"The history took longer than {DEADLINE_SECONDS:g} s to answer."
                if is_late
                else f"The history cannot be read: {error}.",
                subject=str(self.path),
                next_step="Ask for less: one agent, a shorter period."
                if is_late
                else "See var/log/supervisor.log.",
            ) from error


def _event(row: Sequence[Any]) -> RecordedEvent:
    number, run_id, seq, at, kind, agent, data, status, health, data_state = row
    return RecordedEvent(
        id=number, run_id=run_id, seq=seq, time=moment(at), kind=kind, agent=agent,
        data=json.loads(data), status=status, health=health, data_state=data_state,
    )  # fmt: skip


def _timelines(
    connection: sqlite3.Connection,
    run: SupervisorRun,
    agent: str | None,
    period: tuple[int, int],
    seed: str,
) -> Iterator[Timeline]:
    """Yield each agent's moments before the period's end, from the one that `seed` finds."""
    found = connection.execute(
        "SELECT DISTINCT agent FROM events WHERE run = ? AND agent IS NOT NULL", (run.id,)
    )
    names = [name for (name,) in found if agent in (None, name)]
    for name in names:
        about = {"run": run.id, "agent": name, "since": period[0], "until": period[1]}
        start = connection.execute(seed, about).fetchone()
        rows = connection.execute(_MOMENTS, {**about, "start": start[0] if start else 0})
        moments = [
            Moment(
                id=row[0], time=row[1], kind=row[2], data=row[3],
                status=row[4], health=row[5], data_state=row[6],
            )
            for row in rows
        ]  # fmt: skip
        yield Timeline(run=run, agent=name, moments=moments)


def _lost_by_day(connection: sqlite3.Connection, since: int, until: int) -> dict[int, int]:
    """Return how many events are missing, by the start of the day the gap began in."""
    rows = connection.execute(
        "SELECT time, data FROM events WHERE kind = ? AND time >= ? AND time < ?",
        (EventKind.EVENTS_LOST, since, until),
    )
    lost: dict[int, int] = {}
    for at, data in rows:
        day = at - at % DAY
        lost[day] = lost.get(day, 0) + int(json.loads(data).get("count", 0))
    return lost
