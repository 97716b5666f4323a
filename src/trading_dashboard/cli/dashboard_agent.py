"""The dashboard as a part of the desk that is supervised like an agent."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from trading_dashboard.config.settings import AgentSettings, DashboardSettings
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.runtime import PortOwner, Runtime

NAME = "dashboard"
HOST = "127.0.0.1"
"""Not `localhost`: a login link must not reach whatever listens on the other loopback address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardPlan:
    """Whether the dashboard starts.

    Attributes:
        agent: How to supervise it; None if it does not start.
        trouble: Why it cannot start; None if it starts or is disabled.
    """

    agent: AgentSettings | None = None
    trouble: str | None = None

    @property
    def url(self) -> str | None:
        """Return the dashboard's address, or None if it does not start."""
        return self.agent.url if self.agent else None


async def plan_dashboard(
    settings: DashboardSettings, project_root: Path, runtime: Runtime
) -> DashboardPlan:
    """Return how the dashboard starts, or why it cannot."""
    if not settings.enabled:
        return DashboardPlan()
    port = settings.port or _free_port()
    owner = await runtime.port_owner(HOST, port)
    if owner is not None and not owner.is_leftover:
        return DashboardPlan(trouble=_taken(owner))
    return DashboardPlan(agent=_agent(settings, project_root, port))


def replan_dashboard(plan: DashboardPlan, settings: DashboardSettings) -> DashboardPlan:
    """Return the plan of a dashboard that starts, for other settings."""
    if plan.agent is None:
        return plan
    _, port = host_and_port(plan.agent.url)
    agent = _agent(settings, plan.agent.working_directory, settings.port or port)
    return DashboardPlan(agent=agent)


def _agent(settings: DashboardSettings, project_root: Path, port: int) -> AgentSettings:
    return AgentSettings(
        name=NAME,
        url=f"http://{HOST}:{port}",
        start_command=(
            sys.executable, "-P", "-m", "trading_dashboard.dashboard", "--port", "{port}",
        ),
        working_directory=project_root,
        # It answers within milliseconds, but draws pages besides: a page that is slow for seconds
        # is no hang. It is ended after 10 to 13 s of silence.
        health_check_interval=2.0,
        timeout=2.0,
        failure_threshold=3,
        startup_timeout=60.0,
        stop_timeout=3.0,
        settings=settings.model_dump(mode="json", exclude={"enabled", "open_browser"}),
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _taken(owner: PortOwner) -> str:
    who = "another program" if owner.pid is None else f"pid {owner.pid}"
    if owner.command:
        who += f" ({owner.command[:200]})"
    return (
        f"The dashboard does not start: port {owner.port} is held by {who}. The agents run without "
        "it. Stop that program, or start the desk with another --port (0 takes any)."
    )
