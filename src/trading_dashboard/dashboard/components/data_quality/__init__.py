"""Symbols with their quality grades and the parts these are made of, with a search."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("data_quality")


def data_quality() -> None:
    """Place the table of symbols."""
    _mount(key="data_quality", data={})
