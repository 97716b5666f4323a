"""The trading gate, limits and the pre-trade check as they travel."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, Field

from trading_dashboard.models.market import Wire
from trading_dashboard.models.risk.account import Marked, Text


class GateState(StrEnum):
    """What may be traded. Cancels pass in every state."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only orders that bring a position nearer to zero."""
    HALTED = "halted"


class CauseKind(StrEnum):
    """Why the gate is not open."""

    STARTING = "starting"
    """Not all is known yet. The only cause that ends by itself."""
    STALE_DATA = "stale_data"
    UPSTREAM_UNHEALTHY = "upstream_unhealthy"
    LIMIT_BREACHED = "limit_breached"
    LEASE_LAPSED = "lease_lapsed"
    KILL_SWITCH = "kill_switch"
    CLOCK_TROUBLE = "clock_trouble"
    STORE_UNWRITABLE = "store_unwritable"
    OWN_DOUBT = "own_doubt"
    """The gate cannot trust itself: its record is lost or damaged, or one of its watches failed."""


class GateCause(Wire):
    """One reason, latched until the gate is reopened."""

    kind: CauseKind
    subject: str
    """A symbol, an agent, a limit, …; with `kind` what it is known by."""
    closes_to: GateState
    message: str
    next_step: str
    since: datetime
    """Wall clock."""
    market_time: datetime | None = None
    lasts: bool
    """It still holds now; while one does, reopening is refused."""
    ended_at: datetime | None = None
    times: int = 1
    """How often it has come since the gate was open."""


class GateStatus(Wire):
    """``GET /gate``."""

    state: GateState
    trading_allowed: bool
    """True in ACTIVE alone."""
    causes: list[GateCause]
    since: datetime
    lease_seconds_left: float | None = None
    """None where no supervisor has to renew it."""
    seq: int
    """Grows by one with each change of state or causes."""
    as_of: datetime
    """Wall clock."""


class GateReopening(Wire):
    """Body of ``POST /gate/reopen``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Text = Field(min_length=1)
    seen_seq: int | None = None
    """The status the person looked at; refused if causes have come since."""


class KillSwitch(Wire):
    """Body of ``POST /gate/kill``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Text = Field(min_length=1)
    cancel_orders: bool = True


class KillReport(Wire):
    """What the kill switch did, and the probe that shows it holds."""

    gate: GateStatus
    cancelled: int
    verified: bool
    """A probe order sent through the same check afterwards was denied."""
    probe_code: str | None
    message: str


class LeaseRenewal(Wire):
    """Body of ``POST /gate/lease``, from the supervisor."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str = Field(max_length=64)
    ttl_seconds: float = Field(gt=0, le=60)
    agents: dict[str, str] = Field(default_factory=dict, max_length=1000)
    """Health by agent, as the supervisor judges it: of those this one depends on."""
    reasons: dict[str, str] = Field(default_factory=dict, max_length=1000)
    """What happened to those that are not well, where the supervisor knows it."""


class LimitKind(StrEnum):
    """What can be bounded."""

    GROSS = "gross"
    NET = "net"
    SYMBOL = "symbol"
    """Value of one holding; `subject` is the symbol or ``*``."""
    CONCENTRATION = "concentration"
    """Largest holding's share of gross exposure."""
    VAR = "var"
    DRAWDOWN = "drawdown"
    DAILY_LOSS = "daily_loss"
    ORDERS_PER_MINUTE = "orders_per_minute"
    ORDER_VOLUME = "order_volume"
    """An order's size, of the symbol's average daily volume."""


class Limit(Wire):
    """One limit. Soft warns, hard blocks and, once breached, closes the gate."""

    kind: LimitKind
    subject: str = Field(default="*", max_length=32)
    soft: float | None = Field(default=None, ge=0)
    hard: float | None = Field(default=None, ge=0)
    unit: Literal["currency", "fraction_of_equity", "fraction", "count"]


class LimitState(Limit):
    """A limit and where it stands."""

    value: float | None
    """None where it cannot be told; a hard limit that cannot be told counts as breached."""
    used: float | None = None
    """Of the hard limit, else of the soft one."""
    state: Literal["ok", "warned", "breached", "unknown", "off"]
    message: str


class LimitsResponse(Marked):
    """``GET /risk/limits``."""

    limits: list[LimitState]
    as_of: datetime | None
    seq: int


class LimitChange(Wire):
    """Body of ``PUT /risk/limits``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LimitKind
    subject: str = Field(default="*", max_length=32)
    soft: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    hard: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    unit: Literal["currency", "fraction_of_equity", "fraction", "count"] | None = None
    """None keeps the unit the limit has."""
    reason: Text = Field(min_length=1)


class CheckCode(StrEnum):
    """Why an order is denied or warned about. Stable, for programs."""

    GATE_HALTED = "gate_halted"
    GATE_REDUCING = "gate_reducing"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NO_PRICE = "no_price"
    STALE_PRICE = "stale_price"
    MARKET_CLOSED = "market_closed"
    INSUFFICIENT_CASH = "insufficient_cash"
    NOT_REDUCING = "not_reducing"
    PRICE_TOO_FAR = "price_too_far"
    LIMIT_GROSS = "limit_gross"
    LIMIT_NET = "limit_net"
    LIMIT_SYMBOL = "limit_symbol"
    LIMIT_CONCENTRATION = "limit_concentration"
    LIMIT_VAR = "limit_var"
    LIMIT_DRAWDOWN = "limit_drawdown"
    LIMIT_DAILY_LOSS = "limit_daily_loss"
    LIMIT_ORDERS_PER_MINUTE = "limit_orders_per_minute"
    LIMIT_ORDER_VOLUME = "limit_order_volume"
    STORE_UNWRITABLE = "store_unwritable"


class CheckFinding(Wire):
    """One rule that denies or warns, with its numbers."""

    code: CheckCode
    severity: Literal["deny", "warn"]
    message: str
    limit: float | None = None
    before: float | None = None
    after: float | None = None
    unit: str | None = None


class CheckResult(Marked):
    """``POST /check``: what would become of the order now. Reserves nothing."""

    allowed: bool
    findings: list[CheckFinding]
    gate: GateState
    price: float | None
    """The price it was judged at."""
    notional: float | None
    estimated_fee: float | None = None
    reduces: bool
    """It brings the position nearer to zero and does not turn it."""
    as_of: datetime | None
    numbers: dict[str, Any] = Field(default_factory=dict)
    """Before and after of exposure, cash and VaR."""
