"""The chart: streaming candles and volume of one symbol, with its quote."""

from __future__ import annotations

from collections.abc import Sequence

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("chart")


def chart(symbol: str | None, interval: str | None, intervals: Sequence[str]) -> None:
    """Place the chart. What the user chooses on it goes into the URL without a rerun.

    Args:
        symbol: The symbol to show; None shows the last one.
        interval: The bar interval to show; None shows the last one.
        intervals: All intervals on offer, shortest first.
    """
    _mount(key="chart", data={"symbol": symbol, "interval": interval, "intervals": list(intervals)})
