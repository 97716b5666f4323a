"""Sums that are kept equal sums made anew; what reduces is told exactly."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

import numpy as np
import pytest

from trading_dashboard.agents.risk_management.limits.exposure import ExposureBook, Line
from trading_dashboard.agents.risk_management.limits.losses import (
    MIN_DAYS,
    REFRESH,
    History,
    LossVector,
    VarTerms,
    sample_var,
)

SYMBOLS = [f"S{number}" for number in range(90)]


@pytest.mark.parametrize(
    ("held", "pending", "side", "quantity", "reduces"),
    [
        ("100", "0", "sell", "100", True),
        ("100", "0", "sell", "100.00000001", False),
        ("100", "60", "sell", "40", True),
        ("100", "60", "sell", "41", False),
        ("100", "0", "buy", "1", False),
        ("0", "0", "sell", "1", False),
        ("-0.3", "0.1", "buy", "0.2", True),
        ("-0.3", "0.2", "buy", "0.2", False),
        ("-100", "0", "sell", "1", False),
    ],
)
def test_what_reduces(held: str, pending: str, side: str, quantity: str, reduces: bool) -> None:
    line = Line(Decimal(held))
    if Decimal(pending):
        line = line.with_order(side, Decimal(pending))  # type: ignore[arg-type]
    assert line.reduces(side, Decimal(quantity)) is reduces  # type: ignore[arg-type]


class Naive:
    """The same account, added up anew each time."""

    def __init__(self) -> None:
        self.held: dict[str, Decimal] = {}
        self.price: dict[str, float] = {}
        self.orders: dict[str, tuple[str, str, Decimal]] = {}

    def ends(self, symbol: str) -> tuple[float, float, float]:
        held = self.held.get(symbol, Decimal(0))
        mine = [(side, left) for name, side, left in self.orders.values() if name == symbol]
        buys = sum((left for side, left in mine if side == "buy"), Decimal(0))
        sells = sum((left for side, left in mine if side == "sell"), Decimal(0))
        price = self.price[symbol]
        return float(held) * price, float(held + buys) * price, float(held - sells) * price


def test_kept_sums_equal_sums_made_anew_over_random_changes() -> None:
    random, exposure, naive = Random(7), ExposureBook(), Naive()
    for symbol in SYMBOLS:
        naive.price[symbol] = 50.0
        exposure.set_price(symbol, 50.0)
    for number in range(4000):
        symbol = random.choice(SYMBOLS)
        act = random.randrange(4)
        if act == 0:
            naive.price[symbol] = random.uniform(1, 500)
            exposure.set_price(symbol, naive.price[symbol])
        elif act == 1:
            naive.held[symbol] = Decimal(random.randrange(-500, 500)) / 4
            exposure.set_quantity(symbol, naive.held[symbol])
        elif act == 2:
            side, left = random.choice(("buy", "sell")), Decimal(random.randrange(1, 99))
            naive.orders[str(number)] = (symbol, side, left)
            exposure.reserve(str(number), symbol, side, left, 50.0)  # type: ignore[arg-type]
        elif naive.orders:
            order_id = random.choice(list(naive.orders))
            name, side, left = naive.orders.pop(order_id)
            part = Decimal(random.randrange(1, 99))
            exposure.filled(order_id, part)
            if left - part > 0:
                naive.orders[order_id] = (name, side, left - part)
    ends = [naive.ends(symbol) for symbol in SYMBOLS]
    worst = [upper if abs(upper) >= abs(lower) else lower for _, upper, lower in ends]
    held, sums = exposure.held(), exposure.worst()
    assert held is not None
    assert sums is not None
    assert held.gross == pytest.approx(sum(abs(value) for value, _, _ in ends))
    assert held.net == pytest.approx(sum(value for value, _, _ in ends))
    assert sums.gross == pytest.approx(sum(abs(value) for value in worst))
    assert sums.largest == pytest.approx(max(abs(value) for value in worst))
    assert sums.symbol == SYMBOLS[int(np.argmax(np.abs(worst)))]
    net = max(sum(upper for _, upper, _ in ends), sum(low for *_, low in ends), key=abs)
    assert sums.net == pytest.approx(net)
    assert set(exposure.orders) == set(naive.orders)


def test_a_change_that_is_only_asked_about_equals_the_change_made() -> None:
    random, exposure = Random(3), ExposureBook()
    for symbol in SYMBOLS:
        exposure.set_price(symbol, random.uniform(1, 99))
        exposure.set_quantity(symbol, Decimal(random.randrange(-50, 50)))
    for number in range(300):
        symbol = random.choice(SYMBOLS)
        side, quantity = random.choice(("buy", "sell")), Decimal(random.randrange(1, 200))
        line = exposure.line(symbol).with_order(side, quantity)  # type: ignore[arg-type]
        asked = exposure.worst_with(symbol, line)
        exposure.reserve(str(number), symbol, side, quantity, 1.0)  # type: ignore[arg-type]
        made = exposure.worst()
        assert asked is not None
        assert made is not None
        assert asked.gross == pytest.approx(made.gross)
        assert asked.net == pytest.approx(made.net)
        assert asked.largest == pytest.approx(made.largest)
        assert asked.symbol == made.symbol
        if random.random() < 0.7:
            exposure.release(str(number))


def test_a_holding_without_a_price_leaves_nothing_told() -> None:
    exposure = ExposureBook()
    exposure.set_price("A", 10.0)
    exposure.set_quantity("A", Decimal(1))
    exposure.set_quantity("B", Decimal(1))
    assert exposure.held() is None
    assert exposure.worst() is None
    exposure.set_price("B", 5.0)
    assert exposure.held() == exposure.worst()
    exposure.set_price("B", math.nan)
    assert exposure.held() is None


def test_orders_that_could_increase_are_found_oldest_first() -> None:
    exposure = ExposureBook()
    exposure.set_quantity("A", Decimal(100))
    exposure.set_quantity("B", Decimal(-5))
    for order_id, symbol, side, quantity in (
        ("1", "A", "sell", 60), ("2", "A", "sell", 60), ("3", "A", "sell", 40),
        ("4", "A", "buy", 1), ("5", "B", "buy", 5), ("6", "C", "sell", 1),
    ):  # fmt: skip
        exposure.reserve(order_id, symbol, side, Decimal(quantity), 1.0)  # type: ignore[arg-type]
    assert exposure.increasing() == ["2", "4", "6"]


def test_an_order_with_nothing_left_cannot_be_reserved() -> None:
    with pytest.raises(ValueError, match="nothing left"):
        ExposureBook().reserve("1", "A", "buy", Decimal(0), 1.0)


# Losses


def test_the_sample_quantile_is_an_order_statistic() -> None:
    pnl = np.random.default_rng(1).permutation(np.arange(-50.0, 50.0))
    for confidence in (0.9, 0.95, 0.975, 0.99):
        expected = np.quantile(-pnl, confidence, method="inverted_cdf")
        assert sample_var(pnl, confidence) == expected


def test_kept_losses_equal_losses_made_anew_gaps_and_all() -> None:
    rng, random = np.random.default_rng(5), Random(5)
    returns = rng.normal(0, 0.01, (400, len(SYMBOLS)))
    returns[:150, 0] = np.nan  # listed lately
    returns[rng.random(returns.shape) < 0.0005] = np.nan
    vector = LossVector(History(SYMBOLS, returns), VarTerms(confidence=0.95, horizon_days=4))
    values = dict.fromkeys(SYMBOLS, 0.0)
    for number in range(REFRESH + 500):
        symbol = random.choice(SYMBOLS)
        values[symbol] = random.choice((0.0, random.uniform(-1e5, 1e5)))
        vector.set_value(symbol, values[symbol])
        if number % 500:
            continue
        other, value = random.choice(SYMBOLS), random.choice((0.0, 5e4))
        for held, told in (
            (values, vector.var()),
            ({**values, other: value}, vector.var_with(other, value)),
        ):
            columns = [i for i, name in enumerate(SYMBOLS) if held[name]]
            days = returns[np.isfinite(returns[:, columns]).all(axis=1)][:, columns]
            pnl = days @ np.array([held[SYMBOLS[i]] for i in columns])
            assert told == pytest.approx(2 * max(0.0, sample_var(pnl, 0.95)), rel=1e-9)


def test_no_var_is_told_where_history_or_price_is_missing() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, (100, 2))
    returns[: 100 - MIN_DAYS + 1, 1] = np.nan
    vector = LossVector(History(["A", "B"], returns), VarTerms())
    assert vector.var() == 0.0
    vector.set_value("A", 1000.0)
    assert vector.var()
    assert vector.var_with("B", 10.0) is None  # too few days in common
    assert vector.var_with("C", 10.0) is None
    vector.set_value("C", 10.0)
    assert (vector.var(), vector.unknown) == (None, frozenset({"C"}))
    assert vector.var_with("C", 0.0)  # selling what cannot be judged makes the rest known
    vector.set_value("C", 0.0)
    vector.set_value("A", math.nan)
    assert (vector.var(), vector.unknown) == (None, frozenset({"A"}))
    vector.set_value("A", 1000.0)
    assert vector.var()
    with pytest.raises(ValueError, match="shape"):
        History(["A"], returns)


def test_a_symbol_listed_lately_does_not_choose_the_days() -> None:
    calm, wild = np.full((100, 1), -0.001), np.full((300, 1), -0.02)
    old = np.vstack([wild, calm])
    young = np.vstack([np.full((300, 1), np.nan), calm])
    vector = LossVector(History(["OLD", "NEW"], np.hstack([old, young])), VarTerms())
    vector.set_value("OLD", 1000.0)
    assert vector.var() == pytest.approx(20.0)
    assert vector.var_with("NEW", 1.0) is None  # not the 1.0 of the calm days alone
