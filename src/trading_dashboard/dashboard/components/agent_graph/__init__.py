"""Which agent depends on which, as a drawing and as a list."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("agent_graph")


def agent_graph() -> None:
    """Place the graph."""
    _mount(key="agent_graph", data={})
