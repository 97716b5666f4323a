"""What is known of an agent before anything has happened to it, and at the moment of looking."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentKind, AgentStatus
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.probe_plans import plans_for, unasked


def initial_info(agent: AgentSettings, kind: AgentKind, log_path: Path) -> AgentInfo:
    """Return the state of an agent that was never started."""
    return AgentInfo(name=agent.name, kind=kind, log_path=str(log_path), **described(agent))


def described(agent: AgentSettings) -> dict[str, Any]:
    """Return the fields of `AgentInfo` that the configuration tells."""
    return {
        "path": str(agent.working_directory),
        "url": agent.url,
        "port": host_and_port(agent.url)[1],
        "start_command": agent.start_command,
        "health_endpoint": agent.health_endpoint,
        "enabled": agent.enabled,
        "auto_start": agent.auto_start,
        "depends_on": agent.depends_on,
        "memory_limit_bytes": agent.restart.memory_limit_bytes,
        "probes": unasked(plans_for(agent)),
    }


def with_uptime(info: AgentInfo) -> AgentInfo:
    """Return `info` with its uptime as of now."""
    if info.started_monotonic is None or info.status is not AgentStatus.RUNNING:
        return info
    uptime = time.monotonic() - info.started_monotonic
    return info.model_copy(update={"uptime_seconds": uptime})
