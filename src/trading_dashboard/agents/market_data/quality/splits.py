"""Splits and dividends that fit the prices, and prices that jump as in a split that nobody listed.

Owns both judgements. Prices are unadjusted, so a split must be seen in them: from the close before
to the open of its day. Which of the two, price or list, is wrong cannot be known; the action is
quarantined, because applying it would break the series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trading_dashboard.agents.market_data.quality.bar_moves import Moves
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Flags, Floats

MAX_RATIO = 10_000.0
FORWARD = (1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
REVERSE = (2, 3, 4, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
"""Not 1.5: that is the premium of many a takeover."""
_JUMPS = np.sort(np.concatenate((-np.log(FORWARD), np.log(REVERSE))))
_EXACT = 0.015
_LEAST_EXACT = 0.03
_CALM = 0.06


def impossible(event: CorporateEvent) -> bool:
    """Return whether an action is of no kind or both, or has a number that makes no sense."""
    if (event.ratio is None) == (event.amount is None):
        return True
    if event.ratio is not None:
        is_sane = 1 / MAX_RATIO <= event.ratio <= MAX_RATIO
        return not is_sane or event.ratio == 1
    return not (event.amount is not None and 0 < event.amount < math.inf)


def invisible(
    events: Sequence[CorporateEvent], bars: Bars, unadjusted: Moves
) -> list[CorporateEvent]:
    """Return the splits that should be seen in the prices and are not.

    Args:
        events: All that are possible.
        bars: Sound, sorted.
        unadjusted: Their moves without any action.
    """
    found = []
    opens = np.log(bars.open)
    for event in events:
        if event.ratio is None:
            continue
        place = int(np.searchsorted(unadjusted.day, event.ex_day))
        if place >= len(bars) or unadjusted.day_before[place] >= event.ex_day:
            continue
        jump = opens[place] - unadjusted.before[place]
        expected = -math.log(event.ratio)
        if not math.isfinite(jump) or abs(expected) <= unadjusted.limit[place]:
            continue  # too small to be told from a usual day, or nothing is known before
        if abs(jump - expected) > abs(jump):
            found.append(event)
    return found


def too_large(events: Sequence[CorporateEvent], unadjusted: Moves) -> list[CorporateEvent]:
    """Return the dividends of more than the share was worth."""
    found = []
    for event in events:
        place = int(np.searchsorted(unadjusted.day, event.ex_day))
        if event.amount is None or place >= len(unadjusted.day):
            continue
        worth = unadjusted.before[place]
        if math.isfinite(worth) and event.amount >= math.exp(worth):
            found.append(event)
    return found


def unlisted(bars: Bars, moves: Moves) -> Flags:
    """Return bool[n]: bars that open, trade and close as the first after a split, to the ratio.

    A crash lands anywhere and its day is wild; a split lands on its ratio and its day is calm.
    """
    jumps = np.abs(moves.move) > moves.limit
    jumps &= moves.day != moves.day_before
    if not jumps.any():
        return jumps
    exact = np.clip(1.5 * moves.usual, _EXACT, _LEAST_EXACT)
    opened = np.log(bars.open) - moves.before
    is_calm = np.log(bars.high) - np.log(bars.low) <= np.maximum(_CALM, 6 * moves.usual)
    # The day's own move comes on top, in a wild market more than in a calm one.
    day = np.maximum(2 * exact, 3 * moves.usual)
    landed = (_distance(opened) <= exact) & (_distance(moves.move) <= day)
    return jumps & is_calm & landed


def ratio_words(move: float) -> str:
    """Return what a jump looks like, for people."""
    return f"the price went to {math.exp(move):.3g} times the close before, as in a split"


def _distance(jump: Floats) -> Floats:
    """Return how far jumps are from that of the nearest usual ratio; infinite for NaN."""
    place = np.clip(np.searchsorted(_JUMPS, jump), 1, len(_JUMPS) - 1)
    nearest = np.minimum(np.abs(jump - _JUMPS[place - 1]), np.abs(jump - _JUMPS[place]))
    return np.where(np.isnan(jump), np.inf, nearest)
