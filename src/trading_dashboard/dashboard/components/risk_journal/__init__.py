"""Every change of the account, the limits and the gate."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_journal")


def risk_journal() -> None:
    """Place the card."""
    _mount(key="risk_journal", data={})
