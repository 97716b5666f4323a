"""Where the limits stand, and how they are changed."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_limits")


def risk_limits() -> None:
    """Place the card."""
    _mount(key="risk_limits", data={})
