"""Recordings of a source's stream: made, listed, stopped, deleted, and which one is played."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_recordings")


def data_recordings() -> None:
    """Place the table of recordings."""
    _mount(key="data_recordings", data={})
