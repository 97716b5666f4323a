"""The agents in full: state, health, resources, errors, and the buttons that act on them."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("agent_status")


def agent_status() -> None:
    """Place the table of agents."""
    _mount(key="agent_status", data={})
