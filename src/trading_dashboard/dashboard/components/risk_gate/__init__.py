"""The trading gate with its causes, and the act that reopens it."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_gate")


def risk_gate() -> None:
    """Place the card."""
    _mount(key="risk_gate", data={})
