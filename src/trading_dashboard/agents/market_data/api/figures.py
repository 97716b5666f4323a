"""The market data agent's own figures for `/metrics`."""

from __future__ import annotations

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.market_data.agent import MarketDataAgent


def add_metrics(app: AgentApp, agent: MarketDataAgent) -> None:
    """Add the agent's own figures."""
    hub, clock = agent.hub, agent.clock
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
        lambda: clock.instant().now,
    )
    add("market_data_clock_speed", "Market seconds per second.", "gauge", lambda: clock.speed)
    add(
        "market_data_clock_moving",
        "1 while market time passes, 0 when paused, finished or held.",
        "gauge",
        lambda: float(clock.is_moving and not clock.overdue_seconds()),
    )
