"""Kicking: so rare that a short look says there is none in most series.

TA-Lib takes longer over its two functions than over nearly all others. What they find is made of
two marubozus, which it has told by then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLE_NUMBERS
from trading_dashboard.agents.pattern_recognition.candles.exact import Prices

KICKS = frozenset({CANDLE_NUMBERS["CDLKICKING"], CANDLE_NUMBERS["CDLKICKINGBYLENGTH"]})
MARUBOZU = CANDLE_NUMBERS["CDLMARUBOZU"]
WORTH_A_LOOK = 500
"""Rows; with fewer, asking TA-Lib costs no more than looking."""


def may_kick(prices: Prices, marubozu: NDArray[np.int8]) -> bool:
    """Return whether two marubozus of opposite colours follow each other with a gap between.

    Args:
        prices: What TA-Lib reads.
        marubozu: What it says of marubozus: their sign is their colour, shape ``(n,)``.
    """
    _, high, low, _ = prices
    first = np.flatnonzero((marubozu[1:] == -marubozu[:-1]) & (marubozu[1:] != 0))
    second = first + 1
    return bool(((low[second] > high[first]) | (high[second] < low[first])).any())
