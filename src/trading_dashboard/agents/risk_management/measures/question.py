"""What is asked of a portfolio, and the shape of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trading_dashboard.agents.risk_management.measures.liquidity import PARTICIPATION
from trading_dashboard.agents.risk_management.measures.returns import Days, Floats, ReturnPanel
from trading_dashboard.agents.risk_management.measures.var import PATHS, VarSettings
from trading_dashboard.models.risk.measures import (
    Contribution,
    CorrelationMatrix,
    Measure,
    VarMethod,
    VarRow,
)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A symbol's daily bars, adjusted for splits and dividends; shape ``(T,)``, NaN if missing.

    Volume is adjusted for splits alone.
    """

    dates: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioQuestion:
    """A portfolio, and what is asked of it.

    Attributes:
        panel: Daily returns of every holding; one without history is a column of NaN.
        values: Shape ``(N,)``, currency, in the order of `panel.symbols`; short below zero.
        equity: Cash and holdings; without it, or not above zero, fractions of it mean nothing.
        quantities: Shape ``(N,)``, shares or coins, for liquidity.
        confidence: Of VaR, expected shortfall and CDaR.
        horizon_days: Trading days.
        window: Newest days used.
        methods: Of VaR, in the order of the rows.
        contributions_method: ``historical`` or ``normal``.
        paths: Of methods that draw.
        seed: Of methods that draw.
        settings: What methods leave open.
        benchmark: Name and returns of shape ``(T,)`` on `panel.dates`, for beta.
        bars: Daily bars by symbol, for Parkinson, Yang-Zhang and liquidity.
        participation: Share of a day's volume that leaving may take.
        risk_free: A year's rate.
        with_garch: Whether to fit GARCH to the portfolio; slow.
        equity_curve: Equity of the account at each close, shape ``(days,)``, oldest first.
    """

    panel: ReturnPanel
    values: Floats
    equity: float | None
    quantities: Floats | None = None
    confidence: float = 0.95
    horizon_days: int = 1
    window: int = 500
    methods: Sequence[VarMethod] = tuple(VarMethod)
    contributions_method: VarMethod = VarMethod.HISTORICAL
    paths: int = PATHS
    seed: int = 0
    settings: VarSettings = field(default_factory=VarSettings)
    benchmark: tuple[str, Floats] | None = None
    bars: Mapping[str, Bars] = field(default_factory=dict)
    participation: float = PARTICIPATION
    risk_free: float = 0.0
    with_garch: bool = False
    equity_curve: Floats | None = None


@dataclass(frozen=True, slots=True)
class PortfolioReport:
    """The answer; its parts are those of `models.risk.measures.PortfolioRisk`."""

    measures: list[Measure]
    var: list[VarRow]
    contributions: list[Contribution]
    contributions_method: VarMethod
    correlation: CorrelationMatrix | None
    notes: list[str]
