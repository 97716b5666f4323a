"""Which events are worth a line in the terminal, and how it reads."""

from __future__ import annotations

import time
from collections.abc import Sequence

from trading_dashboard.cli.formatting import delay_words, duration, safeguard_words
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.configuration import ConfigurationMistake
from trading_dashboard.models.events import Event, EventKind
from trading_dashboard.models.states import AgentStatus, DataState, Health, Management
from trading_dashboard.orchestrator.events import Update
from trading_dashboard.orchestrator.schedule_rule import REASON as HOURS_OVER


class Narrator:
    """Turns updates into lines; remembers since when each agent is on its way."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self.tells_starts = True
        """False while a progress display shows them anyway."""

    def line(self, update: Update) -> str | None:
        """Return the line for an update, or None if it is not worth one."""
        event, agent = update.event, update.agent
        if agent is None:
            return _of_desk(event)
        if event.kind is EventKind.AGENT_ADDED:
            return f"{agent.name}: added by a change of the configuration"
        if event.kind is EventKind.AGENT_REMOVED:
            return f"{agent.name}: removed by a change of the configuration"
        if event.kind is EventKind.RESTART_SCHEDULED:
            return f"{agent.name}: {_capital(event.data['reason'])}. {_retry(event)}"
        if event.kind is EventKind.HEALTH_CHANGED and agent.status is AgentStatus.RUNNING:
            is_first = event.data.get("from") == Health.UNKNOWN and agent.health is Health.HEALTHY
            return None if is_first else _health(agent)
        if event.kind is EventKind.DATA_STATE_CHANGED and agent.status is AgentStatus.RUNNING:
            return _data(event, agent)
        if event.kind is EventKind.TRANSITION:
            return self._transition(event, agent)
        words = safeguard_words(event.kind, event.data)
        return f"{agent.name}: {words}" if words else None

    def _transition(self, event: Event, agent: AgentInfo) -> str | None:
        name = agent.name
        match agent.status:
            case AgentStatus.STARTING | AgentStatus.STOPPING:
                self._since[name] = time.monotonic()
                is_first = event.data["from"] == AgentStatus.STOPPED
                return f"{name}: starting" if is_first and self.tells_starts else None
            case AgentStatus.RUNNING:
                return _running(agent, self._seconds(name)) if self.tells_starts else None
            case AgentStatus.ERROR:
                return f"{name}: {agent.error_message or event.data['reason']}"
            case AgentStatus.STOPPED:
                return self._stopped(event, agent)
        return None

    def _stopped(self, event: Event, agent: AgentInfo) -> str:
        if event.data["from"] != AgentStatus.STOPPING:
            return f"{agent.name}: stopped"
        ended = f"stopped after {self._seconds(agent.name)}, {_how(agent.last_exit)}"
        if event.data["reason"] == HOURS_OVER:
            ended = f"{HOURS_OVER}; {ended}"
        return f"{agent.name}: {ended}"

    def _seconds(self, name: str) -> str:
        now = time.monotonic()
        return duration(now - self._since.get(name, now))


def _of_desk(event: Event) -> str | None:
    """Return the line for an event that is about no single agent."""
    if event.kind is EventKind.CONFIGURATION_CHANGED:
        keys = [change["key"] for change in event.data["changes"]]
        return f"The configuration changed: {_first(keys)}"
    if event.kind is EventKind.CONFIGURATION_MENDED:
        return "The configuration has no mistakes any more."
    if event.kind is EventKind.CONFIGURATION_INVALID:
        found = event.data["mistakes"]
        first = ConfigurationMistake.model_validate(found[0])
        more = f" And {len(found) - 1} more: `trading-dashboard config check`." if found[1:] else ""
        return f"The configuration has a mistake, nothing was changed: {first}{more}"
    return None


def _first(keys: Sequence[str], most: int = 3) -> str:
    rest = len(keys) - most
    return ", ".join(keys[:most]) + (f" and {rest} more" if rest > 0 else "")


def _running(agent: AgentInfo, after: str) -> str:
    if agent.management is Management.EXTERNAL:
        owner = f"pid {agent.pid}" if agent.pid else "another user's process"
        return f"{agent.name}: run by someone else ({owner}); it is watched, never stopped"
    return f"{agent.name}: running after {after}, pid {agent.pid}, {agent.url}"


def _health(agent: AgentInfo) -> str:
    words = f": {agent.health_message}" if agent.health_message else ""
    if agent.health is Health.HEALTHY:
        return f"{agent.name}: healthy again"
    return f"{agent.name}: running, but {agent.health}{words}"


def _data(event: Event, agent: AgentInfo) -> str | None:
    if agent.data_state is DataState.STALE:
        return f"{agent.name}: stale data: {agent.data_message or 'the agent says so'}"
    was_stale = event.data["from"] == DataState.STALE
    return f"{agent.name}: its data is {agent.data_state} again" if was_stale else None


def _retry(event: Event) -> str:
    when = delay_words(float(event.data["delay_seconds"]))
    return f"Restarting {when} (restart {event.data['attempt']})."


def _how(last_exit: str | None) -> str:
    if last_exit is None:
        return "its end was not observed"
    return f"killed ({last_exit})" if "SIGKILL" in last_exit else last_exit


def _capital(text: object) -> str:
    words = str(text)
    return words[:1].upper() + words[1:]
