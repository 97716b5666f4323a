"""What the puppet's risk agent has measured: made up, the same each time, in the agent's models."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

from trading_dashboard.models.risk import measures as m

NOON = datetime(2012, 9, 5, 16, 0, tzinfo=UTC)
LABELS: dict[str, Any] = {"source": "puppet", "replay": True, "intraday": "simulated"}
SYMBOLS = ("AAPL", "IBM", "MSFT")
WINDOW = m.DataWindow(start=date(2010, 9, 13), end=date(2012, 9, 4), observations=500)
FORMULA = {"formula": "a formula", "citation": "Jorion 2007, chapter 5"}
DAYS = 60


def _measure(name: str, value: float | None, unit: str, **more: Any) -> m.Measure:
    body = {"id": name, "name": name.split(".")[1].replace("_", " ").capitalize(), "value": value}
    return m.Measure.model_validate(body | {"unit": unit, "window": WINDOW} | FORMULA | more)


def var_rows(confidence: float) -> list[m.VarRow]:
    """Return a row per method; the more confident, the larger."""
    rows = []
    for place, method in enumerate(m.VarMethod):
        value = (1500.25 + 10 * place) * confidence
        ask = {"confidence": confidence, "horizon_days": 1}
        var = _measure(f"var.{method}", value, "currency", **ask)
        shortfall = _measure(f"es.{method}", value * 1.3, "currency", **ask)
        row = {"method": method, "var": var, "expected_shortfall": shortfall}
        rows.append(m.VarRow.model_validate(row | ask))
    return rows


def portfolio_risk(confidence: float, equity: float, seq: int) -> m.PortfolioRisk:
    """Return ``GET /risk/portfolio``."""
    numbers = [[1.0, 0.42, 0.31], [0.42, 1.0, -0.12], [0.31, -0.12, 1.0]]
    correlation = m.CorrelationMatrix(
        symbols=list(SYMBOLS), sample=numbers, shrunk=numbers, shrinkage=0.12, window=WINDOW
    )
    contributions = [
        m.Contribution(
            symbol=symbol, weight=0.2, value=1e4, marginal=0.02, component=600.0 - 200 * n,
            incremental=500.0 - 190 * n,
        )
        for n, symbol in enumerate(SYMBOLS)
    ]  # fmt: skip
    return m.PortfolioRisk(
        **LABELS, as_of=NOON, seq=seq, equity=equity, gross=6e4, net=4e4, confidence=confidence,
        horizon_days=1, var=var_rows(confidence), contributions=contributions,
        contributions_method=m.VarMethod.HISTORICAL, correlation=correlation, is_sample=True,
        measures=[
            _measure("volatility.ewma", 0.1834, "fraction", annualised=True),
            _measure("drawdown.maximum", 0.0892, "fraction"),
            _measure("ratio.sharpe", 1.57, "ratio", annualised=True),
            _measure("beta.beta", None, "ratio", note="No benchmark is set."),
        ],
    )  # fmt: skip


def backtest(method: m.VarMethod, confidence: float, window: int) -> m.VarBacktest:
    """Return a test over sixty days, four of them beyond."""
    returns = [math.sin(day * 2.3) * 0.012 for day in range(DAYS)]
    for day in (7, 21, 22, 48):
        returns[day] = -0.031
    dates = [date(2012, 6, 1) + timedelta(days=day) for day in range(DAYS)]
    outcomes: list[tuple[str, float, float]] = [
        ("kupiec", 0.4, 0.527),
        ("christoffersen_independence", 4.4, 0.036),
        ("christoffersen_conditional", 4.8, 0.091),
    ]
    tests = [
        m.BacktestTest.model_validate(
            {"name": name, "statistic": statistic, "p_value": p, "rejected": p < 0.05}
        )
        for name, statistic, p in outcomes
    ]
    return m.VarBacktest(
        subject="portfolio", method=method, confidence=confidence, window=window, first=dates[0],
        last=dates[-1], days=DAYS, violations=4, expected=DAYS * (1 - confidence), tests=tests,
        traffic_light="yellow", traffic_violations=4, dates=dates, returns=returns,
        var=[0.02] * DAYS, violated=[value < -0.02 for value in returns],
    )  # fmt: skip


def stress(question: m.StressQuestion | None, equity: float) -> m.StressResponse:
    """Return falls of history, and of what is asked by hand a tenth of equity times the shock."""
    rows = []
    if question is None:
        rows.append(_row("autumn-2008", "Autumn 2008", "historical", -0.242, equity))
    for number, shock in enumerate(question.shocks if question else []):
        rows.append(_row(f"shock-{number}", shock.name, "shock", (shock.all or 0.0) / 2, equity))
    if question and question.reverse_loss:
        name = f"What loses {question.reverse_loss:.0%}"
        rows.append(_row("reverse", name, "reverse", -question.reverse_loss, equity))
    return m.StressResponse(**LABELS, as_of=NOON, equity=equity, scenarios=rows)


def _row(name: str, title: str, kind: str, share: float, equity: float) -> m.StressRow:
    body = {"id": name, "name": title, "kind": kind, "pnl": share * equity, "pnl_fraction": share}
    more = {"by_symbol": dict.fromkeys(SYMBOLS, share * equity / 3), "coverage": 1.0}
    return m.StressRow.model_validate(body | more | {"explanation": "Made up for a test."})
