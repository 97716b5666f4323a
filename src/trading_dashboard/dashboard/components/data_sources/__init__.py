"""Where data come from: state, breaker, quota, errors, latency and licence of each source."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_sources")


def data_sources() -> None:
    """Place the table of sources."""
    _mount(key="data_sources", data={})
