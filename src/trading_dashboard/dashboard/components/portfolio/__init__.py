"""The portfolio in short: its value, the day, and where its limits stand."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("portfolio")


def portfolio() -> None:
    """Place the card."""
    _mount(key="portfolio", data={})
