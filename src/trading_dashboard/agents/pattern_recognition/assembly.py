"""The pattern recognition agent put together from its environment: settings, record, routes.

Owns what the agent is made of. Its life is `agent`'s.
"""

from __future__ import annotations

import logging

from trading_dashboard import __version__
from trading_dashboard.agents.kit import (
    AgentApp,
    AgentEnvironment,
    checked_settings,
    create_agent_app,
)
from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.api.routes import add_metrics, add_routes
from trading_dashboard.agents.pattern_recognition.live.market import Market, RemoteMarket
from trading_dashboard.agents.pattern_recognition.live.record import Record
from trading_dashboard.agents.pattern_recognition.shapes.detect import search
from trading_dashboard.models.pattern_settings import PatternSettings

NAME = "pattern_recognition"
DEFAULT_PORT = 8001
MARKET_DATA = "market_data"
MARKET_DATA_URL = "http://localhost:8000"
MAX_BODY_BYTES = 4 * 1024 * 1024
"""20,000 bars of one's own as JSON."""

logger = logging.getLogger(__name__)


def build(environment: AgentEnvironment, market: Market | None = None) -> AgentApp:
    """Return the agent's application. What it follows is asked for once it serves.

    Args:
        environment: Where and how it runs.
        market: What it follows; by default the market data agent that it is told of.

    Raises:
        ConfigurationError: The settings have mistakes.
        RecordInUse, RecordUnusable: The record cannot be used.
    """
    settings = checked_settings(PatternSettings, environment)
    record = Record(environment.data_directory)
    logger.log(logging.WARNING if search().kernel is None else logging.INFO, "%s", search())
    if market is None:
        market = RemoteMarket(market_data_url(settings, environment))
    agent = PatternAgent(record, market, settings)
    app = create_agent_app(
        environment,
        version=__version__,
        title="Pattern recognition agent",
        description="Patterns as bars close: when each was first known, what became of it, and "
        "what its like were worth before. Nothing later than the market clock is looked at.",
        health=agent.health,
        lifespan=agent.lifespan,
        max_body_bytes=MAX_BODY_BYTES,
    )
    app.state.agent = agent
    add_routes(app, agent)
    add_metrics(app, agent)
    app.before_exit.append(agent.close_streams)
    return app


def market_data_url(settings: PatternSettings, environment: AgentEnvironment) -> str:
    """Return where market data answers: as the settings say, else as the supervisor does."""
    told = environment.agent_urls.get(MARKET_DATA, MARKET_DATA_URL)
    return settings.market_data_url or told
