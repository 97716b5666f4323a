"""The market clock, and the controls of a replay."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_replay")


def data_replay() -> None:
    """Place the clock and the replay controls."""
    _mount(key="data_replay", data={})
