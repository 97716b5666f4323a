"""What a tick does to paper orders: triggers, prices, volume, and when nothing may be filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.risk_management.ledger import START, Ledger, ticket
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.broker import BrokerSettings, PaperBroker, Tick
from trading_dashboard.models.risk.account import JournalKind, OrderStatus

D = Decimal
FREE = BrokerSettings(slippage_bps=D(0), volume_share=None, fee_per_unit=D(0), fee_minimum=D(0))


class Floor:
    """An account and a broker; ticks come in by hand."""

    def __init__(self, settings: BrokerSettings = FREE) -> None:
        self.ledger = Ledger()
        self.broker = PaperBroker(settings)

    def place(self, side: Any = "buy", quantity: str = "10", **more: Any) -> str:
        return self.ledger.place(ticket("IBM", side, quantity, **more))

    def tick(
        self, price: str, *, reducing_only: bool = False, **more: Any
    ) -> list[tuple[str, ...]]:
        """Send a tick a second later; return kinds, and quantity and price of fills."""
        at = more.pop("at", None) or self.ledger.wait(seconds=1)
        tick = Tick(symbol="IBM", price=D(price), at=at, source="demo", **more)
        book = self.ledger.book
        drafts = self.broker.on_tick(
            book.open_orders("IBM"), tick, book.quantity("IBM"), reducing_only=reducing_only
        )
        self.ledger.add_all(drafts)
        return [(draft.kind.value.removeprefix("order_"), *_fill(draft.data)) for draft in drafts]

    def status(self, order: str) -> OrderStatus:
        return self.ledger.book.order(order).status


def _fill(data: dict[str, Any]) -> tuple[str, ...]:
    return (data["quantity"], data["price"]) if "fee" in data else ()


class TestPrices:
    def test_a_market_order_is_filled_at_the_next_tick(self) -> None:
        floor = Floor()
        floor.place()
        assert floor.tick("80.25") == [("filled", "10", "80.25000000")]

    @pytest.mark.parametrize(("side", "filled"), [("buy", "80.08000000"), ("sell", "79.92000000")])
    def test_slippage_is_always_against_the_order(self, side: str, filled: str) -> None:
        floor = Floor(FREE.model_copy(update={"slippage_bps": D(10)}))
        floor.place(side)
        assert floor.tick("80") == [("filled", "10", filled)]

    @pytest.mark.parametrize(("side", "filled"), [("buy", "80.10000000"), ("sell", "79.90000000")])
    def test_a_buyer_pays_the_ask_and_a_seller_gets_the_bid(self, side: str, filled: str) -> None:
        floor = Floor()
        floor.place(side)
        assert floor.tick("80", bid=D("79.9"), ask=D("80.1")) == [("filled", "10", filled)]

        floor = Floor(FREE.model_copy(update={"use_quotes": False}))
        floor.place(side)
        assert floor.tick("80", bid=D("79.9"), ask=D("80.1")) == [("filled", "10", "80.00000000")]

    @pytest.mark.parametrize(
        ("side", "far", "at", "through"),
        [("buy", "80.01", "80", "75"), ("sell", "79.99", "80", "85")],
    )
    def test_a_limit_waits_and_is_filled_at_it_or_better(
        self, side: str, far: str, at: str, through: str
    ) -> None:
        for price in (at, through):
            floor = Floor(FREE.model_copy(update={"slippage_bps": D(10)}))
            floor.place(side, type="limit", limit_price="80")
            assert floor.tick(far) == []
            ((_, _, filled),) = floor.tick(price)
            better = D(filled) <= 80 if side == "buy" else D(filled) >= 80
            assert better
            assert (D(filled) == 80) is (price == at)

    @pytest.mark.parametrize(
        ("side", "before", "gap"), [("sell", "70.01", "62.5"), ("buy", "69.99", "77.5")]
    )
    def test_a_stop_that_gaps_fills_at_the_tick(self, side: str, before: str, gap: str) -> None:
        floor = Floor()
        order = floor.place(side, type="stop", stop_price="70")
        assert floor.tick(before) == []

        assert floor.tick(gap) == [("triggered",), ("filled", "10", f"{D(gap):.8f}")]
        assert floor.status(order) is OrderStatus.FILLED

    def test_a_stop_is_triggered_by_trades_and_not_by_quotes(self) -> None:
        floor = Floor()
        floor.place("sell", type="stop", stop_price="70")
        assert floor.tick("71", bid=D(69), ask=D(73)) == []

    def test_a_stop_limit_that_gaps_through_waits_at_its_limit(self) -> None:
        floor = Floor()
        order = floor.place("sell", type="stop_limit", stop_price="70", limit_price="69")
        assert floor.tick("65") == [("triggered",)]
        assert floor.status(order) is OrderStatus.WORKING
        assert floor.tick("68.99") == []
        assert floor.tick("69.5") == [("filled", "10", "69.50000000")]

    def test_a_stop_once_reached_stays_so(self) -> None:
        floor = Floor(FREE.model_copy(update={"volume_share": D("0.1")}))
        floor.place("sell", type="stop", stop_price="70")
        assert floor.tick("69", volume=D(50)) == [("triggered",), ("filled", "5", "69.00000000")]
        assert floor.tick("75", volume=D(50)) == [("filled", "5", "75.00000000")]

    def test_what_was_filled_says_the_price_before_slippage(self) -> None:
        floor = Floor(FREE.model_copy(update={"slippage_bps": D(10)}))
        floor.place()
        floor.tick("80")
        data = floor.ledger.entries[-1].data
        assert (D(data["market_price"]), data["source"]) == (D(80), "demo")


class TestVolume:
    SETTINGS = FREE.model_copy(update={"volume_share": D("0.1")})

    def test_a_share_of_it_is_filled_and_the_rest_works_on(self) -> None:
        floor = Floor(self.SETTINGS)
        order = floor.place(quantity="100")
        assert floor.tick("80", volume=D(309)) == [("filled", "30", "80.00000000")]
        assert floor.status(order) is OrderStatus.PARTIALLY_FILLED
        assert floor.tick("81", volume=D(5000)) == [("filled", "70", "81.00000000")]
        assert floor.ledger.book.order(order).average_price == D("80.7")

    def test_orders_share_it_oldest_first(self) -> None:
        floor = Floor(self.SETTINGS)
        for _ in range(3):
            floor.place(quantity="20")
        assert [part[1] for part in floor.tick("80", volume=D(300))] == ["20", "10"]

    @pytest.mark.parametrize("volume", ["0", "9"])
    def test_too_little_fills_nothing(self, volume: str) -> None:
        floor = Floor(self.SETTINGS)
        floor.place()
        assert floor.tick("80", volume=D(volume)) == []

    def test_fractions_are_filled_in_fractions(self) -> None:
        floor = Floor(self.SETTINGS)
        floor.place(quantity="2.5")
        assert floor.tick("80", volume=D("12.3")) == [("filled", "1.23000000", "80.00000000")]

    def test_unknown_volume_bounds_nothing(self) -> None:
        floor = Floor(self.SETTINGS)
        floor.place(quantity="100000")
        assert floor.tick("80", volume=None) == [("filled", "100000", "80.00000000")]

    def test_no_tick_ever_fills_more_than_its_share(self) -> None:
        floor = Floor(self.SETTINGS)
        for number in range(20):
            floor.place("sell" if number % 3 else "buy", quantity=str(7 + number))
        for volume in (10, 55, 123, 400):
            filled = sum(D(part[1]) for part in floor.tick("80", volume=D(volume)))
            assert filled <= D(volume) / 10


class TestNothingIsFilled:
    @pytest.mark.parametrize(
        "trouble", [{"is_stale": True}, {"is_quarantined": True}, {"is_open": False}, {}]
    )
    def test_from_a_tick_that_is_not_to_be_traded_at(self, trouble: dict[str, bool]) -> None:
        """The last one is the control: the same tick without trouble does."""
        floor = Floor()
        floor.place()
        floor.place("sell", type="stop", stop_price="90")
        assert len(floor.tick("80", **trouble)) == (0 if trouble else 3)

    @pytest.mark.parametrize(("seconds", "fills"), [(-1, 0), (0, 0), (0.001, 1)])
    def test_from_a_tick_that_is_not_newer_than_the_order(self, seconds: float, fills: int) -> None:
        floor = Floor()
        floor.place()
        assert len(floor.tick("80", at=START + timedelta(seconds=seconds))) == fills

    def test_of_another_symbol_or_what_has_ended(self) -> None:
        floor = Floor()
        other = floor.ledger.place(ticket("MSFT"))
        done = floor.place()
        floor.tick("80")
        book = floor.ledger.book
        tick = Tick(symbol="IBM", price=D(81), at=floor.ledger.wait(seconds=9), source="demo")

        assert floor.broker.on_tick([book.order(other), book.order(done)], tick, D(0)) == []

    def test_at_no_price(self) -> None:
        floor = Floor(FREE.model_copy(update={"slippage_bps": D(1000)}))
        floor.place("sell")
        assert floor.tick("0.00000001") == []


class TestReducing:
    def test_reduce_only_is_cut_to_what_is_held(self) -> None:
        floor = Floor()
        floor.ledger.trade("buy", "6", "80")
        order = floor.place("sell", reduce_only=True)
        assert floor.tick("81") == [("filled", "6", "81.00000000")]
        assert floor.tick("81") == [("cancelled",)]
        assert floor.ledger.book.order(order).reason == "Nothing is left for it to reduce."

    def test_two_that_fit_alone_do_not_turn_the_position_together(self) -> None:
        floor = Floor()
        floor.ledger.trade("sell", "10", "80")
        for _ in range(2):
            floor.place("buy", "8", reduce_only=True)
        assert [part[:2] for part in floor.tick("79")] == [("filled", "8"), ("filled", "2")]
        assert floor.ledger.book.quantity("IBM") == 0

    def test_while_only_reducing_is_allowed_others_wait(self) -> None:
        floor = Floor()
        floor.ledger.trade("buy", "6", "80")
        buy, sell = floor.place("buy"), floor.place("sell")
        assert floor.tick("81", reducing_only=True) == [("filled", "6", "81.00000000")]
        assert floor.status(buy) is OrderStatus.WORKING
        assert floor.status(sell) is OrderStatus.PARTIALLY_FILLED
        assert floor.tick("81", reducing_only=True) == []
        assert len(floor.tick("81")) == 2


class TestDays:
    def test_day_orders_end_at_the_close_and_others_work_on(self) -> None:
        floor = Floor()
        day, gtc = floor.place(), floor.place(time_in_force="gtc")
        close = floor.ledger.wait(hours=6)
        evening = floor.place()

        drafts = floor.broker.on_close(floor.ledger.book.open_orders(), close)
        floor.ledger.add_all(drafts)

        assert [draft.kind for draft in drafts] == [JournalKind.ORDER_EXPIRED]
        assert floor.status(day) is OrderStatus.EXPIRED
        assert floor.status(gtc) is floor.status(evening) is OrderStatus.WORKING

    def test_a_close_that_was_missed_is_made_up_for_by_the_next_tick(self) -> None:
        floor = Floor()
        day, gtc = floor.place(), floor.place(time_in_force="gtc")
        close = START + timedelta(hours=6)
        floor.ledger.wait(hours=24)

        assert floor.tick("80", last_close_at=close) == [
            ("expired",),
            ("filled", "10", "80.00000000"),
        ]
        assert floor.status(day) is OrderStatus.EXPIRED
        assert floor.status(gtc) is OrderStatus.FILLED

    def test_it_expires_also_by_a_tick_that_fills_nothing(self) -> None:
        floor = Floor()
        day = floor.place()
        floor.tick("80", last_close_at=START + timedelta(hours=6), is_stale=True)
        assert floor.status(day) is OrderStatus.EXPIRED


class TestFees:
    SETTINGS = BrokerSettings(slippage_bps=D(0), volume_share=D("0.1"))

    @pytest.mark.parametrize(
        ("changes", "quantity", "fee"),
        [
            ({}, "10", "1.00"),  # the minimum
            ({}, "1000", "5.00"),
            ({"fee_bps": D(5)}, "1000", "45.00"),
            ({}, "1", "0.80"),  # at most one percent
            ({"fee_maximum_bps": None}, "1", "1.00"),
            ({"fee_minimum": D(0), "fee_per_unit": D(0)}, "1000", "0.00"),
        ],
    )
    def test_of_one_fill(self, changes: dict[str, Any], quantity: str, fee: str) -> None:
        floor = Floor(self.SETTINGS.model_copy(update=changes))
        order = floor.place(quantity=quantity)
        floor.tick("80", volume=D(1_000_000))
        assert floor.ledger.book.order(order).fees == D(fee)

    def test_an_order_filled_in_parts_costs_what_it_does_in_one(self) -> None:
        floor = Floor(self.SETTINGS)
        order = floor.place(quantity="1000")
        charged: list[Decimal] = []
        while floor.status(order) is not OrderStatus.FILLED:
            floor.tick("80", volume=D(900))
            charged.append(floor.ledger.book.fees - sum(charged, D(0)))
        assert len(charged) == 12
        assert sum(charged) == D(5)
        assert charged[0] == D(1)
        assert min(charged) >= 0


def test_the_same_tick_gives_the_same_drafts() -> None:
    floor = Floor()
    floor.place()
    floor.place("sell", type="stop", stop_price="90")
    tick = Tick(symbol="IBM", price=D(80), at=floor.ledger.wait(seconds=1), source="demo")
    orders = floor.ledger.book.open_orders("IBM")

    assert floor.broker.on_tick(orders, tick, D(0)) == floor.broker.on_tick(orders, tick, D(0))
    later = replace(tick, at=tick.at + timedelta(seconds=1))
    assert floor.broker.on_tick(orders, later, D(0)) != floor.broker.on_tick(orders, tick, D(0))


def test_what_the_broker_says_the_book_accepts() -> None:
    """Drafts of one tick follow each other as they come: triggered before filled."""
    floor = Floor()
    name = floor.place("sell", type="stop", stop_price="90")
    floor.tick("80")
    kinds = [entry.kind for entry in floor.ledger.entries[-2:]]
    assert kinds == [JournalKind.ORDER_TRIGGERED, JournalKind.ORDER_FILLED]
    assert floor.ledger.entries[-1].actor == entries.BROKER
    assert floor.status(name) is OrderStatus.FILLED
