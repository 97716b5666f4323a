"""The size of one position: fixed fraction, volatility target, ATR, capped Kelly.

Three of them share one idea: so much of equity may be lost, one unit loses so much if it goes
wrong, and the quantity is the one over the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from trading_dashboard.agents.risk_management.sizing.sizing import (
    Budget,
    Side,
    Sizing,
    rounded,
    size_row,
    too_small,
)
from trading_dashboard.agents.risk_management.wording import counted, money, share
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData

_FIXED = "quantity = equity × f / |entry − stop|"
_TARGET = "notional = equity × target volatility / volatility"
_ATR = "quantity = equity × f / (k × ATR)"
_KELLY = "f* = p − (1 − p) / b, at most the cap; quantity = equity × f* / |entry − stop|"


_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Trade:
    """What is to be entered.

    Attributes:
        symbol: Of what.
        side: Which way.
        entry: Price of one unit, above zero.
        equity: Of the account, above zero.
        budget: Most to put in.
    """

    symbol: str
    side: Side
    entry: float
    equity: float
    budget: Budget


def fixed_fraction(trade: Trade, risk_fraction: float, stop: float | None) -> Sizing:
    """Return the size that loses a fraction of equity at the stop.

    Without a stop, all that a purchase costs is at risk.

    Raises:
        InvalidScenario: The stop is on the wrong side, or a sale has none.
    """
    unit_risk, step = _unit_risk(trade, stop)
    at_risk = trade.equity * risk_fraction
    first = f"{share(risk_fraction)} of equity {money(trade.equity)} may be lost: {money(at_risk)}."
    return _by_risk(
        trade,
        at_risk,
        unit_risk,
        [first, step],
        _FIXED,
        "Vince (1990), Portfolio Management Formulas, ch. 2; Tharp (1998), Trade Your Way to "
        "Financial Freedom, ch. 12",
    )


def volatility_target(trade: Trade, target: float, volatility: float | None) -> Sizing:
    """Return the size whose value moves by the target volatility, as a share of equity.

    Args:
        trade: What is to be entered.
        target: Volatility of a year as a fraction of equity.
        volatility: The symbol's, of a year, as a fraction.

    Raises:
        NotEnoughData: Volatility is not known.
        InvalidScenario: It is zero.
    """
    known = _above_zero(trade.symbol, "volatility", volatility)
    amount = trade.equity * target / known
    quantity, bound = rounded(amount, trade.entry, trade.budget)
    steps = [
        (
            f"The position may move equity by {share(target)} a year; {trade.symbol} moves by "
            f"{share(known)} a year."
        ),
        (
            f"So its value is {share(target)} / {share(known)} = {share(target / known)} of equity "
            f"{money(trade.equity)}: {money(amount)}{bound}."
        ),
        f"At {money(trade.entry)} that is {counted(quantity)}, rounded down.",
    ]
    row = size_row(trade.symbol, _signed(trade, quantity), trade.entry, trade.equity)
    return Sizing(
        [row],
        steps,
        _TARGET,
        "Moreira and Muir (2017), Volatility-managed portfolios, Journal of Finance 72, 1611-1644",
        too_small(trade.symbol, quantity, trade.entry, trade.budget.lot),
    )


def average_true_range(
    trade: Trade, risk_fraction: float, multiple: float, atr: float | None
) -> Sizing:
    """Return the size that loses a fraction of equity on a move of some average true ranges.

    Raises:
        NotEnoughData: The average true range is not known.
        InvalidScenario: It is zero.
    """
    known = _above_zero(trade.symbol, "average true range", atr)
    distance = multiple * known
    at_risk = trade.equity * risk_fraction
    stop = trade.entry - distance if trade.side == "buy" else trade.entry + distance
    steps = [
        f"{share(risk_fraction)} of equity {money(trade.equity)} may be lost: {money(at_risk)}.",
        (
            f"A move of {multiple:g} × ATR {money(known)} = {money(distance)} against the position "
            f"loses it; the stop that belongs to it is at {money(stop)}."
        ),
    ]
    found = _by_risk(
        trade,
        at_risk,
        distance,
        steps,
        _ATR,
        "Wilder (1978), New Concepts in Technical Trading Systems, p. 21; Faith (2007), Way of the "
        "Turtle, ch. 8",
    )
    if stop <= 0:
        found.warnings.append("That move is more than the price: no such stop can be reached.")
    return found


def kelly(
    trade: Trade,
    win_probability: float | None,
    payoff: float | None,
    cap: float,
    stop: float | None = None,
) -> Sizing:
    """Return the size that makes equity grow fastest in the long run, capped.

    What Kelly stakes is what is lost if the trade fails: the way to the stop, or all that a
    purchase costs where there is none.

    Args:
        trade: What is to be entered.
        win_probability: p, of a gain.
        payoff: b, average gain over average loss.
        cap: Most of equity to stake.
        stop: Where the trade has failed.

    Raises:
        InvalidScenario: p or b is missing or makes no sense, or the stop does not.
    """
    best = _edge(win_probability, payoff)
    unit_risk, step = _unit_risk(trade, stop)
    staked = min(max(best, 0.0), cap)
    said = f"Kelly: {win_probability:g} − (1 − {win_probability:g}) / {payoff:g} = {share(best)}"
    if best <= 0:
        said += " of equity. There is no edge: the size is nothing."
    elif best > cap:
        said += f" of equity, capped at {share(cap)}."
    else:
        said += " of equity."
    at_risk = trade.equity * staked
    found = _by_risk(
        trade,
        at_risk,
        unit_risk,
        [said, f"{share(staked)} of {money(trade.equity)} is {money(at_risk)}.", step],
        _KELLY,
        "Kelly (1956), A new interpretation of information rate, Bell System Technical Journal 35, "
        "917-926; Thorp (2006), The Kelly criterion in blackjack, sports betting and the stock "
        "market",
    )
    if best <= 0:
        found.warnings[:] = ["There is no edge to size: on average this trade loses."]
    else:
        found.warnings.append(
            "Kelly is as good as its probability and payoff; from few trades both are rough."
        )
    return found


# Private


def _by_risk(
    trade: Trade, at_risk: float, unit_risk: float, steps: list[str], formula: str, citation: str
) -> Sizing:
    amount = at_risk / unit_risk * trade.entry
    quantity, bound = rounded(amount, trade.entry, trade.budget)
    steps = [
        *steps,
        (
            f"{money(at_risk)} / {money(unit_risk)} a unit = {at_risk / unit_risk:,.4f}"
            f"{bound}: {counted(quantity)}, rounded down."
        ),
    ]
    row = size_row(
        trade.symbol,
        _signed(trade, quantity),
        trade.entry,
        trade.equity,
        float(quantity) * unit_risk,
    )
    warnings = too_small(trade.symbol, quantity, trade.entry, trade.budget.lot)
    return Sizing([row], steps, formula, citation, warnings)


def _unit_risk(trade: Trade, stop: float | None) -> tuple[float, str]:
    """Return what one unit loses at the stop, and that in words."""
    if stop is None:
        if trade.side == "sell":
            raise InvalidScenario(
                "A sale without a stop can lose any amount.",
                subject="stop",
                next_step=f"Give a stop above the entry, {money(trade.entry)}.",
            )
        return trade.entry, f"There is no stop: all of the price, {money(trade.entry)}, is at risk."
    wanted = "below" if trade.side == "buy" else "above"
    is_right = stop < trade.entry if trade.side == "buy" else stop > trade.entry
    if not (isfinite(stop) and stop > 0 and is_right):
        verb = "purchase" if trade.side == "buy" else "sale"
        raise InvalidScenario(
            f"The stop of a {verb} is {wanted} its entry.",
            subject="stop",
            observed=stop,
            next_step=f"Give a stop {wanted} {money(trade.entry)}.",
        )
    distance = abs(trade.entry - stop)
    return (
        distance,
        f"From {money(trade.entry)} to the stop at {money(stop)} a unit loses {money(distance)}.",
    )


def _edge(win_probability: float | None, payoff: float | None) -> float:
    """Return Kelly's fraction, ``p − (1 − p) / b``; zero or less is no edge."""
    p, b = _needed("win_probability", win_probability), _needed("payoff", payoff)
    if p >= 1:
        raise InvalidScenario(
            "A trade that cannot fail has no Kelly size.",
            subject="win_probability",
            observed=p,
            next_step="Give a probability below 1.",
        )
    best = p - (1 - p) / b
    return 0.0 if abs(best) < _ROUNDING else best


def _needed(name: str, value: float | None) -> float:
    if value is None or not (isfinite(value) and value > 0):
        raise InvalidScenario(
            f"Kelly needs {name}.",
            subject=name,
            observed=value,
            next_step="Take it from your own trades, or from a pattern's record.",
        )
    return value


def _above_zero(symbol: str, name: str, value: float | None) -> float:
    if value is None or not isfinite(value):
        raise NotEnoughData(
            f"The {name} of {symbol} is not known.",
            subject=symbol,
            observed=value,
            next_step="Choose a symbol with more daily history.",
        )
    if value <= 0:
        raise InvalidScenario(
            f"The {name} of {symbol} is {value:g}: any size would fit it.",
            subject=symbol,
            observed=value,
            next_step="A price that does not move is not without risk; size by another method.",
        )
    return value


def _signed(trade: Trade, quantity: Decimal) -> Decimal:
    return quantity if trade.side == "buy" else -quantity
