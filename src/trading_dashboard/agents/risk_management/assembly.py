"""The risk management agent put together from its environment: settings, store, routes.

Owns what the agent is made of. Its life is `agent`'s.
"""

from __future__ import annotations

from trading_dashboard import __version__
from trading_dashboard.agents.kit import (
    AgentApp,
    AgentEnvironment,
    checked_settings,
    create_agent_app,
)
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.routes import add_metrics, add_routes
from trading_dashboard.agents.risk_management.live.market import Market, RemoteMarket
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.settings import RiskSettings

NAME = "risk_management"
DEFAULT_PORT = 8002
MARKET_DATA = "market_data"
MARKET_DATA_URL = "http://localhost:8000"
MAX_BODY_BYTES = 1024 * 1024
"""An import of 2,000 positions."""


def build(environment: AgentEnvironment, market: Market | None = None) -> AgentApp:
    """Return the agent's application. What it follows is asked for once it serves.

    Args:
        environment: Where and how it runs.
        market: What it follows; by default the market data agent that it is told of.

    Raises:
        ConfigurationError: The settings have mistakes.
        AccountStoreError: The account cannot be opened, or another process has it.
    """
    settings = checked_settings(RiskSettings, environment)
    if market is None:
        told = environment.agent_urls.get(MARKET_DATA, MARKET_DATA_URL)
        market = RemoteMarket(settings.market_data_url or told)
    lease = settings.gate.lease
    store = AccountStore.open(settings.database_url, environment.data_directory)
    try:
        agent = RiskAgent(
            store,
            market,
            settings,
            needs_lease=environment.is_supervised if lease is None else lease,
            may_sample=environment.environment != "production",
        )
    except BaseException:
        store.close()
        raise
    app = create_agent_app(
        environment,
        version=__version__,
        title="Risk management agent",
        description="A paper account, risk numbers with their sources, limits, and the trading "
        "gate, which is closed until all is known and stays closed until a person opens it.",
        health=agent.health,
        lifespan=agent.lifespan,
        max_body_bytes=MAX_BODY_BYTES,
        needs_read_token=settings.read_token,
    )
    app.state.agent = agent
    app.operator.ensure()
    app.trader.ensure()
    add_routes(app, agent)
    add_metrics(app, agent)
    app.before_exit.append(agent.close_streams)
    return app
