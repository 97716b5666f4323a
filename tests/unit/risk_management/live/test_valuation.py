"""Sums that are kept equal sums made anew, whatever comes; market time between two words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.agents.risk_management.live.clock import MarketTime
from trading_dashboard.agents.risk_management.live.valuation import Mark, Valuation
from trading_dashboard.models.market import ClockState, MarketPhase, PriceResponse

NOON = datetime(2012, 9, 4, 16, tzinfo=UTC)


@dataclass
class Held:
    quantity: Decimal
    average_cost: Decimal


def mark(price: float) -> Mark:
    told = PriceResponse(symbol="A", price=price, timestamp=NOON, volume=1, source="test")
    return Mark.of(told, 0.0)


symbols = st.sampled_from("ABCD")
units = st.decimals(-1000, 1000, places=3)
prices = st.floats(0.01, 10_000).map(lambda price: round(price, 4))
step = st.one_of(
    st.tuples(st.just("price"), symbols, prices),
    st.tuples(st.just("hold"), symbols, units),
    st.tuples(st.just("split"), symbols, st.sampled_from([Decimal(2), Decimal("0.5")])),
    st.tuples(st.just("forget"), symbols, st.none()),
)


@given(st.lists(step, max_size=60))
def test_sums_are_those_of_the_parts(steps: list[tuple[str, str, object]]) -> None:
    held: dict[str, Held] = {}
    valuation = Valuation()
    valuation.begin(held)
    for kind, symbol, value in steps:
        if kind == "price":
            assert isinstance(value, float)
            valuation.take(symbol, mark(value))
        elif kind == "hold":
            assert isinstance(value, Decimal)
            held[symbol] = Held(value, Decimal(10))
            valuation.holding_changed(symbol)
        elif kind == "split":
            assert isinstance(value, Decimal)
            valuation.split(symbol, value)
        else:
            valuation.forget_prices()
    again = Valuation()
    again.marks.update(valuation.marks)
    again.begin(held)
    names = ("long", "short", "gross", "unrealised", "values", "market_value")
    assert [getattr(valuation, name) for name in names] == [getattr(again, name) for name in names]
    assert set(valuation.unpriced) == set(again.unpriced)


def test_a_price_that_did_not_move_changes_nothing() -> None:
    valuation = Valuation()
    valuation.begin({"A": Held(Decimal(3), Decimal(1))})
    assert [valuation.take("A", mark(2.0)), valuation.take("A", mark(2.0))] == [True, False]
    assert valuation.take("B", mark(2.0)) is False


def state(now: datetime = NOON, **more: object) -> ClockState:
    body = {"now": now, "replay": True, "speed": 60.0, "calendar": "XNYS", "time_zone": "UTC"}
    body |= {"market": MarketPhase.OPEN, "session": NOON.date()}
    return ClockState.model_validate(body | more)


def test_ages_count_open_market_time_only() -> None:
    clock = MarketTime()
    assert clock.now(0.0) is None
    clock.take(state(), 100.0)
    assert clock.now(101.0) == NOON + timedelta(seconds=60)
    assert clock.open_seconds(101.0) == 60
    clock.take(state(NOON + timedelta(seconds=50)), 101.0)  # what it says counts
    assert clock.open_seconds(101.0) == 50
    clock.take(state(NOON + timedelta(seconds=50), paused=True), 101.0)
    assert clock.open_seconds(900.0) == 50
    clock.take(state(NOON + timedelta(hours=9), market=MarketPhase.CLOSED), 901.0)
    assert clock.open_seconds(2_000.0) == pytest.approx(50)


def test_it_never_tells_a_time_past_the_close() -> None:
    clock, close = MarketTime(), NOON + timedelta(seconds=30)
    clock.take(state(replay=False, speed=1.0, next_close=close), 0.0)
    assert clock.now(29.0) == NOON + timedelta(seconds=29)
    assert clock.now(500.0) == close
    assert clock.open_seconds(500.0) == 30
