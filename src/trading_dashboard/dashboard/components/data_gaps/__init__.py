"""Stretches of open hours without data, with their cause and whether they were filled."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_gaps")


def data_gaps() -> None:
    """Place the table of gaps."""
    _mount(key="data_gaps", data={})
