"""The catalogue: what each pattern is, whose definition it is, and its picture."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("pattern_catalogue")


def pattern_catalogue() -> None:
    """Place the list of definitions."""
    _mount(key="pattern_catalogue", data={})
