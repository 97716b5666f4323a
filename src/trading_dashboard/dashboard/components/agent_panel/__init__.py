"""The agents in short, for the Overview."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("agent_panel")


def agent_panel() -> None:
    """Place the panel: one line per agent, and start-up progress while agents are starting."""
    _mount(key="agent_panel", data={})
