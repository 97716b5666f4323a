"""Measures of a portfolio, section by section: its returns, its holdings, the account.

Owns that a measure which cannot be told has no value and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from trading_dashboard.agents.risk_management.measures import ratios, volatility
from trading_dashboard.agents.risk_management.measures.catalogue import CATALOGUE
from trading_dashboard.agents.risk_management.measures.concentration import concentration
from trading_dashboard.agents.risk_management.measures.correlation import beta
from trading_dashboard.agents.risk_management.measures.drawdown import (
    Drawdown,
    drawdown,
    drawdown_of_values,
)
from trading_dashboard.agents.risk_management.measures.liquidity import (
    average_volume,
    days_to_leave,
)
from trading_dashboard.agents.risk_management.measures.question import PortfolioQuestion
from trading_dashboard.agents.risk_management.measures.returns import (
    LARGEST_RETURN,
    Exposed,
    Floats,
    ReturnPanel,
    window_of,
)
from trading_dashboard.models.risk.errors import RiskError
from trading_dashboard.models.risk.measures import DataWindow, Measure

OF_RETURNS = (
    "volatility.close_to_close", "volatility.ewma", "beta", "ratio.sharpe", "ratio.sortino",
    "ratio.calmar", "drawdown.current", "drawdown.maximum", "drawdown.days",
    "drawdown.longest_days", "drawdown.cdar", "drawdown.ulcer",
)  # fmt: skip
OF_HOLDINGS = (
    "concentration.hhi", "concentration.effective", "concentration.largest",
    "liquidity.days_to_leave", "liquidity.after_one_day",
)  # fmt: skip


def said(error: RiskError) -> str:
    """Return an error as a note."""
    seen = "" if error.observed is None else f": {error.observed}"
    return f"{error.message}{seen}."


@dataclass(slots=True)
class Writing:
    """Measures so far, of one window."""

    window: DataWindow | None
    measures: list[Measure] = field(default_factory=list)

    def add(self, id_: str, compute: Callable[[], float | None], **facts: Any) -> None:
        """Add a measure, or why there is none.

        Args:
            id_: In the catalogue.
            compute: Its value; a `RiskError` is the reason why it has none.
            facts: Other fields of `Measure`; the window is this writing's if not among them.
        """
        facts = {"window": self.window} | facts
        try:
            value = compute()
        except RiskError as error:
            value, facts["note"] = None, said(error)
        if value is not None and not math.isfinite(value):
            value, facts["note"] = None, facts.get("note") or "It is beyond any number."
        self.measures.append(CATALOGUE[id_].measure(value, **facts))

    def add_without(self, ids: Sequence[str], note: str) -> None:
        """Add measures that cannot be told, all for one reason."""
        for id_ in ids:
            self.add(id_, lambda: None, note=note)


def write_returns(
    writing: Writing, exposure: Exposed, question: PortfolioQuestion, lacking: str | None
) -> None:
    """Write what is told of the portfolio's own returns: profits over today's equity.

    Args:
        writing: Where to.
        exposure: What has history.
        question: The portfolio.
        lacking: Why nothing has history.
    """
    returns = _returns_on(question.equity, exposure)
    if lacking or not exposure.symbols:
        writing.add_without(OF_RETURNS, lacking or "Nothing is held.")
        return
    if returns is None:
        writing.add_without(
            OF_RETURNS, "Equity is not known to be above zero by enough for a return on it."
        )
        return
    free, decay = question.risk_free, question.settings.ewma_decay
    writing.add("volatility.close_to_close", lambda: volatility.close_to_close(returns))
    writing.add(
        "volatility.ewma", lambda: volatility.ewma(returns, decay), parameters={"decay": decay}
    )
    if question.with_garch:
        writing.add("volatility.garch", lambda: volatility.garch(returns))
    _write_beta(writing, exposure, question, returns)
    rate = {"risk_free": free}
    writing.add("ratio.sharpe", lambda: ratios.sharpe(returns, free), parameters=rate)
    writing.add("ratio.sortino", lambda: ratios.sortino(returns, free), parameters=rate)
    writing.add("ratio.calmar", lambda: ratios.calmar(returns))
    _write_drawdown(writing, drawdown(returns, question.confidence), question.confidence)


def _returns_on(equity: float | None, exposure: Exposed) -> Floats | None:
    if equity is None or not equity > 0:
        return None
    with np.errstate(over="ignore"):
        returns = exposure.pnl / equity
    return returns if np.abs(returns).max(initial=0) <= LARGEST_RETURN else None


def _write_beta(
    writing: Writing, exposure: Exposed, question: PortfolioQuestion, returns: Floats
) -> None:
    if question.benchmark is None:
        writing.add_without(["beta"], "No benchmark is set.")
        return
    name, series = question.benchmark
    rows = np.searchsorted(question.panel.dates, exposure.dates)
    market = np.asarray(series, np.float64)[rows]
    compute = partial(beta, returns, market, question.settings.minimum)
    writing.add("beta", compute, parameters={"benchmark": name})


def _write_drawdown(writing: Writing, found: Drawdown, confidence: float) -> None:
    writing.add("drawdown.current", lambda: found.current)
    writing.add("drawdown.maximum", lambda: found.maximum)
    writing.add("drawdown.days", lambda: found.current_days)
    writing.add("drawdown.longest_days", lambda: found.longest_days)
    writing.add("drawdown.cdar", lambda: found.average, confidence=confidence)
    writing.add("drawdown.ulcer", lambda: found.ulcer)


def write_account(writing: Writing, curve: Floats) -> None:
    """Write the drawdown that the account really had."""
    for part in ("current", "maximum"):
        compute = partial(_account_drawdown, curve, part)
        writing.add(f"account.drawdown.{part}", compute, window=None)


def _account_drawdown(curve: Floats, part: str) -> float:
    return float(getattr(drawdown_of_values(curve), part))


def write_symbols(writing: Writing, panel: ReturnPanel, question: PortfolioQuestion) -> None:
    """Write what is told of each holding's own history; `panel` is the window."""
    for column in np.flatnonzero(question.values):
        symbol, series = panel.symbols[column], panel.returns[:, column]
        facts = {"subject": symbol, "window": window_of(panel.dates[np.isfinite(series)])}
        writing.add(
            "volatility.close_to_close", partial(volatility.close_to_close, series), **facts
        )
        if question.benchmark:
            name, returns = question.benchmark
            market = np.asarray(returns, np.float64)[len(returns) - len(series) :]
            compute = partial(beta, series, market, question.settings.minimum)
            writing.add("beta", compute, parameters={"benchmark": name}, **facts)
        _write_bars(writing, symbol, question)


def _write_bars(writing: Writing, symbol: str, question: PortfolioQuestion) -> None:
    bars = question.bars.get(symbol)
    if bars is None:
        return
    newest = slice(-question.window, None)
    o, h, l, c = (a[newest] for a in (bars.open, bars.high, bars.low, bars.close))  # noqa: E741
    facts = {"subject": symbol, "window": window_of(bars.dates[newest])}
    writing.add("volatility.parkinson", partial(volatility.parkinson, h, l), **facts)
    writing.add("volatility.yang_zhang", partial(volatility.yang_zhang, o, h, l, c), **facts)


def write_holdings(writing: Writing, question: PortfolioQuestion) -> None:
    """Write what is told of values and quantities, without returns."""
    held = np.flatnonzero(question.values)
    if not len(held):
        writing.add_without(OF_HOLDINGS, "Nothing is held.")
        return
    shares = concentration(question.values)
    largest = {"symbol": question.panel.symbols[shares.largest_at]}
    writing.add("concentration.hhi", lambda: shares.index)
    writing.add("concentration.effective", lambda: shares.effective)
    writing.add("concentration.largest", lambda: shares.largest, parameters=largest)
    if question.quantities is None:
        writing.add_without(OF_HOLDINGS[3:], "Quantities are not known.")
    else:
        _write_liquidity(writing, question, question.quantities, held)


def _write_liquidity(
    writing: Writing, question: PortfolioQuestion, quantities: Floats, held: np.ndarray
) -> None:
    symbols = [question.panel.symbols[i] for i in held]
    bars = question.bars
    found = days_to_leave(
        np.asarray(quantities)[held],
        [average_volume(bars[s].volume) if s in bars else math.nan for s in symbols],
        np.asarray(question.values)[held],
        question.participation,
    )
    unknown = [symbols[i] for i in found.unknown]
    note = f"Volume is not known of {', '.join(unknown)}." if unknown else None
    facts = {"parameters": {"participation": question.participation}}
    writing.add("liquidity.days_to_leave", lambda: found.longest, note=note, **facts)
    writing.add("liquidity.after_one_day", lambda: found.after_one_day, note=note, **facts)
    for symbol, days in zip(symbols, found.days.tolist(), strict=True):
        why = "Nothing was traded." if math.isinf(days) else None
        why = "Volume is not known." if math.isnan(days) else why
        writing.add(
            "liquidity.days_to_leave", partial(float, days), note=why, subject=symbol, **facts
        )
