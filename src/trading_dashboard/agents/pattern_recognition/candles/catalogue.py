"""The 61 candlestick patterns in TA-Lib's order, which is that of the numbers hits carry."""

from __future__ import annotations

from collections.abc import Mapping

from trading_dashboard.agents.pattern_recognition.candles.kinds import CandleKind
from trading_dashboard.agents.pattern_recognition.candles.longer import LONGER
from trading_dashboard.agents.pattern_recognition.candles.one_bar import ONE_BAR
from trading_dashboard.agents.pattern_recognition.candles.three_bars import THREE_BARS
from trading_dashboard.agents.pattern_recognition.candles.two_bars import TWO_BARS

CANDLES: tuple[CandleKind, ...] = tuple(
    sorted((*ONE_BAR, *TWO_BARS, *THREE_BARS, *LONGER), key=lambda kind: kind.id)
)
"""TA-Lib lists them by name, and so does this."""

CANDLE_NUMBERS: Mapping[str, int] = {kind.id: number for number, kind in enumerate(CANDLES)}
"""Number of a pattern in `CandleHits.pattern`, by its id."""
