"""Commands that show what the supervisor remembers."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.formatting import delay_words, duration, safeguard_words
from trading_dashboard.cli.remote import Context, run
from trading_dashboard.cli.reporting import say
from trading_dashboard.models.configuration import ConfigurationChange, ConfigurationMistake
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.history import (
    DEFAULT_DAYS,
    EventsAnswer,
    Incident,
    IncidentOutcome,
    IncidentsAnswer,
    RecordedEvent,
)

if TYPE_CHECKING:
    from trading_dashboard.clients.control import ControlClient
    from trading_dashboard.orchestrator.history.reader import HistoryReader

Answer = TypeVar("Answer", EventsAnswer, IncidentsAnswer)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,9})([smhdw])")
_ENDS = {
    IncidentOutcome.ONGOING: "goes on since {}",
    IncidentOutcome.RECOVERED: "well again after {}",
    IncidentOutcome.STOPPED: "stopped after {}",
    IncidentOutcome.SUPERVISOR_ENDED: "the supervisor ended after {}",
}


def point_in_time(text: str, now: datetime | None = None) -> datetime:
    """Return what ``2h``, ``30m``, ``7d`` (ago) or ISO 8601 means; local time without an offset.

    Raises:
        ValueError: It is neither, or before the calendar begins.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is None:
            return datetime.fromisoformat(text.strip()).astimezone(UTC)
        length = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return (now or datetime.now(UTC)) - length
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is neither a time ago such as 2h, 30m or 7d "
            "nor a time such as 2026-01-31T14:30."
        ) from None


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """Something to ask the history: through its supervisor, or on disk where none runs.

    Attributes:
        ask: Asks a supervisor.
        read: Asks the file.
        show: Writes the answer for people.
    """

    ask: Callable[[ControlClient], Awaitable[Answer]]
    read: Callable[[HistoryReader], Answer]
    show: Callable[[Answer], None]
    as_json: bool

    def run(self, project_root: Path | None) -> ExitCode:
        """Ask, and show the answer."""
        return run(self._asked, project_root, self.as_json, self._read)

    async def _asked(self, context: Context) -> ExitCode:
        return self._tell(await self.ask(context.client))

    def _read(self, root: Path) -> ExitCode:
        from trading_dashboard.orchestrator.history.at_rest import history_at_rest

        reader = history_at_rest(root / "var")
        answer = self.read(reader)
        # Not on stdout: what reads it there need not know where it came from.
        sys.stderr.write(f"No supervisor runs; this is read from {reader.path}.\n")
        return self._tell(answer)

    def _tell(self, answer: Answer) -> ExitCode:
        if self.as_json:
            say(answer.model_dump_json(indent=2))
        else:
            self.show(answer)
        return ExitCode.OK


def events(
    agent: str | None,
    kinds: Sequence[EventKind],
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> Question[EventsAnswer]:
    """Show the newest events, oldest first."""

    def read(reader: HistoryReader) -> EventsAnswer:
        from trading_dashboard.orchestrator.history.reader import EventQuery

        return reader.events(EventQuery(since=since, agent=agent, kinds=kinds, limit=limit))

    return Question(
        lambda client: client.events(agent=agent, kinds=kinds, since=since, limit=limit),
        read,
        _show_events,
        as_json,
    )


def incidents(
    agent: str | None, since: datetime | None, limit: int, as_json: bool
) -> Question[IncidentsAnswer]:
    """Show the newest incidents, newest first; by default of the last seven days."""

    def read(reader: HistoryReader) -> IncidentsAnswer:
        from trading_dashboard.orchestrator.history.reader import IncidentQuery
        from trading_dashboard.orchestrator.history.records import wall_clock

        until = datetime.now(UTC)
        begin = since or until - timedelta(days=DEFAULT_DAYS)
        query = IncidentQuery(since=begin, until=until, agent=agent, limit=limit)
        return reader.incidents(query, wall_clock())

    return Question(
        lambda client: client.incidents(agent=agent, since=since, limit=limit),
        read,
        _show_incidents,
        as_json,
    )


def _show_events(answer: EventsAnswer) -> None:
    for event in answer.events:
        say(event_text(event))
    if not answer.events:
        say("No events.")


def _show_incidents(answer: IncidentsAnswer) -> None:
    for incident in answer.incidents:
        say(incident_text(incident))
    if not answer.incidents:
        say("No incidents.")
    elif not answer.is_complete:
        say("There are more; -n shows as many as it says.")


def event_text(event: RecordedEvent) -> str:
    """Return an event with its local time."""
    return f"{_local(event.time)}  {event.agent or 'desk':<20} {event.kind:<18} {_what(event)}"


def incident_text(incident: Incident) -> str:
    """Return an incident with its local time."""
    ending = _ENDS[incident.outcome].format(duration(incident.duration_seconds))
    restarts = f", {incident.restarts} restarts" if incident.restarts > 1 else ""
    return (
        f"{_local(incident.began_at)}  {incident.agent:<20} {incident.kind:<9} "
        f"{incident.cause}; {ending}{restarts}"
    )


def _what(event: RecordedEvent) -> str:
    data = event.data
    match event.kind:
        case EventKind.TRANSITION:
            return f"{data.get('from')} -> {data.get('to')}: {data.get('reason')}"
        case EventKind.HEALTH_CHANGED | EventKind.PROBE_CHANGED:
            role = f"{data['role']} " if data.get("role") else ""
            words = f": {data['message']}" if data.get("message") else ""
            return f"{role}{data.get('from')} -> {data.get('to')}{words}"
        case EventKind.DATA_STATE_CHANGED:
            return f"{data.get('from')} -> {data.get('to')}"
        case EventKind.RESTART_SCHEDULED:
            return (
                f"restart {data.get('attempt')} {delay_words(float(data.get('delay_seconds', 0)))}"
            )
        case (
            EventKind.CONFIGURATION_CHANGED
            | EventKind.CONFIGURATION_INVALID
            | EventKind.CONFIGURATION_MENDED
        ):
            return f"by {_who(data)}: {_of_configuration(event)}"
        case EventKind.AGENT_ADDED | EventKind.AGENT_REMOVED:
            done = "added" if event.kind == EventKind.AGENT_ADDED else "removed"
            return f"{done} by a change of the configuration"
        case EventKind.OPERATOR_ACTED:
            return f"{data.get('action')}{_whose(data.get('roles'))} (by {_who(data)})"
    return safeguard_words(event.kind, event.data) or ", ".join(
        f"{name} {value}" for name, value in data.items()
    )


def _whose(roles: object) -> str:
    return f" of {' and '.join(map(str, roles))}" if isinstance(roles, list) else ""


def _who(data: Mapping[str, Any]) -> str:
    """Return which client acted, for which user, from where, as far as it is known."""
    user = f", {data['user']}" if data.get("user") else ""
    place = f", from {data['from']}" if data.get("from") else ""
    return f"{data.get('origin')}{user}{place}"


def _of_configuration(event: RecordedEvent) -> str:
    found: Iterable[object] = ["the files have no mistakes any more"]
    if event.kind == EventKind.CONFIGURATION_CHANGED:
        found = map(ConfigurationChange.model_validate, event.data.get("changes", ()))
    elif event.kind == EventKind.CONFIGURATION_INVALID:
        found = map(ConfigurationMistake.model_validate, event.data.get("mistakes", ()))
    return "; ".join(map(str, found))


def _local(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
