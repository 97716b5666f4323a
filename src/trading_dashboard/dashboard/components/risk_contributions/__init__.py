"""What each holding adds to the value at risk."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_contributions")


def risk_contributions() -> None:
    """Place the card."""
    _mount(key="risk_contributions", data={})
