"""The supervisor's figures as Prometheus text.

Each answer has a registry of its own, filled from one snapshot: nothing is counted here, so nothing
can go out of step with what the other routes say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.models.agents import AgentInfo, ProbeInfo
from trading_dashboard.models.control import SupervisorInfo
from trading_dashboard.models.events import LogFigures
from trading_dashboard.models.states import AgentStatus, DataState, Health
from trading_dashboard.orchestrator.history.event_history import EventHistory

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Value = Callable[[AgentInfo], float | None]

STATES: Mapping[str, tuple[str, type[StrEnum], str]] = {
    "trading_dashboard_agent_status": ("status", AgentStatus, "1 for the status it has."),
    "trading_dashboard_agent_health": ("health", Health, "1 for the health it has."),
    "trading_dashboard_agent_data_state": ("data_state", DataState, "1 for its data's state."),
}
FIGURES: Mapping[str, tuple[str, Value]] = {
    "trading_dashboard_agent_up": ("1 if it runs and is not unhealthy.", lambda a: a.is_up),
    "trading_dashboard_agent_uptime_seconds": (
        "Since its process started.", lambda a: a.uptime_seconds,
    ),
    "trading_dashboard_agent_data_age_seconds": (
        "Of its newest datum, in market time.", lambda a: a.data_age_seconds,
    ),
    "trading_dashboard_agent_cpu_cores": (
        "Processor cores its process tree uses.",
        lambda a: None if a.cpu_percent is None else a.cpu_percent / 100,
    ),
    "trading_dashboard_agent_memory_bytes": (
        "Resident memory of its process tree.", lambda a: a.memory_bytes,
    ),
    "trading_dashboard_agent_memory_limit_bytes": (
        "It is restarted above it.", lambda a: a.memory_limit_bytes,
    ),
    "trading_dashboard_agent_maintenance": (
        "1 if it is in maintenance.", lambda a: a.maintenance is not None,
    ),
    "trading_dashboard_agent_log_file_bytes": (
        "Size of its newest log file.", lambda a: _size(a.log_path),
    ),
}  # fmt: skip
PROBE_FIGURES: Mapping[str, tuple[str, Callable[[ProbeInfo], float | None]]] = {
    "trading_dashboard_agent_probe_passing": (
        "1 if enough probes in a row were good.", lambda p: p.is_passing,
    ),
    "trading_dashboard_agent_probe_failures": ("Bad probes in a row.", lambda p: p.failures),
    "trading_dashboard_agent_probe_latency_seconds": (
        "Of its newest answered probe.", lambda p: p.latency_seconds,
    ),
}  # fmt: skip
LOG_FIGURES: Mapping[str, tuple[str, Callable[[LogFigures], int]]] = {
    "trading_dashboard_agent_log_bytes_total": (
        "It wrote to its standard output and error.", lambda f: f.written_bytes,
    ),
    "trading_dashboard_agent_log_dropped_bytes_total": (
        "Of those, in no log: too fast, or a line too long.", lambda f: f.dropped_bytes,
    ),
    "trading_dashboard_agent_log_dropped_lines_total": (
        "Lines that came faster than a log can keep.", lambda f: f.dropped_lines,
    ),
    "trading_dashboard_agent_log_unfiled_lines_total": (
        "Lines that the disk did not take.", lambda f: f.unfiled_lines,
    ),
}  # fmt: skip
RESTARTS = "trading_dashboard_agent_restarts_total"
INFO = "trading_dashboard_supervisor_info"
UPTIME = "trading_dashboard_supervisor_uptime_seconds"
WRITTEN = "trading_dashboard_history_events_written_total"
LOST = "trading_dashboard_history_events_lost_total"
WAITING = "trading_dashboard_history_events_waiting"
SIZE = "trading_dashboard_history_file_bytes"
NAMES = (
    *STATES,
    *FIGURES,
    *PROBE_FIGURES,
    *LOG_FIGURES,
    RESTARTS,
    INFO,
    UPTIME,
    WRITTEN,
    LOST,
    WAITING,
    SIZE,
)


def render(
    supervisor: SupervisorInfo,
    agents: Mapping[str, AgentInfo],
    logs: Mapping[str, LogFigures],
    history: EventHistory | None,
) -> bytes:
    """Return the exposition text. Looks at the disk, so not for an event loop."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    registry.register(_Snapshot(supervisor, agents, logs, history))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Snapshot:
    """A collector over one moment."""

    def __init__(
        self,
        supervisor: SupervisorInfo,
        agents: Mapping[str, AgentInfo],
        logs: Mapping[str, LogFigures],
        history: EventHistory | None,
    ) -> None:
        self._supervisor = supervisor
        self._logs = logs
        self._agents = agents
        self._history = history

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        yield from self._of_supervisor()
        yield from self._of_agents()
        yield from self._of_probes()
        yield from self._of_logs()
        if self._history is not None:
            yield from self._of_history(self._history)

    def _of_supervisor(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        about = self._supervisor
        labels = {"version": about.version, "environment": about.environment, "state": about.state}
        info = GaugeMetricFamily(INFO, "Which supervisor this is.", labels=list(labels))
        info.add_metric(list(labels.values()), 1)
        yield info
        seconds = (datetime.now(UTC) - about.started_at).total_seconds()
        yield GaugeMetricFamily(UPTIME, "Since the supervisor started.", value=max(seconds, 0.0))

    def _of_agents(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, (field, states, text) in STATES.items():
            family = GaugeMetricFamily(name, text, labels=["agent", field])
            for agent in self._agents.values():
                for state in states:
                    family.add_metric([agent.name, state], getattr(agent, field) is state)
            yield family
        restarts = CounterMetricFamily(
            RESTARTS, "Restarts the supervisor made on its own.", labels=["agent"]
        )
        for agent in self._agents.values():
            restarts.add_metric([agent.name], agent.restarts)
        yield restarts
        for name, (text, value) in FIGURES.items():
            family = GaugeMetricFamily(name, text, labels=["agent"])
            for agent in self._agents.values():
                found = value(agent)
                if found is not None:
                    family.add_metric([agent.name], found)
            yield family

    def _of_probes(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        for name, (text, value) in PROBE_FIGURES.items():
            family = GaugeMetricFamily(name, text, labels=["agent", "role", "kind"])
            for agent in self._agents.values():
                for probe in agent.probes:
                    found = value(probe)
                    if found is not None:
                        family.add_metric([agent.name, probe.role, probe.kind], found)
            yield family

    def _of_logs(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        for name, (text, value) in LOG_FIGURES.items():
            family = CounterMetricFamily(name, text, labels=["agent"])
            for agent, figures in self._logs.items():
                family.add_metric([agent], value(figures))
            yield family

    def _of_history(self, history: EventHistory) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        recorder = history.recorder
        yield CounterMetricFamily(WRITTEN, "Events written.", value=recorder.written)
        yield CounterMetricFamily(LOST, "Events that could not be.", value=recorder.lost)
        yield GaugeMetricFamily(WAITING, "Events not written yet.", value=recorder.waiting)
        yield GaugeMetricFamily(SIZE, "Size of the history.", value=history.size_bytes())


async def render_now(supervision: Supervision) -> bytes:
    """Return the exposition text of this moment."""
    agents = await supervision.agents.get_all_agent_status()
    logs = {name: supervision.agents.log_figures(name) for name in agents}
    about, history = supervision.describe(), supervision.history
    return await asyncio.to_thread(render, about, agents, logs, history)


def _size(path: str | None) -> int | None:
    try:
        return Path(path).stat().st_size if path else None
    except OSError:
        return None
