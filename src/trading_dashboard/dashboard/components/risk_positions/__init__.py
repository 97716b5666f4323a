"""What the paper account holds."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_positions")


def risk_positions() -> None:
    """Place the card."""
    _mount(key="risk_positions", data={})
