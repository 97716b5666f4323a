"""Stress scenarios: of history, by hand, and in reverse."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_stress")


def risk_stress() -> None:
    """Place the card."""
    _mount(key="risk_stress", data={})
