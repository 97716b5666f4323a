"""The bar of a day, week or month while it forms: the days that are done, and today so far.

Owns when such a bar ends. Bars within a day are `bars`'.
"""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.market_data.demo import bars as barlib
from trading_dashboard.agents.market_data.demo.bars import DAY_SECONDS
from trading_dashboard.agents.market_data.demo.path import SessionPath
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import EPOCH, Timeline

Values = tuple[float, float, float, float, int]


def long_bar(
    series: DailySeries, row: int, path: SessionPath, interval: str, second: int
) -> tuple[int, Values]:
    """Return start (seconds since 1970) and values of the bar as of a second of the row's day."""
    first = row
    if interval != "1d":
        recent = series.day[max(row - 31, 0) : row + 1]
        keys = barlib.group_keys(recent, interval)
        first = row - int((keys == keys[-1]).sum()) + 1
    past = slice(first, row)
    high, low = float(path.high[second]), float(path.low[second])
    volume = int(path.traded[second])
    open_ = float(path.price[0])
    if first < row:
        open_ = float(series.open[first])
        high = max(high, float(series.high[past].max()))
        low = min(low, float(series.low[past].min()))
        volume += int(series.volume[past].sum())
    start = int(series.day[first]) * DAY_SECONDS
    return start, (open_, high, low, float(path.price[second]), volume)


def ends_group(timeline: Timeline, session: int, interval: str) -> bool:
    """Return whether the bar of a day, week or month ends with a session."""
    days = [timeline.sessions[session].day, timeline.day_after(session)]
    numbers = np.array([(day - EPOCH).days for day in days], dtype=np.int64)
    keys = barlib.group_keys(numbers, interval)
    return bool(keys[0] != keys[1])
