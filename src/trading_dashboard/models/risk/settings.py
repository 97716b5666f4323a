"""`settings` of the embedded risk management agent.

Owns what the agent follows, what a new account begins with, and the measures it tells without being
asked for others. The thresholds of its broker, watches and limits are sections of their own.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from trading_dashboard.models.risk.broker_settings import BrokerSettings

_ADDRESS = re.compile(r"https?://[^\s/?#@]+:\d{1,5}/?")
_DATABASE = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://\S+")


def _check_address(url: str | None) -> str | None:
    if url is not None and not _ADDRESS.fullmatch(url):
        raise ValueError("must be an address such as http://localhost:8000")
    return url


def _check_database(url: str | None) -> str | None:
    if url is not None and not _DATABASE.fullmatch(url):
        raise ValueError("must be a database URL such as postgresql+psycopg://user@host/name")
    return url


class GateSettings(BaseModel):
    """When the gate closes, and what an order must satisfy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease: bool | None = Field(
        default=None,
        description="A supervisor has to renew its lease on the gate. Without it: whenever a "
        "supervisor started this agent.",
    )
    max_price_age_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3_600,
        description="Age of the newest price, in market time, beyond which data is stale; also of "
        "a symbol's own price for an order of it.",
    )
    min_silence_seconds: float = Field(
        default=2.0,
        gt=0,
        le=600,
        description="… and for so long no price must have come, in real time: in a fast replay a "
        "market minute passes in a blink.",
    )
    max_quiet_seconds: float = Field(
        default=3.0,
        gt=0,
        le=600,
        description="How long market data may say nothing at all, in real time.",
    )
    reconnect_seconds: float = Field(
        default=0.5,
        ge=0,
        le=60,
        description="How long the connection to market data may be gone.",
    )
    clock_tolerance_seconds: float = Field(
        default=1.0, gt=0, le=60, description="How far a clock may jump."
    )
    store_seconds: float = Field(
        default=3.0, gt=0, le=60, description="How long a change may take to be on disk."
    )
    max_price_distance: float | None = Field(
        default=0.2,
        gt=0,
        le=10,
        description="How far a limit price may lie on the wrong side of the market, as a share of "
        "it; `null` for any.",
    )
    allows_borrowing: bool = Field(default=False, description="Orders may take cash below zero.")


class RiskSettings(BaseModel):
    """What is followed, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market_data_url: Annotated[str | None, AfterValidator(_check_address)] = Field(
        default=None,
        description="Where the market data agent answers. Without it where `depends_on` says, and "
        "http://localhost:8000 for an agent that runs alone.",
    )
    database_url: Annotated[str | None, AfterValidator(_check_database)] = Field(
        default=None,
        description="Where the account is kept, as SQLAlchemy writes it; without it in a file of "
        "the agent's data directory.",
    )
    read_token: bool = Field(
        default=False,
        description="Reading needs a token, too. The dashboard has one.",
    )
    opening_cash: Decimal = Field(
        default=Decimal("100000.00"),
        ge=0,
        le=Decimal(1_000_000_000),
        decimal_places=2,
        description="What a new account begins with.",
    )
    sample: bool = Field(
        default=True,
        description="Give a new account of a replay a sample portfolio, marked as one. Never done "
        "in production, nor where prices are real.",
    )
    confidence: float = Field(
        default=0.95, ge=0.8, le=0.999, description="Of VaR where a question names none."
    )
    horizon_days: int = Field(
        default=1, ge=1, le=60, description="Of VaR where a question names none, in sessions."
    )
    window: int = Field(
        default=500,
        ge=60,
        le=5_000,
        description="Daily returns that measures look at where a question names none.",
    )
    benchmark: str | None = Field(
        default=None,
        max_length=32,
        description="What beta is measured against; no beta without it.",
    )
    gate: GateSettings = Field(default_factory=GateSettings, description="When the gate closes.")
    broker: BrokerSettings = Field(
        default_factory=BrokerSettings, description="How paper orders are filled."
    )
    history_days: int = Field(
        default=5_200,
        ge=250,
        le=20_000,
        description="Daily bars read of each symbol that is held or asked about.",
    )
