"""What is kept on disk, and how much room is left."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_storage")


def data_storage() -> None:
    """Place the storage card."""
    _mount(key="data_storage", data={})
