"""The whole real market in memory, made once per test process."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
import pytest

from trading_dashboard.agents.market_data.api.bar_json import history_json
from trading_dashboard.agents.market_data.demo import dataset
from trading_dashboard.agents.market_data.demo.dataset import Action, DailyRow
from trading_dashboard.agents.market_data.demo.loading import FIRST_DAY, LAST_DAY, ask_calendar
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import Instant, Timeline
from trading_dashboard.agents.market_data.market import BarsQuestion


@pytest.fixture(scope="session")
def rows() -> Mapping[str, Sequence[DailyRow]]:
    """Return the data set's rows by symbol."""
    groups = itertools.groupby(dataset.read_rows(), lambda row: row.symbol)
    return {symbol: list(group) for symbol, group in groups}


@pytest.fixture(scope="session")
def actions(rows: Mapping[str, Sequence[DailyRow]]) -> Mapping[str, Sequence[Action]]:
    """Return the derived actions by symbol."""
    return {symbol: dataset.derive_actions(own) for symbol, own in rows.items()}


@pytest.fixture(scope="session")
def timeline() -> Timeline:
    """Return the sessions of XNYS over the data."""
    return Timeline(ask_calendar(dataset.CALENDAR, FIRST_DAY, LAST_DAY))


@pytest.fixture(scope="session")
def market(
    rows: Mapping[str, Sequence[DailyRow]],
    actions: Mapping[str, Sequence[Action]],
    timeline: Timeline,
) -> DemoMarket:
    """Return the market with seed 1."""
    series = {
        listing.symbol: DailySeries(
            listing, rows[listing.symbol], actions[listing.symbol], timeline
        )
        for listing in dataset.LISTINGS
    }
    return DemoMarket(timeline, series, seed=1)


def answered(
    market: DemoMarket, question: BarsQuestion, series: DailySeries, instant: Instant
) -> dict[str, Any]:
    """Return the body that a question to the replay is answered with."""
    body: dict[str, Any] = orjson.loads(
        history_json(market.history.answer(question, series, instant))
    )
    return body


def position_at(timeline: Timeline, day: date, offset: float = 0.0) -> float:
    """Return the position `offset` seconds into a day's session."""
    return timeline.start_of(timeline.index_from(day)) + offset
