"""A question about sizes, answered: which method, with what it needs and was not told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from trading_dashboard.agents.risk_management.sizing.risk_parity import risk_parity
from trading_dashboard.agents.risk_management.sizing.single import (
    Trade,
    average_true_range,
    fixed_fraction,
    kelly,
    volatility_target,
)
from trading_dashboard.agents.risk_management.sizing.sizing import (
    WHOLE,
    Budget,
    Sizing,
    SizingDefaults,
    SizingFacts,
    check_equity,
    price_of,
)
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import SizingMethod, SizingQuestion


def size(
    question: SizingQuestion, facts: SizingFacts, defaults: SizingDefaults | None = None
) -> Sizing:
    """Return the size asked for, explained.

    The budget is equity where the question has none: nothing is bought on credit unasked.

    Raises:
        InvalidScenario: What was asked makes no sense; the message says which number.
        NotEnoughData: A price, volatility, range or covariance is not known.
    """
    check_equity(facts.equity)
    chosen = defaults or SizingDefaults()
    if question.method is SizingMethod.RISK_PARITY:
        return _parity(question, facts)
    if question.symbol is None:
        raise InvalidScenario(
            "This method sizes one symbol, and none was given.",
            subject="symbol",
            next_step="Give a symbol.",
        )
    trade = Trade(
        question.symbol,
        question.side,
        price_of(facts, question.symbol, question.entry),
        facts.equity,
        Budget(_budget(question, facts), facts.lots.get(question.symbol, WHOLE)),
    )
    return _SINGLE[question.method](question, trade, facts, chosen)


# Private


def _budget(question: SizingQuestion, facts: SizingFacts) -> float:
    return facts.equity if question.budget is None else question.budget


def _fixed(
    question: SizingQuestion, trade: Trade, _: SizingFacts, defaults: SizingDefaults
) -> Sizing:
    return fixed_fraction(trade, question.risk_fraction or defaults.risk_fraction, question.stop)


def _target(
    question: SizingQuestion, trade: Trade, facts: SizingFacts, defaults: SizingDefaults
) -> Sizing:
    target = question.target_volatility or defaults.target_volatility
    return volatility_target(trade, target, facts.volatility.get(trade.symbol))


def _atr(
    question: SizingQuestion, trade: Trade, facts: SizingFacts, defaults: SizingDefaults
) -> Sizing:
    return average_true_range(
        trade,
        question.risk_fraction or defaults.risk_fraction,
        question.atr_multiple or defaults.atr_multiple,
        facts.atr.get(trade.symbol),
    )


def _kelly(
    question: SizingQuestion, trade: Trade, _: SizingFacts, defaults: SizingDefaults
) -> Sizing:
    cap = question.kelly_cap or defaults.kelly_cap
    return kelly(trade, question.win_probability, question.payoff, cap, question.stop)


_SINGLE: dict[
    SizingMethod, Callable[[SizingQuestion, Trade, SizingFacts, SizingDefaults], Sizing]
] = {
    SizingMethod.FIXED_FRACTION: _fixed,
    SizingMethod.VOLATILITY_TARGET: _target,
    SizingMethod.ATR: _atr,
    SizingMethod.KELLY: _kelly,
}


def _parity(question: SizingQuestion, facts: SizingFacts) -> Sizing:
    symbols = question.symbols or ([question.symbol] if question.symbol else [])
    if not symbols or len(set(symbols)) < len(symbols):
        raise InvalidScenario(
            "Risk parity spreads a budget over several symbols, each named once.",
            subject="symbols",
            observed=", ".join(symbols) or None,
            next_step="Give two symbols or more.",
        )
    if question.side == "sell":
        raise InvalidScenario(
            "Risk parity sizes what is bought.", subject="side", next_step="Ask with side buy."
        )
    unknown = [symbol for symbol in symbols if symbol not in facts.symbols]
    if unknown or facts.covariance is None:
        raise NotEnoughData(
            f"{', '.join(unknown) or 'The symbols'} have too little history for a covariance.",
            observed=unknown,
            next_step="Leave out symbols with too little history.",
        )
    prices = {symbol: price_of(facts, symbol, None) for symbol in symbols}
    places = [facts.symbols.index(symbol) for symbol in symbols]
    covariance = facts.covariance[np.ix_(places, places)]
    lots: dict[str, Decimal] = {symbol: facts.lots.get(symbol, WHOLE) for symbol in symbols}
    return risk_parity(covariance, symbols, prices, facts.equity, _budget(question, facts), lots)
