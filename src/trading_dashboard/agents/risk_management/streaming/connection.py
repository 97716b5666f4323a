"""One WebSocket connection of `/stream`: it is read only, whatever a client sends is refused.

Owns the refusal; the life of a connection is `kit.streams`'.
"""

from __future__ import annotations

from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import streams
from trading_dashboard.agents.risk_management.streaming.hub import RiskHub
from trading_dashboard.models.errors import error_body

_REFUSAL = error_body(
    "invalid_operation",
    "This stream takes no messages.",
    next_step="Read it; orders are placed with POST /orders.",
)


async def serve_stream(websocket: WebSocket, hub: RiskHub) -> None:
    """Serve one client until it leaves, cannot keep up, or the agent stops."""
    await streams.serve_stream(
        websocket,
        hub,
        lambda subscriber: subscriber.pump(websocket.send_text),
        lambda _text, _subscriber: [_REFUSAL],
    )
