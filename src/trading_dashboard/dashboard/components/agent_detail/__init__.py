"""One agent in full: every fact, its probes, and what may be done with it."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("agent_detail")


def agent_detail() -> None:
    """Place the panel; it shows the agent that is chosen in the table."""
    _mount(key="agent_detail", data={})
