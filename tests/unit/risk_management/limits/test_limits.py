"""Where each limit stands, against numbers by hand; how they change."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.unit.risk_management.gate.moments import START, World, journal, open_keeper
from tests.unit.risk_management.limits.accounts import Account
from trading_dashboard.agents.risk_management.limits.defaults import CODES, NAMES, UNITS
from trading_dashboard.agents.risk_management.limits.limits import LimitBook, breaches
from trading_dashboard.agents.risk_management.limits.losses import sample_var
from trading_dashboard.agents.risk_management.limits.pace import Pace
from trading_dashboard.models.risk.errors import InvalidLimit
from trading_dashboard.models.risk.gate import (
    GateState,
    Limit,
    LimitChange,
    LimitKind,
    LimitState,
)


def example() -> Account:
    """Cash 60,000; 400 A at 100 long, 100 B at 200 short: equity 80,000."""
    account = Account(60_000.0, A=100.0, B=200.0)
    account.hold("A", "400")
    account.hold("B", "-100")
    account.day_pnl, account.drawdown = -4000.0, 0.125
    return account


def stand(account: Account, **limit: Any) -> LimitState:
    (state,) = LimitBook([Limit(**limit)]).evaluate(account, Pace(), 0.0)
    return state


def test_every_kind_has_a_name_a_unit_and_a_code() -> None:
    assert set(NAMES) == set(UNITS) == set(CODES) == set(LimitKind)


@pytest.mark.parametrize(
    ("kind", "unit", "value"),
    [
        ("gross", "currency", 60_000.0),
        ("gross", "fraction_of_equity", 0.75),
        ("net", "currency", 20_000.0),
        ("net", "fraction_of_equity", 0.25),
        ("symbol", "currency", 40_000.0),
        ("symbol", "fraction_of_equity", 0.5),
        ("concentration", "fraction", 2 / 3),
        ("drawdown", "fraction", 0.125),
        ("daily_loss", "currency", 4000.0),
        ("daily_loss", "fraction_of_equity", 4000 / 84_000),
        ("orders_per_minute", "count", 0.0),
        ("order_volume", "fraction", 0.0),
    ],
)
def test_each_limit_bounds_what_it_says(kind: str, unit: str, value: float) -> None:
    bounds = {"ok": (value, value), "warned": (value * 0.9, value), "breached": (0, value * 0.9)}
    for expected, (soft, hard) in bounds.items():
        state = stand(example(), kind=kind, unit=unit, soft=soft, hard=hard)
        assert state.value == pytest.approx(value)
        if value:
            assert state.state == expected
            assert state.used == pytest.approx(value / hard)


def test_var_is_the_historical_one_of_what_is_held() -> None:
    account = example()
    assert stand(account, kind="var", unit="currency", hard=1.0).state == "unknown"
    returns = account.give_history()
    expected = sample_var(returns @ [40_000.0, -20_000.0], 0.95)
    state = stand(account, kind="var", unit="currency", hard=1.0)
    assert state.value == pytest.approx(expected)
    assert state.state == "breached"


def test_a_symbol_with_a_limit_of_its_own_is_not_under_the_one_for_all() -> None:
    book = LimitBook(
        [
            Limit(kind=LimitKind.SYMBOL, hard=30_000, unit="currency"),
            Limit(kind=LimitKind.SYMBOL, subject="A", hard=50_000, unit="currency"),
        ]
    )
    everyone, own = book.evaluate(example(), Pace(), 0.0)
    assert (everyone.value, everyone.state) == (20_000.0, "ok")
    assert (own.value, own.state) == (40_000.0, "ok")
    assert book.find(LimitKind.SYMBOL, "A") == book.limits[1]
    assert book.find(LimitKind.SYMBOL, "B") == book.limits[0]


@pytest.mark.parametrize(
    ("field", "kind"),
    [("day_pnl", "daily_loss"), ("drawdown", "drawdown")],
)
def test_what_cannot_be_told_is_unknown_and_closes_nothing(field: str, kind: str) -> None:
    account = example()
    setattr(account, field, None)
    state = stand(account, kind=kind, unit="fraction", hard=0.5)
    assert (state.value, state.state) == (None, "unknown")
    assert breaches([state]) == {}


def test_without_prices_nothing_is_told() -> None:
    account = example()
    account.exposure.set_price("B", math.nan)
    for kind in ("gross", "net", "symbol", "concentration"):
        state = stand(account, kind=kind, unit="fraction_of_equity", hard=0.5)
        assert state.state == "unknown"
        assert "no price" in state.message


def test_equity_that_is_used_up_breaches_every_share_of_it() -> None:
    account = example()
    account.cash = -20_000.0
    assert account.equity == 0.0
    state = stand(account, kind="gross", unit="fraction_of_equity", hard=2.0)
    assert (state.value, state.state) == (None, "breached")
    assert breaches([state])
    assert LimitState.model_validate_json(state.model_dump_json()) == state


def test_the_pace_is_counted_over_a_minute() -> None:
    pace = Pace()
    for second in (0.0, 30.0, 59.0):
        pace.add(f"at {second}", second)
    pace.add("refused", 59.0)
    pace.give_back("refused")
    assert [pace.count(now) for now in (59.0, 60.0, 89.9, 90.0, 200.0)] == [3, 2, 2, 1, 0]


# Changes


def change(**fields: Any) -> LimitChange:
    return LimitChange(**{"reason": "because", **fields})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "gross", "soft": 2, "hard": 1}, "above the hard"),
        ({"kind": "gross", "subject": "A", "hard": 1}, "for all"),
        ({"kind": "symbol", "subject": "", "hard": 1}, "no symbol"),
        ({"kind": "symbol", "subject": "A B", "hard": 1}, "no symbol"),
        ({"kind": "drawdown", "hard": 5}, "at most 1"),
        ({"kind": "gross", "hard": 5, "unit": "count"}, "is in"),
    ],
)
def test_nonsense_is_refused(fields: dict[str, Any], says: str) -> None:
    book = LimitBook()
    before = book.limits
    with pytest.raises(InvalidLimit, match=says):
        book.plan_change(change(**fields), "operator")
    assert book.limits == before


def test_a_change_is_planned_journalled_and_only_then_so() -> None:
    book = LimitBook()
    before = book.find(LimitKind.GROSS)
    planned = book.plan_change(change(kind="gross", soft=None, hard=3.0), "operator 127.0.0.1")
    assert book.find(LimitKind.GROSS) == before
    assert (planned.actor, planned.reason) == ("operator 127.0.0.1", "because")
    assert before is not None
    assert planned.data["before"] == before.model_dump(mode="json")
    (entry,) = journal([planned])
    again = LimitBook()
    for each in (book, again):
        each.apply(entry.data)
        assert each.find(LimitKind.GROSS) == Limit(
            kind=LimitKind.GROSS, hard=3.0, unit="fraction_of_equity"
        )
    assert book.limits == again.limits


def test_an_own_limit_can_be_taken_away_and_the_one_for_all_holds_again() -> None:
    book = LimitBook()
    off = {"soft": None, "hard": None}
    for fields in ({"hard": 9.0}, off):
        planned = book.plan_change(change(kind="symbol", subject="A", **fields), "operator")
        book.apply(planned.data)
        assert book.own_symbols() == (set() if fields is off else {"A"})
    book.apply(book.plan_change(change(kind="symbol", **off), "operator").data)
    (state,) = (s for s in book.evaluate(example(), Pace(), 0.0) if s.kind is LimitKind.SYMBOL)
    assert state.state == "off"


@pytest.mark.parametrize("data", [{}, {"kind": "gross"}, {"kind": 1, "subject": "*"}])
def test_a_damaged_entry_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidLimit, match="cannot be read"):
        LimitBook().apply(data)


def test_loosening_a_limit_does_not_open_the_gate() -> None:
    world, account = World(), example()
    keeper, pace = open_keeper(world), Pace()
    book = LimitBook([Limit(kind=LimitKind.GROSS, hard=50_000, unit="currency")])

    def look() -> GateState:
        return keeper.limits_seen(breaches(book.evaluate(account, pace, 0.0)), world.moment)

    assert look() is GateState.REDUCING
    book.apply(book.plan_change(change(kind="gross", hard=90_000.0), "operator").data)
    assert look() is GateState.REDUCING
    (cause,) = keeper.gate.causes
    assert (cause.subject, cause.lasts, cause.ended_at) == ("gross", False, START)


def test_a_bound_that_is_not_named_stays() -> None:
    book = LimitBook()
    every = book.find(LimitKind.SYMBOL)
    assert every is not None
    assert every.hard is not None
    for fields, expected in (
        ({"subject": "A", "soft": 0.3}, (0.3, every.hard)),  # not lifted for one of its own
        ({"subject": " a ", "hard": 0.5}, (0.3, 0.5)),
        ({"subject": "A", "hard": 0.2}, (0.2, 0.2)),
        ({"subject": "A", "soft": None}, (None, 0.2)),
    ):
        book.apply(book.plan_change(change(kind="symbol", **fields), "operator").data)
        found = book.find(LimitKind.SYMBOL, "A")
        assert found is not None
        assert (found.soft, found.hard) == expected
    assert book.own_symbols() == {"A"}
    with pytest.raises(InvalidLimit, match="unit"):
        book.plan_change(change(kind="gross", soft=1e6, unit="currency"), "operator")
