"""All routes of the pattern recognition agent, put together, and its figures for `/metrics`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.api.catalogue import add_catalogue, add_signals
from trading_dashboard.agents.pattern_recognition.api.patterns import add_patterns
from trading_dashboard.agents.pattern_recognition.api.scans import add_scans
from trading_dashboard.agents.pattern_recognition.api.surroundings import add_surroundings
from trading_dashboard.agents.pattern_recognition.questions import Questions
from trading_dashboard.agents.pattern_recognition.scanning import Scanning
from trading_dashboard.agents.pattern_recognition.streaming.connection import serve_stream
from trading_dashboard.agents.pattern_recognition.surroundings import Surroundings


def add_routes(app: AgentApp, agent: PatternAgent) -> None:
    """Add all routes."""
    questions = Questions(agent)
    add_patterns(app, questions)
    add_signals(app, questions)
    add_surroundings(app, Surroundings(agent))
    add_scans(app, Scanning(agent))
    add_catalogue(app, agent.settings.shapes)

    async def stream(websocket: WebSocket) -> None:
        await serve_stream(websocket, agent.hub)

    app.router.add_websocket_route("/stream", stream, name="stream")


def add_metrics(app: AgentApp, agent: PatternAgent) -> None:
    """Add the agent's own figures."""
    hub, book = agent.hub, agent.book
    add = app.metrics.add
    add("pattern_series", "Series followed.", "gauge", lambda: len(book.trackers))
    add("pattern_bars_total", "Closed bars looked at.", "counter", lambda: book.bars_seen)
    add("pattern_events_total", "Number of the newest event.", "counter", lambda: book.event)
    add(
        "pattern_market_stale",
        "1 while market data is away.",
        "gauge",
        lambda: float(agent.is_stale),
    )
    add("pattern_stream_connections", "Open streams.", "gauge", lambda: hub.subscribers)
    add("pattern_stream_messages_total", "Messages sent.", "counter", lambda: hub.sent)
    add(
        "pattern_stream_conflated_total",
        "States merged into newer ones because a reader was slow.",
        "counter",
        lambda: hub.conflated,
    )
