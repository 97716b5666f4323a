"""The watchlist: live prices of the configured symbols."""

from __future__ import annotations

from collections.abc import Sequence

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("watchlist")


def watchlist(symbols: Sequence[str]) -> str | None:
    """Place the watchlist. Returns the symbol whose chart was asked for in this run, if any."""
    result = _mount(key="watchlist", data={"symbols": list(symbols)}, on_open_change=lambda: None)
    symbol = result.open
    return symbol if isinstance(symbol, str) else None
