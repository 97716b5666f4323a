"""Open orders, recent ones and fills of the paper account."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_orders")


def risk_orders() -> None:
    """Place the card."""
    _mount(key="risk_orders", data={})
