"""Value at risk and expected shortfall by method, with their back-tests."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_var")


def risk_var() -> None:
    """Place the card."""
    _mount(key="risk_var", data={})
