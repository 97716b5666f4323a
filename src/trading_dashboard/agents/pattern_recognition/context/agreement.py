"""How far timeframes agree on a direction.

After Elder's triple screen (Trading for a Living, 1993, chapter 43): what several timeframes say
together counts for more than what one says. Here every known timeframe has one vote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from trading_dashboard.agents.pattern_recognition.context.regimes import Regime, Trend
from trading_dashboard.models.patterns import TIMEFRAMES

_VOTES: Mapping[Trend, int] = {"up": 1, "down": -1, "sideways": 0}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Votes of the timeframes whose trend is known.

    Attributes:
        value: Mean vote: 1 if all point up, -1 if all point down; None if none is known.
        agreeing: How many have the most common trend.
        known: How many have a trend at all.
        words: The same in words.
    """

    value: float | None
    agreeing: int
    known: int
    words: str


def agreement(regimes: Mapping[str, Regime]) -> Agreement:
    """Return how far the regimes agree; by timeframe, of which only `TIMEFRAMES` count."""
    trends: list[Trend] = [regimes[name].trend for name in TIMEFRAMES if name in regimes]
    known = [trend for trend in trends if trend != "unknown"]
    if not known:
        return Agreement(None, 0, 0, "No timeframe has enough bars yet")
    counts: Counter[Trend] = Counter(known)
    value = sum(_VOTES[trend] for trend in known) / len(known)
    parts = [f"{counts[trend]} {trend}" for trend in _VOTES if counts[trend]]
    noun = "timeframe" if len(known) == 1 else "timeframes"
    return Agreement(
        value, max(counts.values()), len(known), f"Of {len(known)} {noun}: {', '.join(parts)}"
    )
