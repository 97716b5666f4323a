"""The paper account as a whole: value, exposure, profit, import and export."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_account")


def risk_account() -> None:
    """Place the card."""
    _mount(key="risk_account", data={})
