"""What holdings of one's own would risk, beside the account's."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_holdings")


def risk_holdings() -> None:
    """Place the card."""
    _mount(key="risk_holdings", data={})
