"""All routes of the market data agent, put together.

Owns which there are; each module beside this one owns some. They ask a `Market`, whatever it is.
"""

from __future__ import annotations

from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.market_data.agent import MarketDataAgent
from trading_dashboard.agents.market_data.api.calendar import add_calendar
from trading_dashboard.agents.market_data.api.clock import add_clock, add_clock_setting
from trading_dashboard.agents.market_data.api.figures import ClockFigures, add_metrics
from trading_dashboard.agents.market_data.api.gaps import add_gaps, add_quarantine
from trading_dashboard.agents.market_data.api.historical import add_historical
from trading_dashboard.agents.market_data.api.prices import add_prices
from trading_dashboard.agents.market_data.api.quality import add_quality
from trading_dashboard.agents.market_data.api.storage import add_storage
from trading_dashboard.agents.market_data.api.symbols import add_symbols
from trading_dashboard.agents.market_data.api.validation import add_validation
from trading_dashboard.agents.market_data.demo.desk import DemoDesk
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.agents.market_data.streaming.connection import serve_stream
from trading_dashboard.agents.market_data.streaming.hub import StreamHub


def add_routes(app: AgentApp, agent: MarketDataAgent) -> None:
    """Add all routes of the replay."""
    market = DemoDesk(agent.market, agent.clock, agent.computed, agent.store.path.parent)
    add_reading(app, market)
    add_clock_setting(app, market, agent.set_clock)
    add_stream(app, agent.hub)
    clock = agent.clock
    add_metrics(
        app,
        agent.hub,
        ClockFigures(
            seconds=lambda: clock.instant().now,
            speed=lambda: clock.speed,
            is_moving=lambda: clock.is_moving and not clock.overdue_seconds(),
        ),
    )


def add_stream(app: AgentApp, hub: StreamHub) -> None:
    """Add the WebSocket."""

    async def stream(websocket: WebSocket) -> None:
        await serve_stream(websocket, hub)

    app.router.add_websocket_route("/stream", stream, name="stream")


def add_reading(app: AgentApp, market: Market) -> None:
    """Add every route that only reads, over any market."""
    for add in (
        add_symbols, add_prices, add_historical, add_calendar, add_validation, add_quality,
        add_gaps, add_quarantine, add_storage, add_clock,
    ):  # fmt: skip
        add(app, market)
