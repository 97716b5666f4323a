"""The orchestrator's HTTP and WebSocket face: loopback only, with a token for each run.

Owns transport, authentication and error shapes. Decides nothing about agents.
"""

from trading_dashboard.control_api.app import create_app
from trading_dashboard.control_api.server import ControlServer, bind_loopback
from trading_dashboard.control_api.supervision import Supervision

__all__ = ["ControlServer", "Supervision", "bind_loopback", "create_app"]
