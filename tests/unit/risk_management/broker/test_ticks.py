"""Ticks as they are read from what market data tells."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.risk_management.ledger import START
from trading_dashboard.agents.risk_management.broker import TickReader
from trading_dashboard.models.market import PriceResponse

D = Decimal
DAY = date(2003, 1, 2)


def told(volume: float, session: date = DAY, **more: Any) -> PriceResponse:
    fields = {"price": 80.1, "timestamp": START, "source": "demo", "symbol": "IBM", **more}
    return PriceResponse(volume=volume, session=session, **fields)


def volumes(*prices: PriceResponse) -> list[Decimal | None]:
    reader = TickReader()
    return [reader.read(price, is_open=True).volume for price in prices]


def test_its_volume_is_what_was_traded_since_the_tick_before() -> None:
    assert volumes(told(1000), told(1200), told(1200), told(1250.5)) == [0, 200, 0, D("50.5")]


def test_a_new_session_counts_from_nothing() -> None:
    assert volumes(told(1000), told(300, date(2003, 1, 3))) == [0, 300]


def test_a_volume_that_was_corrected_is_not_below_nothing() -> None:
    assert volumes(told(1000), told(900), told(950)) == [0, 0, 50]


def test_a_source_without_volumes_is_not_one_without_trades() -> None:
    assert volumes(told(0), told(0)) == [None, None]
    assert volumes(told(0), told(10), told(10)) == [None, 10, 0]


def test_after_a_gap_what_was_traded_meanwhile_fills_nothing() -> None:
    reader = TickReader()
    reader.read(told(1000), is_open=True)
    reader.forget("IBM")
    assert reader.read(told(5000), is_open=True).volume == 0
    reader.forget()
    assert reader.read(told(9000), is_open=True).volume == 0


@pytest.mark.parametrize("price", [80.1, 0.1 + 0.2, 1e-8, 123456.789])
def test_prices_are_the_decimals_that_were_meant(price: float) -> None:
    tick = TickReader().read(told(0, price=price, bid=price, ask=0.0), is_open=True)
    assert tick.price == tick.bid == D(f"{price:.8f}")
    assert tick.ask is None


def test_whether_it_may_be_traded_at() -> None:
    reader = TickReader()
    assert reader.read(told(0), is_open=True).is_tradable
    assert not reader.read(told(0), is_open=False).is_tradable
    assert not reader.read(told(0), is_open=True, is_stale=True).is_tradable
    assert not reader.read(told(0), is_open=True, is_quarantined=True).is_tradable
