"""What ``/stream`` of the risk management agent sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from trading_dashboard.models.market import Wire
from trading_dashboard.models.risk.account import Fill, Order, PositionsResponse
from trading_dashboard.models.risk.gate import GateStatus, LimitsResponse


class RiskFeedMessage(Wire):
    """Base. `seq` grows by one on one connection."""

    seq: int


class RiskSnapshot(RiskFeedMessage):
    """The state at the start; what follows builds on it."""

    type: Literal["snapshot"]
    gate: GateStatus
    account: PositionsResponse
    limits: LimitsResponse
    orders: list[Order]
    """Those that work."""


class GateUpdate(RiskFeedMessage):
    """The gate or one of its causes changed. Never merged away."""

    type: Literal["gate"]
    gate: GateStatus


class AccountUpdate(RiskFeedMessage):
    """The account valued anew; at most a few a second, the newest counts."""

    type: Literal["account"]
    account: PositionsResponse
    conflated: int = 0


class LimitsUpdate(RiskFeedMessage):
    """Where limits stand, when one changes its state or its value is told anew."""

    type: Literal["limits"]
    limits: LimitsResponse
    conflated: int = 0


class OrderUpdate(RiskFeedMessage):
    """An order changed; `fill` if by an execution. Never merged away."""

    type: Literal["order"]
    order: Order
    fill: Fill | None = None


class RiskHeartbeat(RiskFeedMessage):
    """Sent after a second of silence."""

    type: Literal["heartbeat"]


class RiskRefusal(RiskFeedMessage):
    """The connection is refused; `error` has the one error shape."""

    type: Literal["error"]
    error: dict[str, Any]


RiskMessage = Annotated[
    RiskSnapshot
    | GateUpdate
    | AccountUpdate
    | LimitsUpdate
    | OrderUpdate
    | RiskHeartbeat
    | RiskRefusal,
    Field(discriminator="type"),
]
RISK_MESSAGE: TypeAdapter[RiskMessage] = TypeAdapter(RiskMessage)
