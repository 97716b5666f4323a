"""Rows that were not believed, with the reason."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_quarantine")


def data_quarantine() -> None:
    """Place the table of quarantined rows."""
    _mount(key="data_quarantine", data={})
