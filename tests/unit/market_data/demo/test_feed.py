"""The updates between two positions."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.market_data.conftest import answered, position_at
from trading_dashboard.agents.market_data.demo.feed import Feed
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.market import BarsQuestion
from trading_dashboard.models.market import INTERVALS, Bar, PriceResponse


class Recorder:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.ticks: list[tuple[dict[str, Any], int]] = []
        self.closed: list[tuple[str, str, dict[str, Any]]] = []
        self.forming: list[tuple[str, str, dict[str, Any]]] = []
        self.new: list[str] = []

    def tick(self, symbol: str, body: str, merged: int) -> None:
        price = orjson.loads(f"{{{body}}}")["price"]
        PriceResponse.model_validate(price)
        self.ticks.append((price, merged))

    def bar(self, symbol: str, interval: str, body: str, *, closed: bool) -> None:
        bar = orjson.loads(f"{{{body}}}")["bar"]
        Bar.model_validate(bar)
        assert bar["closed"] is closed
        (self.closed if closed else self.forming).append((symbol, interval, bar))

    def listed(self, symbol: str) -> None:
        self.new.append(symbol)


def advance(market: DemoMarket, marks: list[float], **wanted: tuple[str, ...]) -> Recorder:
    recorder, feed = Recorder(), Feed(market)
    for start, end in pairwise(marks):
        feed.advance(start, end, wanted, recorder)
    return recorder


def test_one_tick_per_market_second(market: DemoMarket) -> None:
    start = position_at(market.timeline, date(2012, 9, 4), 10.0)
    recorder = advance(market, [start + step for step in range(6)], IBM=())
    path = market.intraday.path("IBM", 3148)
    assert [price["price"] for price, _ in recorder.ticks] == path.price[11:16].tolist()
    assert [merged for _, merged in recorder.ticks] == [0] * 5
    seqs = [price["seq"] for price, _ in recorder.ticks]
    assert seqs == list(range(seqs[0], seqs[0] + 5))


def test_no_tick_without_a_new_second(market: DemoMarket) -> None:
    start = position_at(market.timeline, date(2012, 9, 4), 10.2)
    assert advance(market, [start, start + 0.7], IBM=("1m",)).ticks == []


def test_seconds_within_one_step_merge(market: DemoMarket) -> None:
    start = position_at(market.timeline, date(2012, 9, 4), 10.0)
    recorder = advance(market, [start, start + 3.0], IBM=("1m",))
    assert [merged for _, merged in recorder.ticks] == [2]
    assert len(recorder.forming) == 1


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.floats(0.01, 9_000), min_size=1, max_size=12),
    interval=st.sampled_from(["1m", "5m", "1h", "4h", "1d", "1w", "1M"]),
    day=st.sampled_from([date(2012, 11, 21), date(2012, 3, 9), date(2012, 8, 30)]),
)
def test_closed_bars_come_once_each_however_time_is_cut(
    market: DemoMarket, steps: list[float], interval: str, day: date
) -> None:
    """They are exactly the bars history has for the stretch: none missing, none twice."""
    start = position_at(market.timeline, day, 17.0)
    marks = [start]
    for step in steps:
        marks.append(marks[-1] + step)
    recorder = advance(market, marks, MSFT=(interval,))
    before, after = market.timeline.at(start), market.timeline.at(marks[-1])
    question = BarsQuestion(symbol="MSFT", interval=interval, limit=10_000, start=date(2012, 1, 1))
    series = market.series["MSFT"]
    known = [bar["timestamp"] for bar in answered(market, question, series, before)["data"]]
    expected = [
        bar
        for bar in answered(market, question, series, after)["data"]
        if bar["timestamp"] not in known
    ]
    for bar in expected:
        bar["adjusted_close"] = bar["close"]
    assert [bar for _, _, bar in recorder.closed] == expected


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_snapshot_has_the_bar_that_history_calls_partial(
    market: DemoMarket, interval: str
) -> None:
    instant = market.timeline.at(position_at(market.timeline, date(2012, 11, 23), 5_432.1))
    body = Feed(market).snapshot_body("AAPL", [interval], instant)
    message = orjson.loads(f"{{{body}}}")
    question = BarsQuestion(symbol="AAPL", interval=interval, limit=1, include_partial=True)
    answer = answered(market, question, market.series["AAPL"], instant)
    assert message["bars"][interval] == {
        **answer["data"][-1],
        "adjusted_close": answer["data"][-1]["close"],
    }
    assert message["price"] == market.quote("AAPL", instant)


def test_a_listing_is_announced_with_its_first_second(market: DemoMarket) -> None:
    eve = position_at(market.timeline, date(2012, 5, 17), 23_399.5)
    recorder = advance(market, [eve, eve + 1.0], FB=("1m",), IBM=())
    assert recorder.new == ["FB"]
    assert [price["symbol"] for price, _ in recorder.ticks] == ["FB", "IBM"]


def test_after_the_end_nothing_comes(market: DemoMarket) -> None:
    end = float(market.timeline.total)
    last = advance(market, [end - 2, end], IBM=("1m", "1d", "1w", "1M"))
    assert [interval for _, interval, _ in last.closed] == ["1m", "1d", "1w"]
    assert last.forming == []
    nothing = advance(market, [end, end + 100], IBM=("1m",))
    assert (nothing.ticks, nothing.closed, nothing.forming) == ([], [], [])
