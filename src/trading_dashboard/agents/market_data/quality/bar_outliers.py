"""Bars whose prices cannot be believed beside their neighbours'.

Owns the judgement. A stretch of few bars that leaves a level and returns to it is an outlier; a
level that stays is the price, however far it fell. The newest bar has no follower: if it jumps, it
waits in quarantine until a later bar, or a price from elsewhere, says that it is right.
"""

from __future__ import annotations

import math

import numpy as np

from trading_dashboard.agents.market_data.quality.bar_grid import Cadence
from trading_dashboard.agents.market_data.quality.bar_moves import Moves
from trading_dashboard.agents.market_data.quality.bar_settings import BarSettings
from trading_dashboard.agents.market_data.records import Bars, Flags


def excursions(moves: Moves, settings: BarSettings) -> Flags:
    """Return bool[n]: bars that left the level before them and to which others returned."""
    outside = np.zeros(len(moves.close), dtype=np.bool_)
    jumps = np.flatnonzero(np.abs(moves.move) > moves.limit)
    returned = -1
    for begin in jumps.tolist():
        if begin <= returned:
            continue
        level, shift = moves.before[begin], 0.0
        for place in range(begin, min(begin + settings.longest_excursion, len(outside) - 1)):
            # What an action in between did to the level, it did to the level before, too.
            shift += moves.before[place + 1] - moves.close[place]
            near = abs(moves.close[place + 1] - shift - level) <= moves.limit[begin]
            if near and abs(moves.move[place + 1]) > moves.limit[begin] / 2:  # no gentle return
                outside[begin : place + 1] = True
                returned = place + 1
                break
    return outside


def spikes(bars: Bars, moves: Moves, cadence: Cadence, settings: BarSettings) -> Flags:
    """Return bool[n]: bars with a high, low or open far from the rest of the bar."""
    is_long = cadence.kind in {"day", "week", "month"}
    floor = settings.wick_floor_day if is_long else settings.wick_floor_minute
    limit = np.maximum(floor, 2 * settings.jump_factor * moves.usual)
    high, low, opened = np.log(bars.high), np.log(bars.low), np.log(bars.open)
    top, bottom = np.maximum(opened, moves.close), np.minimum(opened, moves.close)
    # A bar that trades its way through a jump has a long body, not a long wick.
    far = (high - top > limit) | (bottom - low > limit)
    lonely = np.minimum(np.abs(opened - moves.close), np.abs(opened - moves.before)) > limit
    return far | lonely


def unconfirmed(moves: Moves, confirmed_by: float | None) -> Flags:
    """Return bool[n]: the newest bar, if it jumps and nothing says that it is right."""
    found = np.zeros(len(moves.close), dtype=np.bool_)
    if not len(found) or not abs(moves.move[-1]) > moves.limit[-1]:
        return found
    if confirmed_by is not None and confirmed_by > 0:
        seen = math.log(confirmed_by)
        if abs(seen - moves.close[-1]) < abs(seen - moves.before[-1]):
            return found
    found[-1] = True
    return found
