"""What happened on the desk, newest first, for the Overview."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("event_list")


def event_list() -> None:
    """Place the list of events."""
    _mount(key="event_list", data={})
