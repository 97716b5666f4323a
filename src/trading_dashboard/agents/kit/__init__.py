"""What every agent shares, and what users build their own agents on.

Example::

from trading_dashboard.agents.kit import create_agent_app, run_agent

def build(environment):
    app = create_agent_app(environment, version="1.0")
    ...
    return app

if __name__ == "__main__":
    raise SystemExit(run_agent("my_agent", build, default_port=8100))
"""

from trading_dashboard.agents.kit.app import AgentApp, create_agent_app
from trading_dashboard.agents.kit.environment import (
    AgentEnvironment,
    checked_settings,
    read_environment,
)
from trading_dashboard.agents.kit.errors import ErrorResponse
from trading_dashboard.agents.kit.metrics import AgentMetrics
from trading_dashboard.agents.kit.server import run_agent
from trading_dashboard.agents.kit.token import OperatorToken, ReadToken, TradeToken

__all__ = [
    "AgentApp",
    "AgentEnvironment",
    "AgentMetrics",
    "ErrorResponse",
    "OperatorToken",
    "ReadToken",
    "TradeToken",
    "checked_settings",
    "create_agent_app",
    "read_environment",
    "run_agent",
]
