"""The life of an order, and what is refused in it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.unit.risk_management.ledger import Ledger, ticket
from trading_dashboard.agents.risk_management.account import entries, playing
from trading_dashboard.models.risk.account import OrderStatus
from trading_dashboard.models.risk.errors import (
    DuplicateOrder,
    InvalidOrder,
    OrderFinal,
    UnknownOrder,
)

D = Decimal


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_fills_add_up_to_an_average_price_and_fees(ledger: Ledger) -> None:
    name = ledger.place(ticket(quantity="10"))
    ledger.fill(name, "4", "80", "1")
    assert ledger.book.order(name).status is OrderStatus.PARTIALLY_FILLED

    ledger.fill(name, "6", "81", "0.50")

    order = ledger.book.order(name)
    assert order.status is OrderStatus.FILLED
    assert (order.average_price, order.fees, order.remaining) == (D("80.6"), D("1.50"), D(0))
    assert ledger.book.open_orders() == []


def test_a_fill_s_record_says_what_it_earned(ledger: Ledger) -> None:
    ledger.trade("buy", "10", "80", fee="1")

    (fill,) = ledger.trade("sell", "4", "90", fee="2").fills

    assert (fill.realised, fill.realised_fifo, fill.fee) == (D(40), D(40), D(2))
    assert fill.id == f"f{ledger.book.seq}"
    assert ledger.book.cash == D(100000) - 801 + 358


@pytest.mark.parametrize("quantity", ["11", "0", "-1"])
def test_more_than_remains_is_refused(ledger: Ledger, quantity: str) -> None:
    name = ledger.place(ticket(quantity="10"))
    with pytest.raises(InvalidOrder, match="cannot be filled"):
        ledger.fill(name, quantity, "80")


@pytest.mark.parametrize(("side", "price"), [("buy", "80.00000001"), ("sell", "79.99999999")])
def test_a_fill_worse_than_the_limit_is_refused(ledger: Ledger, side: Any, price: str) -> None:
    name = ledger.place(ticket(side=side, type="limit", limit_price="80"))
    with pytest.raises(InvalidOrder, match="worse than the limit"):
        ledger.fill(name, "1", price)
    ledger.fill(name, "1", "80")


def test_a_stop_is_filled_only_once_it_was_reached(ledger: Ledger) -> None:
    name = ledger.place(ticket(side="sell", type="stop", stop_price="70"))
    with pytest.raises(InvalidOrder, match="not reached"):
        ledger.fill(name, "1", "69")

    ledger.add(entries.order_triggered(name, D("69"), at=ledger.now))
    ledger.fill(name, "10", "69")

    assert ledger.book.order(name).triggered
    with pytest.raises(OrderFinal):
        ledger.add(entries.order_triggered(name, D("69"), at=ledger.now))


def test_what_has_ended_stays_so(ledger: Ledger) -> None:
    name = ledger.place(ticket())
    ledger.add(entries.order_cancelled(name, actor="test", reason="no more", at=ledger.now))
    before = ledger.book.snapshot()

    for draft in (
        entries.order_cancelled(name, actor="test", reason="again", at=ledger.now),
        entries.order_expired(name, at=ledger.now),
        entries.order_rejected(name, None, actor="desk", reason="late", at=ledger.now),
    ):
        with pytest.raises(OrderFinal, match="cancelled and stays so"):
            ledger.add(draft)
    with pytest.raises(OrderFinal):
        ledger.fill(name, "1", "80")

    assert ledger.book.snapshot() == before
    assert ledger.book.order(name).reason == "no more"


def test_reduce_only_never_opens_nor_turns(ledger: Ledger) -> None:
    ledger.trade("buy", "5", "80")
    name = ledger.place(ticket(side="sell", quantity="10", reduce_only=True))
    with pytest.raises(InvalidOrder, match="only reduces"):
        ledger.fill(name, "6", "80")
    ledger.fill(name, "5", "80")
    with pytest.raises(InvalidOrder, match="only reduces"):
        ledger.fill(name, "1", "80")


def test_an_id_is_used_once(ledger: Ledger) -> None:
    ledger.place(ticket(client_order_id="mine"), "a")
    with pytest.raises(DuplicateOrder):
        ledger.place(ticket(), "a")
    with pytest.raises(DuplicateOrder, match="mine"):
        ledger.place(ticket(client_order_id="mine"), "b")
    with pytest.raises(UnknownOrder, match="no order c"):
        ledger.fill("c", "1", "80")


def test_a_rejected_ticket_is_an_order_that_ended(ledger: Ledger) -> None:
    draft = entries.order_rejected(
        "r",
        ticket(),
        actor="desk",
        reason="The gate is halted.",
        at=ledger.now,
        codes=["gate_halted"],
    )
    ledger.add(draft)

    assert ledger.book.order("r").status is OrderStatus.REJECTED
    assert ledger.book.order("r").reason == "The gate is halted."
    assert ledger.book.open_orders() == []


def test_old_ends_are_forgotten_and_open_orders_never(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "KEPT_FINAL_ORDERS", 3)
    works = ledger.place(ticket(client_order_id="works"))
    for number in range(5):
        ledger.place(ticket(client_order_id=f"c{number}"), f"done{number}")
        ledger.fill(f"done{number}", "10", "80")

    assert list(ledger.book.orders) == [works, "done2", "done3", "done4"]
    assert list(ledger.book.order_seqs) == list(ledger.book.orders)
    assert set(ledger.book.client_ids) == {"works", "c2", "c3", "c4"}


def test_a_split_moves_working_orders_along(ledger: Ledger) -> None:
    limit = ledger.place(ticket(quantity="5", type="limit", limit_price="81.00000001"))
    stop = ledger.place(
        ticket(side="sell", quantity="5", type="stop_limit", stop_price="70", limit_price="69.5")
    )
    ledger.fill(limit, "2", "80")
    opens = ledger.wait(days=1)
    late = ledger.place(ticket(quantity="5", type="limit", limit_price="40"))

    split = entries.split_applied(
        "IBM", opens.date(), Fraction(2), effective_at=opens, source="demo", at=opens
    )
    ledger.add(split)

    order = ledger.book.order(limit)
    # A buyer's limit is rounded down.
    assert (order.quantity, order.limit_price, order.remaining) == (D(10), D("40.5"), D(6))
    assert order.average_price == D(40)
    order = ledger.book.order(stop)
    assert (order.quantity, order.stop_price, order.limit_price) == (D(10), D(35), D("34.75"))
    assert ledger.book.order(late).quantity == D(5)


def test_an_order_that_a_split_leaves_nothing_of_ends(ledger: Ledger) -> None:
    name = ledger.place(ticket(quantity="0.00000001"))
    opens = ledger.wait(days=1)

    split = entries.split_applied(
        "IBM", opens.date(), Fraction(1, 2), effective_at=opens, source="demo", at=opens
    )
    ledger.add(split)

    assert ledger.book.order(name).status is OrderStatus.CANCELLED
    assert ledger.book.working == {}


@pytest.mark.parametrize(
    ("order", "after"),
    [
        ({"side": "buy", "type": "limit", "limit_price": "80"}, ("79.25", None)),
        ({"side": "sell", "type": "stop", "stop_price": "70"}, (None, "69.25")),
        (
            {"side": "sell", "type": "stop_limit", "stop_price": "70", "limit_price": "69"},
            ("68.25", "69.25"),
        ),
        ({"side": "sell", "type": "limit", "limit_price": "90"}, ("90", None)),
        ({"side": "buy", "type": "stop", "stop_price": "90"}, (None, "90")),
        ({"side": "buy", "type": "limit", "limit_price": "0.75"}, ("0.75", None)),
    ],
)
def test_a_dividend_lowers_orders_below_the_market(
    ledger: Ledger, order: dict[str, str], after: tuple[str | None, str | None]
) -> None:
    name = ledger.place(ticket(**order))  # type: ignore[arg-type]
    opens = ledger.wait(days=1)

    ledger.add(
        entries.dividend_paid(
            "IBM", opens.date(), D("0.75"), effective_at=opens, source="demo", at=opens
        )
    )

    found = ledger.book.order(name)
    assert (found.limit_price, found.stop_price) == tuple(price and D(price) for price in after)
