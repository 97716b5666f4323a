"""Simulated sessions: what is kept of them, and that it is the same however it was made."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from trading_dashboard.agents.market_data.demo import intraday, path
from trading_dashboard.agents.market_data.demo.bars import DayBars
from trading_dashboard.agents.market_data.demo.intraday import Intraday
from trading_dashboard.agents.market_data.demo.market import DemoMarket

ROW = 3148


@pytest.fixture
def sessions(market: DemoMarket) -> Intraday:
    """Return the market's sessions, none of them simulated yet."""
    return Intraday(market.timeline, market.series, seed=1)


def simulations(work: Any) -> int:
    """Return how many sessions a piece of work simulates."""
    with patch.object(intraday, "simulate", wraps=path.simulate) as simulated:
        work()
    return int(simulated.call_count)


def test_history_leaves_the_paths_of_running_sessions(sessions: Intraday) -> None:
    running = sessions.path("AAPL", ROW)
    for row in range(ROW - intraday.PATH_CACHE_ENTRIES - 1, ROW):
        sessions.bars("AAPL", row, 3600)
        sessions.bars("AAPL", row, 300)
    assert sessions.path("AAPL", ROW) is running
    # The control arm: what is asked for second by second is kept, and does push it out.
    for row in range(ROW - intraday.PATH_CACHE_ENTRIES - 1, ROW):
        sessions.bars("AAPL", row, 30)
    assert sessions.path("AAPL", ROW) is not running


@pytest.mark.parametrize("width", [60, 900, 1800, 3600])
def test_bars_of_a_known_path_simulate_nothing(sessions: Intraday, width: int) -> None:
    assert simulations(lambda: sessions.bars("AAPL", ROW - 1, width)) == 1
    sessions.path("AAPL", ROW)
    assert simulations(lambda: sessions.bars("AAPL", ROW, width)) == 0


@pytest.mark.parametrize("width", [1800, 3600, 14_400])
def test_half_hours_of_minutes_are_those_of_the_path(
    sessions: Intraday, market: DemoMarket, width: int
) -> None:
    # 2012-11-23, a session of three and a half hours, is among them.
    for row in range(ROW + 50, ROW + 62):
        fresh = Intraday(market.timeline, market.series, seed=1).bars("AAPL", row, width)
        sessions.bars("AAPL", row, 60)
        assert simulations(lambda row=row: sessions.bars("AAPL", row, width)) == 0
        _assert_same(sessions.bars("AAPL", row, width), fresh)


def _assert_same(one: DayBars, other: DayBars) -> None:
    for column in fields(DayBars):
        np.testing.assert_array_equal(getattr(one, column.name), getattr(other, column.name))
