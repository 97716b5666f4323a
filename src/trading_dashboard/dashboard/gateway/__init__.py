"""The browser's one way to the control API and to the agents: same origin, no tokens in the page.

`upstreams` knows where things are and what authority a request gets, `http_proxy` forwards
requests, `socket_proxy` forwards WebSockets, `routes` puts them under ``/api``.
"""

from trading_dashboard.dashboard.gateway.routes import gateway_routes
from trading_dashboard.dashboard.gateway.upstreams import Upstreams

__all__ = ["Upstreams", "gateway_routes"]
