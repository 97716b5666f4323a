"""Longer bars from shorter ones.

Owns no alignment: that is `grid`'s, so that a bar made of stored minutes is the one made of ticks.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.market_data.aggregation.grid import Grid
from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.sessions import Sessions


def resample(bars: Bars, interval: str, sessions: Sessions) -> Bars:
    """Return the bars grouped into a longer interval, oldest first.

    Bars outside the sessions are left out. A group is closed if its last bar is, and reaches its
    end: a week without Friday is still forming. Revisions are summed up.
    """
    own, longer = Grid(sessions, (bars.interval,)), Grid(sessions, (interval,))
    begin, session = own.begin_of(bars.interval, bars.start)
    if not (session >= 0).all():
        bars, begin, session = bars.take(session >= 0), begin[session >= 0], session[session >= 0]
    if not len(bars):
        return Bars.of(bars.source, bars.symbol, interval, ())
    ends = own.bounds(begin, session).end[0]
    bounds = longer.bounds(begin, session)
    label = bounds.label[0]
    firsts = np.flatnonzero(np.diff(label, prepend=label[0] - 1))
    lasts = np.append(firsts[1:], len(label)) - 1
    is_over = np.append(np.ones(len(firsts) - 1, dtype=np.bool_), ends[-1] >= bounds.end[0][-1])
    return Bars(
        source=bars.source,
        symbol=bars.symbol,
        interval=interval,
        start=label[firsts],
        open=bars.open[firsts],
        high=np.maximum.reduceat(bars.high, firsts),
        low=np.minimum.reduceat(bars.low, firsts),
        close=bars.close[lasts],
        volume=np.add.reduceat(bars.volume, firsts),
        closed=bars.closed[lasts] & is_over,
        revision=np.add.reduceat(bars.revision, firsts).astype(np.int32),
    )
