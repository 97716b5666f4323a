"""The ticket of a paper order, checked while one types."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_ticket")


def risk_ticket() -> None:
    """Place the card."""
    _mount(key="risk_ticket", data={})
