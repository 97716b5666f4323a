"""Heavy questions as they are computed, in the process of `heavy`: history in, answers out.

Owns putting daily history, holdings and the question together for `measures`, `backtests`, `stress`
and `sizing`. Every function takes the histories first, as `Heavy.ask` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from trading_dashboard.agents.risk_management.live.asked import (
    Facts,
    Histories,
    Portfolio,
    Prices,
    Terms,
)
from trading_dashboard.agents.risk_management.live.bars import (
    CACHE,
    closes_of,
    panel_of,
)
from trading_dashboard.agents.risk_management.measures.correlation import ledoit_wolf
from trading_dashboard.agents.risk_management.measures.liquidity import average_volume
from trading_dashboard.agents.risk_management.measures.question import (
    Bars,
    PortfolioQuestion,
)
from trading_dashboard.agents.risk_management.measures.report import portfolio_risk
from trading_dashboard.agents.risk_management.measures.returns import (
    MINIMUM_OBSERVATIONS,
    ReturnPanel,
    is_flat,
)
from trading_dashboard.agents.risk_management.measures.volatility import close_to_close
from trading_dashboard.agents.risk_management.sizing.answering import size
from trading_dashboard.agents.risk_management.sizing.sizing import SizingFacts
from trading_dashboard.models.risk.errors import InvalidScenario, RiskError
from trading_dashboard.models.risk.measures import SizingQuestion, StressQuestion

ATR_DAYS = 14
"""Wilder, New Concepts in Technical Trading Systems (1978), ch. 4."""


def facts(histories: Histories, symbols: Sequence[str], window: int) -> Facts:
    """Return what the desk needs."""
    panel = panel_of(histories, symbols).tail(window)
    volumes = {}
    for symbol in symbols:
        bars = CACHE.of(histories, symbol)
        volume = np.nan if bars is None else average_volume(bars.volume)
        if volume > 0:
            volumes[symbol] = float(volume)
    return Facts(panel.symbols, np.array(panel.returns), volumes)


def portfolio(histories: Histories, held: Portfolio, terms: Terms) -> bytes:
    """Return every measure of a portfolio, as JSON."""
    panel = panel_of(histories, held.symbols)
    bars = {
        symbol: found
        for symbol in held.symbols
        if (found := CACHE.of(histories, symbol)) is not None
    }
    report = portfolio_risk(
        PortfolioQuestion(
            panel=panel,
            values=np.array(held.values),
            equity=held.equity,
            quantities=np.array(held.quantities),
            confidence=terms.confidence,
            horizon_days=terms.horizon_days,
            window=terms.window,
            methods=terms.methods,
            paths=terms.paths,
            seed=terms.seed,
            with_garch=True,
            benchmark=_benchmark(histories, panel, terms.benchmark),
            bars={symbol: _newest(found, terms.window) for symbol, found in bars.items()},
            equity_curve=np.array(held.curve) if len(held.curve) > 1 else None,
        )
    )
    return _json(
        measures=report.measures,
        var=report.var,
        contributions=report.contributions,
        contributions_method=report.contributions_method.value,
        correlation=report.correlation,
        notes=report.notes,
    )


def backtest(
    histories: Histories, held: Portfolio, terms: Terms, subject: str, note: str | None
) -> bytes:
    """Return one method's VaR held against what came, as JSON."""
    from trading_dashboard.agents.risk_management.backtests.walk import backtest as walked

    if not held.equity or held.equity <= 0:
        raise InvalidScenario(
            "A VaR is tested as a share of equity, which is not above zero.",
            observed=held.equity,
            next_step="Name a symbol to test its VaR alone.",
        )

    panel = panel_of(histories, held.symbols)
    row = walked(
        panel.returns, panel.dates, terms.methods[0], terms.confidence, terms.window,
        subject=subject, weights=np.array(held.values) / held.equity,
    )  # fmt: skip
    notes = [*row.notes, note] if note else row.notes
    return orjson.dumps({**row.model_dump(mode="json"), "notes": notes})


def stress(
    histories: Histories, held: Portfolio, question: StressQuestion | None, terms: Terms
) -> bytes:
    """Return what scenarios do to holdings, as JSON."""
    from trading_dashboard.agents.risk_management.stress.answering import (
        DEFAULT_QUESTION,
    )
    from trading_dashboard.agents.risk_management.stress.answering import (
        stress as answer,
    )
    from trading_dashboard.agents.risk_management.stress.historical import Closes
    from trading_dashboard.agents.risk_management.stress.holdings import stressed

    dates, closes = closes_of(histories, held.symbols)
    rows, notes = answer(
        DEFAULT_QUESTION if question is None else question,
        stressed(held.symbols, held.values, held.equity),
        Closes.of(held.symbols, dates, closes),
        panel_of(histories, held.symbols).tail(terms.window),
        terms.confidence,
    )
    return _json(scenarios=rows, notes=notes)


def sizes(histories: Histories, question: SizingQuestion, now: Prices) -> bytes:
    """Return how big a position should be, as JSON."""
    asked = [*question.symbols, *([question.symbol] if question.symbol else [])]
    symbols = tuple(dict.fromkeys(asked))
    panel = panel_of(histories, symbols).tail(now.window)
    known = np.array([_is_told(column[np.isfinite(column)]) for column in panel.returns.T], bool)
    covered = tuple(symbol for symbol, is_known in zip(symbols, known, strict=True) if is_known)
    sizing = size(
        question,
        SizingFacts(
            equity=now.equity,
            prices=now.prices,
            atr=_by_symbol(histories, symbols),
            volatility=_volatilities(panel),
            covariance=_covariance(panel, known),
            symbols=covered,
        ),
    )
    return _json(
        method=question.method.value,
        equity=now.equity,
        sizes=sizing.sizes,
        steps=sizing.steps,
        formula=sizing.formula,
        citation=sizing.citation,
        warnings=sizing.warnings,
    )


# Private


def _json(**parts: Any) -> bytes:
    """Return an answer's parts as JSON, made here so that nobody waits for it elsewhere."""
    return orjson.dumps(parts, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json")


def _benchmark(
    histories: Histories, panel: ReturnPanel, symbol: str | None
) -> tuple[str, NDArray[np.float64]] | None:
    if symbol is None or symbol not in histories.bars:
        return None
    own = panel_of(histories, [symbol])
    returns = np.full(len(panel.dates), np.nan)
    common, here, there = np.intersect1d(panel.dates, own.dates, return_indices=True)
    if len(common):
        returns[here] = own.returns[there, 0]
    return symbol, returns


def _newest(bars: Bars, days: int) -> Bars:
    names = ("dates", "open", "high", "low", "close", "volume")
    return Bars(*(getattr(bars, name)[-days:] for name in names))


def _volatilities(panel: ReturnPanel) -> dict[str, float]:
    found = {}
    for symbol in panel.symbols:
        try:
            found[symbol] = close_to_close(panel.series(symbol))
        except RiskError:
            continue  # too little history; sizing says so where it needs it
    return found


def _is_told(returns: NDArray[np.float64]) -> bool:
    """Return whether returns are enough, and move: what does not is correlated with nothing."""
    return len(returns) >= MINIMUM_OBSERVATIONS and not is_flat(returns)


def _covariance(panel: ReturnPanel, known: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the shrunk covariance of what has enough history; None if that is too little."""
    columns = panel.returns[:, known]
    rows = columns[np.isfinite(columns).all(axis=1)]
    if not known.any() or len(rows) < MINIMUM_OBSERVATIONS:
        return None
    return np.asarray(ledoit_wolf(rows).covariance)


def _by_symbol(histories: Histories, symbols: Sequence[str]) -> dict[str, float]:
    ranges = {}
    for symbol in symbols:
        bars = CACHE.of(histories, symbol)
        if bars is not None and len(bars.close) > ATR_DAYS:
            ranges[symbol] = average_true_range(bars)
    return ranges


def average_true_range(bars: Bars) -> float:
    """Return Wilder's average true range of daily bars, in currency."""
    before = bars.close[:-1]
    spans = np.nanmax(
        [
            bars.high[1:] - bars.low[1:],
            np.abs(bars.high[1:] - before),
            np.abs(bars.low[1:] - before),
        ],
        axis=0,
    )
    average = float(np.mean(spans[:ATR_DAYS]))
    for span in spans[ATR_DAYS:]:
        average += (float(span) - average) / ATR_DAYS
    return average
