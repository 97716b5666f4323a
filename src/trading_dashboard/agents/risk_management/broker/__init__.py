"""Paper orders filled from the live stream. Pure.

broker     what a tick triggers, fills and ends
pricing    triggers, quotes, slippage, limits
fees       what a fill costs
ticks      one tick, read from what market data tells
"""

from trading_dashboard.agents.risk_management.broker.broker import PaperBroker
from trading_dashboard.agents.risk_management.broker.ticks import Tick, TickReader
from trading_dashboard.models.risk.broker_settings import BrokerSettings

__all__ = ["BrokerSettings", "PaperBroker", "Tick", "TickReader"]
