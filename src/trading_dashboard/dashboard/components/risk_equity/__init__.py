"""Equity at each session's start until now, and its drawdown."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("risk_equity")


def risk_equity() -> None:
    """Place the card."""
    _mount(key="risk_equity", data={})
