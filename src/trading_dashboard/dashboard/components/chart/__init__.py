"""The chart: candles and volume of one symbol, with its quote, patterns and indicators."""

from __future__ import annotations

from collections.abc import Sequence

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("chart")


def chart(
    symbol: str | None,
    interval: str | None,
    adjusted: str | None,
    intervals: Sequence[str],
    *,
    pattern: str | None = None,
    indicators: str | None = None,
) -> None:
    """Place the chart. What the user chooses on it goes into the URL without a rerun.

    Args:
        symbol: The symbol to show; None shows the last one.
        interval: The bar interval to show; None shows the last one.
        adjusted: What to adjust prices and volumes for; None as the last time.
        intervals: All intervals on offer, shortest first.
        pattern: Id of the pattern to bring into view; None for none.
        indicators: Those to draw, such as ``sma:20,macd:12:26:9``; None as the last time.
    """
    chosen = {"symbol": symbol, "interval": interval, "adjusted": adjusted}
    layers = {"pattern": pattern, "indicators": indicators}
    _mount(key="chart", data=chosen | layers | {"intervals": list(intervals)})
