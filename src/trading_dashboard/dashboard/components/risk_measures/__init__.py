"""Volatility, drawdown, ratios and what else is measured."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_measures")


def risk_measures() -> None:
    """Place the card."""
    _mount(key="risk_measures", data={})
