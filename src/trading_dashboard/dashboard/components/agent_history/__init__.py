"""Incidents and events as tables, with filters, back to the beginning of the history."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("agent_history")


def agent_history() -> None:
    """Place both tables."""
    _mount(key="agent_history", data={})
