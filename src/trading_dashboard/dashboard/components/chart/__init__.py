"""The chart: streaming candles and volume of one symbol, with its quote."""

from __future__ import annotations

from collections.abc import Sequence

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("chart")


def chart(
    symbol: str | None, interval: str | None, adjusted: str | None, intervals: Sequence[str]
) -> None:
    """Place the chart. What the user chooses on it goes into the URL without a rerun.

    Args:
        symbol: The symbol to show; None shows the last one.
        interval: The bar interval to show; None shows the last one.
        adjusted: What to adjust prices and volumes for; None as the last time.
        intervals: All intervals on offer, shortest first.
    """
    chosen = {"symbol": symbol, "interval": interval, "adjusted": adjusted}
    _mount(key="chart", data=chosen | {"intervals": list(intervals)})
