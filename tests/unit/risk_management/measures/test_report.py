"""The whole answer: what it says is what the measures say, and everything has its source."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from trading_dashboard.agents.market_data.demo.dataset import read_rows
from trading_dashboard.agents.risk_management.measures import ratios, volatility
from trading_dashboard.agents.risk_management.measures.catalogue import CATALOGUE
from trading_dashboard.agents.risk_management.measures.correlation import beta
from trading_dashboard.agents.risk_management.measures.drawdown import drawdown
from trading_dashboard.agents.risk_management.measures.question import (
    Bars,
    PortfolioQuestion,
    PortfolioReport,
)
from trading_dashboard.agents.risk_management.measures.report import portfolio_risk
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel
from trading_dashboard.agents.risk_management.measures.var import value_at_risk
from trading_dashboard.models.risk.measures import Measure, VarMethod

GUIDE = Path(__file__).parents[4] / "docs" / "risk" / "measures.md"
SYMBOLS = ("AAPL", "IBM", "MSFT")
VALUES = np.array([50_000.0, -20_000.0, 30_000.0])
EQUITY = 100_000.0
YEARLY = ", a year's"


@cache
def history() -> tuple[ReturnPanel, dict[str, Bars]]:
    """Return thirteen years of real closes, adjusted for splits and dividends, and their bars."""
    bars = {}
    rows = [row for row in read_rows() if row.symbol in SYMBOLS]
    for symbol in SYMBOLS:
        own = [row for row in rows if row.symbol == symbol]
        columns = np.array([(r.open, r.high, r.low, r.close, r.volume) for r in own])
        adjusted = np.array([r.adjusted_close for r in own])
        factor = adjusted / columns[:, 3]
        days = np.array([r.session for r in own], "datetime64[D]")
        open_, high, low, close = (columns[:, i] * factor for i in range(4))
        bars[symbol] = Bars(days, open_, high, low, close, columns[:, 4])
    closes = np.column_stack([bars[symbol].close for symbol in SYMBOLS])
    return ReturnPanel.from_closes(SYMBOLS, bars["IBM"].dates, closes), bars


@cache
def real_report() -> PortfolioReport:
    panel, bars = history()
    question = PortfolioQuestion(
        panel,
        VALUES,
        EQUITY,
        np.array([120.0, -100.0, 1000.0]),
        confidence=0.99,
        benchmark=("equal weights", panel.returns.mean(axis=1)),
        bars=bars,
        risk_free=0.01,
        with_garch=True,
        equity_curve=np.array([100.0, 110.0, 99.0, 104.5]),
    )
    return portfolio_risk(question)


def found(id_: str, subject: str | None = None) -> Measure:
    return next(m for m in real_report().measures if (m.id, m.subject) == (id_, subject))


def test_every_measure_of_the_catalogue_is_told_and_explained() -> None:
    report = real_report()
    told = report.measures + [m for row in report.var for m in (row.var, row.expected_shortfall)]
    assert {measure.id for measure in told} == set(CATALOGUE)
    for measure in told:
        assert measure.value is not None, measure
        # A source has authors and a year.
        assert re.search(r"[A-Z]\w+.*\((18|19|20)\d\d\)", measure.citation), measure.id
        assert measure.formula
    for row in report.var:
        for measure in (row.var, row.expected_shortfall):
            assert (measure.confidence, measure.horizon_days) == (0.99, 1)
            assert measure.window is not None
            assert measure.window.observations == 500
            is_drawn = row.method.value.startswith("monte_carlo")
            assert (measure.standard_error is not None) == is_drawn


def test_the_report_says_what_the_measures_say() -> None:
    panel, bars = history()
    window = panel.tail(500)
    returns = window.returns @ VALUES / EQUITY
    market = window.returns.mean(axis=1)
    expected = {
        "volatility.close_to_close": volatility.close_to_close(returns),
        "volatility.ewma": volatility.ewma(returns),
        "volatility.garch": volatility.garch(returns),
        "beta": beta(returns, market),
        "ratio.sharpe": ratios.sharpe(returns, 0.01),
        "ratio.sortino": ratios.sortino(returns, 0.01),
        "ratio.calmar": ratios.calmar(returns),
        "drawdown.maximum": drawdown(returns).maximum,
        "drawdown.cdar": drawdown(returns, 0.99).average,
        "drawdown.longest_days": drawdown(returns).longest_days,
        "account.drawdown.maximum": 0.1,
        "account.drawdown.current": 0.05,
        "concentration.largest": 0.5,
        "concentration.hhi": 0.38,
    }
    for id_, value in expected.items():
        # GARCH's optimiser stops a little elsewhere if the last bit of a return differs.
        exact = 1e-6 if id_ == "volatility.garch" else 1e-12
        assert found(id_).value == pytest.approx(value, rel=exact), id_
    ibm = bars["IBM"]
    own = volatility.parkinson(ibm.high[-500:], ibm.low[-500:])
    assert found("volatility.parkinson", "IBM").value == own
    shares = ibm.volume[-20:].mean()
    assert found("liquidity.days_to_leave", "IBM").value == pytest.approx(100 / (0.1 * shares))
    for row in real_report().var:
        alone = value_at_risk(window, VALUES, row.method, 0.99)
        assert (row.var.value, row.expected_shortfall.value) == (alone.var, alone.es)


def test_contributions_add_up_to_the_historical_row() -> None:
    report = real_report()
    whole = next(row for row in report.var if row.method is VarMethod.HISTORICAL).var.value
    assert report.contributions_method is VarMethod.HISTORICAL
    assert sum(c.component or 0 for c in report.contributions) == pytest.approx(whole, rel=1e-9)
    assert [c.weight for c in report.contributions] == [0.5, -0.2, 0.3]


def test_real_prices_give_numbers_of_the_size_they_are_known_for() -> None:
    # Large companies of 2011 to 2013: 15 to 40 % a year, correlated, beta near one.
    for symbol in SYMBOLS:
        for estimator in ("close_to_close", "parkinson", "yang_zhang"):
            value = found(f"volatility.{estimator}", symbol).value
            assert value is not None
            assert 0.1 < value < 0.45, (symbol, estimator)
    correlation = real_report().correlation
    assert correlation is not None
    assert correlation.shrinkage is not None
    assert 0 < correlation.shrinkage < 0.5
    off = [correlation.sample[i][j] or 0 for i in range(3) for j in range(i)]
    assert all(0.2 < value < 0.7 for value in off)
    # Methods differ, and not by orders of magnitude.
    vars_ = [row.var.value or 0 for row in real_report().var]
    assert 1_000 < min(vars_) < max(vars_) < 3 * min(vars_) < 10_000


def test_the_autumn_of_2008_is_riskier_than_the_summer_of_2007() -> None:
    panel, _ = history()
    values = np.abs(VALUES)
    quick = (VarMethod.FILTERED_HISTORICAL, VarMethod.AGE_WEIGHTED)
    for method in quick:
        calm, crash = (
            value_at_risk(panel.until(day).tail(500), values, method, 0.95).var
            for day in (date(2007, 7, 2), date(2008, 11, 20))
        )
        assert crash > 1.8 * calm


def test_the_guide_says_of_every_measure_what_the_api_says() -> None:
    lines = [line.replace("\\|", "|") for line in GUIDE.read_text("utf-8").splitlines()]
    rows = {line for line in lines if re.match(r"\| `[a-z_.]+\.[a-z_.]+` \||\| `beta` \|", line)}
    assert rows == {
        f"| `{e.id}` | {e.unit}{YEARLY * e.is_annualised} | {e.formula} | {e.citation} |"
        for e in CATALOGUE.values()
    }


def test_a_holding_listed_lately_does_not_cut_the_window_of_all() -> None:
    panel, _ = history()
    young = np.full((len(panel.dates), 1), np.nan)
    young[-74:] = 0.001
    both = ReturnPanel((*SYMBOLS, "NEW"), panel.dates, np.hstack([panel.returns, young]))
    sizes = np.array([500.0, -200.0, 1000.0, 1.0])

    def var(panel: ReturnPanel, values: np.ndarray, sizes: np.ndarray) -> float | None:
        report = portfolio_risk(PortfolioQuestion(panel, values, EQUITY, sizes))
        assert (len(values) == 3) or "NEW" in report.notes[0]
        return report.var[0].var.value

    assert var(both, np.append(VALUES, 18.0), sizes) == var(panel, VALUES, sizes[:3])
    # Where all are young, their days are what there is.
    alone = ReturnPanel(("NEW",), panel.dates, young)
    report = portfolio_risk(PortfolioQuestion(alone, np.array([9.0]), EQUITY, np.array([1.0])))
    assert report.var[0].var.window is not None
    assert report.var[0].var.window.observations == 74
