"""Signals: confirmed patterns as trade ideas, with entry, stop, target and worth."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("pattern_signals")


def pattern_signals() -> str | None:
    """Place the list. Returns the pattern whose chart was asked for, if any, as JSON."""
    opened = _mount(key="pattern_signals", data={}, on_open_change=lambda: None).open
    return opened if isinstance(opened, str) else None
