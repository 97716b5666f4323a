"""A scan over many symbols: its form, its progress and what it found."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("pattern_scan")


def pattern_scan() -> str | None:
    """Place the form. Returns the pattern whose chart was asked for, if any, as JSON."""
    opened = _mount(key="pattern_scan", data={}, on_open_change=lambda: None).open
    return opened if isinstance(opened, str) else None
