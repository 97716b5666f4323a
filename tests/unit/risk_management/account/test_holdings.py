"""Average cost and first in first out, long, short and turning, by hand-made numbers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.unit.risk_management.ledger import START, Ledger
from trading_dashboard.agents.risk_management.account.holdings import Holding, Lot

D = Decimal


def traded(*trades: tuple[str, str]) -> tuple[Holding, list[tuple[Decimal, Decimal]]]:
    """Trade signed quantities at prices; return the holding and each trade's profit."""
    holding, profits = Holding("IBM"), []
    for seq, (quantity, price) in enumerate(trades, start=1):
        money = (D(quantity) * D(price)).quantize(D("0.01"))
        profits.append(tuple(holding.trade(D(quantity), money, seq, START)))
    return holding, profits  # type: ignore[return-value]


def test_average_cost_and_fifo_differ_by_which_units_are_sold() -> None:
    holding, profits = traded(("100", "10"), ("100", "20"), ("-100", "30"))

    assert profits[2] == (D(1500), D(2000))
    assert (holding.quantity, holding.average_cost) == (D(100), D(15))
    assert [(lot.quantity, lot.price) for lot in holding.lots] == [(D(100), D(20))]


def test_both_agree_once_all_is_sold() -> None:
    holding, profits = traded(("100", "10"), ("100", "20"), ("-150", "30"), ("-50", "5"))

    assert holding.quantity == holding.cost == holding.cost_fifo == 0
    assert holding.realised == holding.realised_fifo == D(1750)
    assert sum(average for average, _ in profits) == D(1750)


def test_a_short_earns_when_the_price_falls() -> None:
    holding, profits = traded(("-100", "50"), ("40", "45"))

    assert profits[1] == (D(200), D(200))
    assert (holding.quantity, holding.cost, holding.average_cost) == (D(-60), D(-3000), D(50))


def test_a_trade_that_turns_closes_all_and_opens_the_rest() -> None:
    holding, profits = traded(("100", "10"), ("-150", "12"))

    assert profits[1] == (D(200), D(200))
    assert (holding.quantity, holding.cost, holding.average_cost) == (D(-50), D(-600), D(12))
    assert [(lot.seq, lot.quantity) for lot in holding.lots] == [(2, D(-50))]


def test_no_cent_is_lost_in_thirds() -> None:
    holding, profits = traded(("3", "10.01"), ("-1", "10"), ("-1", "10"), ("-1", "10"))

    assert sum(average for average, _ in profits) == D("-0.03")
    assert holding.cost == holding.cost_fifo == 0


def test_fifo_takes_a_part_of_a_lot() -> None:
    holding, profits = traded(("10", "1"), ("10", "2"), ("-15", "3"))

    assert profits[2][1] == D(45) - D(10) - D(10)
    assert [(lot.quantity, lot.cost) for lot in holding.lots] == [(D(5), D(10))]


@pytest.mark.parametrize(
    ("ratio", "quantity", "average"),
    [
        (Fraction(2), "200", "5"),
        (Fraction(3, 2), "150", "6.66666667"),
        (Fraction(1, 8), "12.5", "80"),
    ],
)
def test_a_split_changes_units_and_never_the_cost(
    ratio: Fraction, quantity: str, average: str
) -> None:
    holding, _ = traded(("100", "10"))

    holding.split(ratio, START + timedelta(days=1), 0)

    assert (holding.quantity, holding.cost) == (D(quantity), D(1000))
    assert holding.average_cost == D(average)
    assert sum(lot.quantity for lot in holding.lots) == holding.quantity


def test_lots_of_a_split_add_up_to_the_holding_s_own_rounding() -> None:
    holding, _ = traded(*[("0.00000001", "1")] * 7)

    holding.split(Fraction(1, 3), START + timedelta(days=1), 0)

    assert holding.quantity == D("0.00000002")
    assert sum(lot.quantity for lot in holding.lots) == holding.quantity
    assert sum(lot.cost for lot in holding.lots) == holding.cost_fifo


def test_what_a_split_leaves_nothing_of_is_a_loss() -> None:
    ledger = Ledger()
    ledger.trade("buy", "0.00000001", "900000000")
    holding = ledger.book.positions["IBM"]
    assert holding.cost == D(9)

    lost = holding.split(Fraction(1, 10), ledger.wait(days=1), 0)

    assert lost == (D(-9), D(-9))
    assert holding.quantity == holding.cost == holding.cost_fifo == 0


def test_a_split_passes_over_what_came_in_after_it() -> None:
    holding, _ = traded(("100", "10"))
    late = START + timedelta(days=2)
    holding.trade(D(10), D(50), 2, late)

    holding.split(Fraction(2), START + timedelta(days=1), 0)

    assert [lot.quantity for lot in holding.lots] == [D(200), D(10)]
    assert holding.entitled(START + timedelta(days=1), 0) == D(200)
    assert holding.entitled(late + timedelta(days=1), 1) == D(10)


def test_the_price_of_a_lot_is_what_a_unit_cost() -> None:
    assert Lot(1, START, START, D(-3), D("-10.00")).price == D("3.33333333")
