"""The scanner: every pattern that is open or recent, live."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("pattern_table")


def pattern_table() -> str | None:
    """Place the table. Returns the pattern whose chart was asked for, if any, as JSON."""
    opened = _mount(key="pattern_table", data={}, on_open_change=lambda: None).open
    return opened if isinstance(opened, str) else None
