"""The correlation map."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_correlation")


def risk_correlation() -> None:
    """Place the card."""
    _mount(key="risk_correlation", data={})
