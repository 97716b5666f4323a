"""All routes of the risk management agent, put together, and its figures for `/metrics`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.account import add_account
from trading_dashboard.agents.risk_management.api.gate import add_gate
from trading_dashboard.agents.risk_management.api.orders import add_orders
from trading_dashboard.agents.risk_management.api.risk import add_risk
from trading_dashboard.agents.risk_management.live.questions import Questions
from trading_dashboard.agents.risk_management.streaming.connection import serve_stream
from trading_dashboard.models.risk.gate import GateState

_STATES = {GateState.ACTIVE: 0.0, GateState.REDUCING: 1.0, GateState.HALTED: 2.0}


def add_routes(app: AgentApp, agent: RiskAgent) -> None:
    """Add all routes."""
    questions = Questions(
        agent.account, agent.telling, agent.history, agent.heavy, agent.curve, agent.settings
    )
    add_account(app, agent)
    add_orders(app, agent)
    add_risk(app, agent, questions)
    add_gate(app, agent)

    async def stream(websocket: WebSocket) -> None:
        await serve_stream(websocket, agent.hub)

    app.router.add_websocket_route("/stream", stream, name="stream")


def add_metrics(app: AgentApp, agent: RiskAgent) -> None:
    """Add the agent's own figures."""
    hub, account, gate = agent.hub, agent.account, agent.gate.keeper.gate
    add = app.metrics.add
    add("risk_gate_state", "0 active, 1 reducing, 2 halted.", "gauge", lambda: _STATES[gate.state])
    add("risk_gate_causes", "Why the gate is closed.", "gauge", lambda: len(gate.causes))
    add("risk_positions", "Holdings.", "gauge", lambda: len(account.book.positions))
    add("risk_open_orders", "Orders that work.", "gauge", lambda: len(account.exposure.orders))
    add("risk_orders_denied_total", "Orders denied.", "counter", lambda: agent.desk.denied)
    add("risk_journal_seq", "The newest entry.", "gauge", lambda: account.book.seq)
    add("risk_journal_waiting", "Changes not on disk yet.", "gauge", lambda: agent.writer.waiting)
    add(
        "risk_journal_waiting_seconds",
        "How long the oldest of them waits.",
        "gauge",
        lambda: agent.writer.waiting_seconds,
    )
    add("risk_questions_waiting", "Computations that wait.", "gauge", lambda: agent.heavy.waiting)
    add("risk_questions_total", "Computations.", "counter", lambda: agent.heavy.computed)
    add("risk_stream_connections", "Open streams.", "gauge", lambda: hub.subscribers)
    add("risk_stream_messages_total", "Messages sent.", "counter", lambda: hub.sent)
    add(
        "risk_stream_conflated_total",
        "States merged because a reader was slow.",
        "counter",
        lambda: hub.conflated,
    )
