"""The live log of one agent or of all."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("log_view")


def log_view() -> None:
    """Place the log."""
    _mount(key="log_view", data={})
