"""What patterns were worth: a table, and whether what was said came true."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("pattern_worth")


def pattern_worth() -> None:
    """Place the table and the reliability diagram."""
    _mount(key="pattern_worth", data={})
