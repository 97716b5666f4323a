"""How the agents were over the last day or week, and their availability per day."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("agent_timeline")


def agent_timeline() -> None:
    """Place the timeline."""
    _mount(key="agent_timeline", data={})
