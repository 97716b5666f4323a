"""Risk measures as they travel: each says its formula, units, horizon, confidence and window."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from trading_dashboard.models.market import Labelled, Wire
from trading_dashboard.models.risk.account import Symbol

MAX_HOLDINGS = 500


class VarMethod(StrEnum):
    """How value at risk and expected shortfall are computed."""

    HISTORICAL = "historical"
    AGE_WEIGHTED = "age_weighted"
    FILTERED_HISTORICAL = "filtered_historical"
    NORMAL = "normal"
    STUDENT_T = "student_t"
    CORNISH_FISHER = "cornish_fisher"
    MONTE_CARLO_NORMAL = "monte_carlo_normal"
    MONTE_CARLO_T_COPULA = "monte_carlo_t_copula"


class DataWindow(Wire):
    """The returns a number is made of."""

    start: date | None
    end: date | None
    observations: int
    missing: list[str] = Field(default_factory=list)
    """Symbols without enough history; they are said, never counted as riskless."""


class Measure(Wire):
    """One number and what it means."""

    id: str
    """Stable, such as ``volatility.ewma`` or ``var.historical``."""
    name: str
    value: float | None
    """None where it cannot be told; `note` says why."""
    unit: Literal["currency", "fraction", "ratio", "days", "index", "count"]
    subject: str | None = None
    """A symbol; None for the portfolio."""
    horizon_days: float | None = None
    confidence: float | None = None
    annualised: bool = False
    window: DataWindow | None = None
    formula: str
    citation: str
    standard_error: float | None = None
    """Of Monte Carlo."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    note: str | None = None


class VarRow(Wire):
    """VaR and expected shortfall by one method, losses above zero."""

    method: VarMethod
    confidence: float
    horizon_days: float
    var: Measure
    expected_shortfall: Measure


class Contribution(Wire):
    """One holding's part in the portfolio's VaR; components add up to the whole (Euler)."""

    symbol: str
    weight: float | None
    value: float
    marginal: float | None
    """Change of VaR for one more unit of currency in it."""
    component: float | None
    incremental: float | None
    """VaR with it less VaR without it."""


class CorrelationMatrix(Wire):
    """Rows and columns in the order of `symbols`."""

    symbols: list[str]
    sample: list[list[float | None]]
    shrunk: list[list[float | None]]
    shrinkage: float | None
    """Ledoit and Wolf's intensity, 0 to 1."""
    window: DataWindow


class PortfolioRisk(Labelled):
    """``GET /risk/portfolio`` and ``POST /risk/calculate``."""

    as_of: datetime | None
    seq: int = 0
    equity: float | None
    gross: float | None
    net: float | None
    confidence: float
    horizon_days: float
    measures: list[Measure]
    var: list[VarRow]
    contributions: list[Contribution]
    contributions_method: VarMethod
    correlation: CorrelationMatrix | None
    is_sample: bool = False
    is_stale: bool = False
    notes: list[str] = Field(default_factory=list)


class Holding(Wire):
    """One holding of one's own; short below zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: Symbol
    quantity: float = Field(allow_inf_nan=False, ge=-1e9, le=1e9)


class RiskQuestion(Wire):
    """Body of ``POST /risk/calculate``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holdings: list[Holding] = Field(min_length=1, max_length=MAX_HOLDINGS)
    cash: float = Field(default=0, allow_inf_nan=False)
    confidence: float = Field(default=0.95, ge=0.8, le=0.999)
    horizon_days: int = Field(default=1, ge=1, le=60)
    window: int = Field(default=500, ge=60, le=5_000)
    methods: list[VarMethod] = Field(default_factory=list, max_length=8)
    """All if empty."""
    paths: int = Field(default=20_000, ge=1_000, le=200_000)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)


class BacktestTest(Wire):
    """One statistical test of a VaR's violations."""

    name: Literal["kupiec", "christoffersen_independence", "christoffersen_conditional"]
    statistic: float | None
    p_value: float | None
    rejected: bool | None
    """At 5 %."""
    note: str | None = None


class VarBacktest(Wire):
    """``GET /risk/backtest``: a VaR held against what came, one day ahead, walked forward."""

    subject: str
    method: VarMethod
    confidence: float
    window: int
    first: date | None
    last: date | None
    days: int
    violations: int
    expected: float
    tests: list[BacktestTest]
    traffic_light: Literal["green", "yellow", "red"] | None
    """Basel's zones over the last 250 days at 99 %, else by the same binomial bounds."""
    traffic_violations: int | None = None
    dates: list[date] = Field(default_factory=list)
    returns: list[float] = Field(default_factory=list)
    var: list[float | None] = Field(default_factory=list)
    violated: list[bool] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Such as how many days a slow fit is kept for."""
    missing: list[str] = Field(default_factory=list)
    """Holdings with too little history, which have no part in it."""
    coverage: float = 1.0
    """Share of gross exposure that has a part."""
    notes: list[str] = Field(default_factory=list)
    """Days that are in no test, and why."""


class BacktestResponse(Labelled):
    """All methods asked for."""

    as_of: datetime | None
    backtests: list[VarBacktest]
    notes: list[str] = Field(default_factory=list)


class Shock(Wire):
    """A scenario by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="by hand", max_length=100)
    all: Annotated[float, Field(ge=-1, le=10, allow_inf_nan=False)] | None = None
    """Return of every symbol, such as -0.1."""
    symbols: dict[Symbol, Annotated[float, Field(ge=-1, le=10, allow_inf_nan=False)]] = Field(
        default_factory=dict, max_length=MAX_HOLDINGS
    )
    """Return of single ones, instead of `all`."""
    volatility: float | None = Field(default=None, gt=0, le=20)
    """VaR with volatilities times this."""
    correlation: float | None = Field(default=None, ge=0, le=1)
    """Correlations moved this far towards 1; 1 is all alike."""


class StressRow(Wire):
    """What a scenario does to the portfolio."""

    id: str
    name: str
    kind: Literal["historical", "shock", "reverse"]
    start: date | None = None
    end: date | None = None
    pnl: float | None
    pnl_fraction: float | None
    worst_day: float | None = None
    """The worst day's change of value, as a fraction of equity now."""
    worst_drawdown: float | None = None
    """Deepest fall of equity from a peak on the way, as a fraction of the peak; above zero."""
    var_before: float | None = None
    var_after: float | None = None
    by_symbol: dict[str, float | None]
    """Profit or loss; None where there are no data."""
    returns: dict[str, float | None] = Field(default_factory=dict)
    """How far each symbol moves in the scenario."""
    distance: float | None = None
    """Of a reverse scenario: standard deviations from an ordinary day (Mahalanobis)."""
    missing: list[str] = Field(default_factory=list)
    """Holdings without data in the window; not counted, said."""
    coverage: float | None = None
    """Share of gross exposure that had data."""
    explanation: str


class StressQuestion(Wire):
    """Body of ``POST /risk/stress``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holdings: list[Holding] | None = Field(default=None, max_length=MAX_HOLDINGS)
    """Those of the account if missing."""
    shocks: list[Shock] = Field(default_factory=list, max_length=50)
    reverse_loss: float | None = Field(default=None, gt=0, le=1)
    """What loses this share of equity?"""


class StressResponse(Labelled):
    """``GET`` and ``POST /risk/stress``."""

    as_of: datetime | None
    equity: float | None
    scenarios: list[StressRow]
    notes: list[str] = Field(default_factory=list)


class SizingMethod(StrEnum):
    """How big a position should be."""

    FIXED_FRACTION = "fixed_fraction"
    VOLATILITY_TARGET = "volatility_target"
    ATR = "atr"
    KELLY = "kelly"
    RISK_PARITY = "risk_parity"


class SizingQuestion(Wire):
    """Body of ``POST /sizing``. What a method needs and is missing gets its setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: SizingMethod
    symbol: Symbol | None = None
    symbols: list[Symbol] = Field(default_factory=list, max_length=100)
    """Of risk parity."""
    side: Literal["buy", "sell"] = "buy"
    entry: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    stop: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    risk_fraction: float | None = Field(default=None, gt=0, le=1)
    """Of equity, lost if the stop is reached."""
    target_volatility: float | None = Field(default=None, gt=0, le=5)
    """A year's, as a fraction."""
    atr_multiple: float | None = Field(default=None, gt=0, le=20)
    win_probability: float | None = Field(default=None, gt=0, lt=1)
    payoff: float | None = Field(default=None, gt=0, le=100)
    """Average gain over average loss."""
    kelly_cap: float | None = Field(default=None, gt=0, le=1)
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class SizeRow(Wire):
    """One symbol's size."""

    symbol: str
    quantity: float
    notional: float
    fraction: float
    """Of equity."""
    risk: float | None = None
    """Currency lost at the stop, or the share of risk."""


class SizingResponse(Labelled):
    """A size, and how it came about."""

    as_of: datetime | None
    method: SizingMethod
    equity: float
    sizes: list[SizeRow]
    steps: list[str]
    """The reckoning in words and numbers, one step a line."""
    formula: str
    citation: str
    warnings: list[str] = Field(default_factory=list)
