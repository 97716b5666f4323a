"""Facts as text: durations, sizes, tables. Knows no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import StatusAnswer, VerbAnswer
from trading_dashboard.models.events import EventKind, LogLine
from trading_dashboard.models.states import AgentStatus, DataState, Management

_HEADERS = (
    "AGENT", "STATUS", "HEALTH", "DATA", "PID", "PORT", "UPTIME", "RESTARTS", "CPU", "MEMORY",
)  # fmt: skip
_RIGHT = {"PID", "PORT", "UPTIME", "RESTARTS", "CPU", "MEMORY"}


def duration(seconds: float) -> str:
    """Return seconds for people, such as ``0.4 s``, ``3 min 5 s`` or ``2 h 14 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def delay_words(seconds: float) -> str:
    """Return when something comes that is put off, such as ``in 0.4 s``; ``at once`` if not."""
    return "at once" if seconds < 0.05 else f"in {duration(seconds)}"


def status_lines(answer: StatusAnswer) -> list[str]:
    """Return the supervisor and a table of its agents, with their errors below it."""
    supervisor = answer.supervisor
    head = (
        f"Supervisor {supervisor.state}, pid {supervisor.pid}, {supervisor.environment}, "
        f"project {supervisor.project_root}"
    )
    lines = [head]
    if supervisor.dashboard_url:
        lines.append(f"Dashboard {supervisor.dashboard_url} (`trading-dashboard login` for a link)")
    lines += ["", *_table([_HEADERS, *(_row(agent) for agent in answer.agents.values())])]
    troubles = [_trouble(agent, answer.agents) for agent in answer.agents.values()]
    told = [trouble for trouble in troubles if trouble]
    return [*lines, "", *told] if told else lines


def safeguard_words(kind: str, data: Mapping[str, Any]) -> str | None:
    """Return what an event says of maintenance and withheld restarts, None of anything else."""
    if kind == EventKind.RESTARTS_WITHHELD:
        return (
            f"left as it is, and others too: {data.get('max_restarts')} restarts after failed "
            f"dependencies in {data.get('window_seconds', 0):g} s. Mend what fails, then restart "
            "them."
        )
    return _maintenance_words(data) if kind == EventKind.MAINTENANCE_CHANGED else None


def _maintenance_words(data: Mapping[str, Any]) -> str:
    if not data.get("on"):
        return "maintenance ended"
    until = data.get("until")
    end = f" until {datetime.fromisoformat(until).astimezone():%Y-%m-%d %H:%M}" if until else ""
    by = f", by {data['by']}" if data.get("by") else ""
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"in maintenance{end}{by}{reason}"


def agent_outcome(answer: VerbAnswer) -> str:
    """Return where an agent is after a verb."""
    agent = answer.agent
    text = f"{agent.name} is {agent.status}"
    if agent.pid is not None:
        text += f", pid {agent.pid}"
    if agent.management is Management.EXTERNAL:
        text += ", started by someone else: it is watched, never stopped"
    if answer.pending:
        return f"{text}; that is still under way."
    if agent.has_finished and agent.status is AgentStatus.STOPPED:
        return f"{text}: it has finished, {agent.last_exit}."
    if not answer.ok and agent.error_message:
        return f"{text}: {agent.error_message}"
    if not answer.ok and agent.status is AgentStatus.STOPPED and agent.last_exit:
        return f"{text}: its process has ended, {agent.last_exit}."
    return f"{text}."


def log_text(line: LogLine) -> str:
    """Return a log line with its time and, if it is not just information, its level."""
    time = line.time.astimezone().strftime("%H:%M:%S.%f")[:-3]
    level = "" if line.level == "info" else f"{line.level}: "
    who = f"{line.logger.rpartition('.')[2]}: " if line.logger else ""
    return f"{time} {line.stream:<10} {level}{who}{line.text}"


def _row(agent: AgentInfo) -> tuple[str, ...]:
    status: str = agent.status
    if not agent.enabled:
        status = "disabled"
    elif agent.management is Management.EXTERNAL:
        status += " (external)"
    elif agent.is_idle:
        status = "idle"
    cpu, memory = agent.cpu_percent, agent.memory_bytes
    is_up = agent.status is AgentStatus.RUNNING
    return (
        agent.name,
        status,
        agent.health if is_up else "-",
        agent.data_state if is_up and _tells_of_data(agent) else "-",
        str(agent.pid or "-"),
        str(agent.port),
        "-" if agent.uptime_seconds is None else duration(agent.uptime_seconds),
        str(agent.restarts),
        "-" if cpu is None else f"{cpu:.1f} %",
        "-" if memory is None else f"{memory / 2**20:.0f} MiB",
    )


def _tells_of_data(agent: AgentInfo) -> bool:
    """Return whether the agent says anything of data, or should: most agents have none."""
    return agent.data_state is not DataState.UNKNOWN or agent.data_message is not None


def _trouble(agent: AgentInfo, agents: Mapping[str, AgentInfo]) -> str | None:
    found = (_maintenance(agent), agent.held_restart, _failure(agent, agents))
    notes = [note for note in found if note]
    return f"{agent.name}: {' '.join(notes)}" if notes else None


def maintenance_text(agent: AgentInfo) -> str:
    """Return whether an agent is in maintenance, and what it does."""
    found = _maintenance(agent) or "Not in maintenance."
    return f"{agent.name}: {found} It is {agent.status}."


def _maintenance(agent: AgentInfo) -> str | None:
    if agent.maintenance is None:
        return None
    about = agent.maintenance.model_dump(mode="json")
    words = _maintenance_words({"on": True, **about})
    return f"{words[:1].upper()}{words[1:]}."


def hours_text(agent: AgentInfo) -> str | None:
    """Return what is to be said of an agent's hours, such as ``idle until Mon 14:15 UTC``."""
    hours = agent.schedule
    if hours is None or (agent.status is not AgentStatus.STOPPED and not hours.overridden_until):
        return None
    return hours.text


def waiting_text(agent: AgentInfo, agents: Mapping[str, AgentInfo]) -> str:
    """Return what the agent waits for, and until when that is idle."""
    names = []
    for name in agent.waiting_for:
        other = agents.get(name)
        hours = other.schedule if other is not None and other.is_idle else None
        names.append(f"{name}, {hours.text}" if hours else name)
    return f"waits for {', '.join(names)}"


def _failure(agent: AgentInfo, agents: Mapping[str, AgentInfo]) -> str | None:
    if agent.error_message:
        return agent.error_message
    if agent.waiting_for:
        return f"{waiting_text(agent, agents)}."
    if hours := hours_text(agent):
        return f"{hours}."
    if agent.status is not AgentStatus.RUNNING:
        return None
    return agent.health_message or agent.data_message


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADERS))]
    return [
        "  ".join(
            cell.rjust(width) if header in _RIGHT else cell.ljust(width)
            for cell, width, header in zip(row, widths, _HEADERS, strict=True)
        ).rstrip()
        for row in rows
    ]
