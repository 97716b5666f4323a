"""Bars under way at the start: what is kept of today and of the month goes on growing.

Owns which kept bars go into the longer ones that form. What was missed while the agent did not run
is not in them; such bars are shown and never stored as whole.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.live.finishing import bars_of
from trading_dashboard.agents.market_data.live.ranges import DAY, first_day
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.store.contract import Archive

MINUTE = 60 * MICROSECONDS


def kept_of_now(
    archive: Archive, source: str, symbol: str, sessions: Sessions, now: int
) -> list[Bars]:
    """Return the days of this month and week, then the minutes of this session. Blocks."""
    today = int(np.searchsorted(sessions.open_at, now, side="right")) - 1
    if today < 0:
        return []
    day, opened = int(sessions.day[today]), int(sessions.open_at[today])
    first = min(first_day(day, "1M"), first_day(day, "1w")) * DAY
    found = []
    for interval, start, end in (("1d", first, day * DAY), ("1m", opened, now - MINUTE)):
        table = archive.bars(source, symbol, interval, start=start, end=max(end, start))
        bars = bars_of(table, source, symbol, interval)
        bars = bars.take(bars.closed)
        if len(bars):
            found.append(bars)
    return found


def restore(time_bars: TimeBars, kept: list[Bars]) -> None:
    """Put kept bars into those that form."""
    for bars in kept:
        time_bars.restore(bars, int(bars.start[0]))
