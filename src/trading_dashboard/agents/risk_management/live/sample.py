"""The sample portfolio of a replay: a few real symbols, so that a first start is alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from trading_dashboard.agents.risk_management.account.entries import (
    DESK,
    Draft,
    position_imported,
)
from trading_dashboard.agents.risk_management.live.valuation import Mark
from trading_dashboard.models.market import SymbolInfo

REASON = "Sample portfolio"
_WEIGHTS = {
    "IBM": Decimal("0.30"), "AAPL": Decimal("0.25"), "MSFT": Decimal("0.25"),
    "GOOG": Decimal("0.20"),
}  # fmt: skip
"""Share of the sample's value; others take the places of those that are not listed."""
_OF_CASH = Decimal("1.5")
"""The sample's value, of the opening cash."""


def candidates(listed: Sequence[SymbolInfo], currency: str) -> list[str]:
    """Return the symbols of the sample, at most four."""
    names = [info.symbol for info in listed if info.currency == currency]
    chosen = [name for name in _WEIGHTS if name in names]
    others = [name for name in names if name not in chosen]
    return chosen or others[: len(_WEIGHTS)]


def sample(
    symbols: Sequence[str], marks: Mapping[str, Mark], opening_cash: Decimal, at: datetime
) -> list[Draft]:
    """Return the sample's holdings: whole units, bought at the close before."""
    drafts = []
    weights = list(_WEIGHTS.values())
    for place, symbol in enumerate(symbols):
        mark = marks.get(symbol)
        if mark is None:
            continue
        weight = _WEIGHTS.get(symbol, weights[place])
        units = (opening_cash * _OF_CASH * weight / mark.price).to_integral_value(ROUND_DOWN)
        if units:
            cost = mark.previous_close or mark.price
            drafts.append(
                position_imported(
                    symbol, units, cost, actor=DESK, at=at, is_sample=True,
                    currency=mark.currency, reason=REASON,
                )
            )  # fmt: skip
    return drafts
