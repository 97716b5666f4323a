"""The market data agent's own figures for `/metrics`, whatever market it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.market_data.streaming.hub import StreamHub


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFigures:
    """What is asked of the market clock: seconds since 1970, its pace, whether time passes."""

    seconds: Callable[[], float]
    speed: Callable[[], float]
    is_moving: Callable[[], bool]


def add_metrics(app: AgentApp, hub: StreamHub, clock: ClockFigures) -> None:
    """Add the agent's own figures."""
    add = app.metrics.add
    add("market_data_stream_connections", "Open streams.", "gauge", lambda: hub.subscribers)
    add("market_data_stream_messages_total", "Messages sent.", "counter", lambda: hub.sent)
    add(
        "market_data_stream_conflated_total",
        "Updates merged into newer ones because a reader was slow.",
        "counter",
        lambda: hub.conflated,
    )
    add(
        "market_data_clock_seconds",
        "Market time, seconds since 1970.",
        "gauge",
        clock.seconds,
    )
    add("market_data_clock_speed", "Market seconds per second.", "gauge", clock.speed)
    add(
        "market_data_clock_moving",
        "1 while market time passes, 0 when paused, finished or held.",
        "gauge",
        lambda: float(clock.is_moving()),
    )
