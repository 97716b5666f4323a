"""The newest patterns in short."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("newest_patterns")


def newest_patterns() -> str | None:
    """Place the card. Returns the pattern whose chart was asked for, if any, as JSON."""
    opened = _mount(key="newest_patterns", data={}, on_open_change=lambda: None).open
    return opened if isinstance(opened, str) else None
