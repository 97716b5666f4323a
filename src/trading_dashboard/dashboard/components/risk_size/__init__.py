"""How big a position should be, by five methods, with the reckoning."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_size")


def risk_size() -> None:
    """Place the card."""
    _mount(key="risk_size", data={})
