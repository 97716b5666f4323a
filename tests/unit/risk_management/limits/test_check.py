"""The pre-trade check: codes and numbers; what reduces passes; nothing gets in twice."""

from __future__ import annotations

import asyncio
import math
import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.risk_management.gate.moments import World, open_keeper
from tests.unit.risk_management.limits.accounts import Account, Says, at, order
from trading_dashboard.agents.risk_management.gate.probe import send_probe
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.limits.limits import LimitBook
from trading_dashboard.agents.risk_management.limits.rules import CheckRules
from trading_dashboard.models.risk.account import OrderTicket
from trading_dashboard.models.risk.gate import CheckResult, GateState, Limit

ACTIVE, REDUCING, HALTED = GateState.ACTIVE, GateState.REDUCING, GateState.HALTED


def limits(**fields: Any) -> PreTradeCheck:
    return PreTradeCheck(LimitBook([Limit(**fields)] if fields else []))


def codes(result: CheckResult, severity: str = "deny") -> list[str]:
    return [x.code.value for x in result.findings if x.severity == severity]


def holding(quantity: str = "100") -> Account:
    account = Account(100_000.0, IBM=100.0, FB=20.0)
    account.hold("IBM", quantity)
    return account


# The gate


def test_halted_lets_nothing_through_and_reducing_only_what_reduces() -> None:
    check, account = limits(), holding()
    sell, buy = order("sell", "100"), order("buy", "1")
    for state, ticket, denied in (
        (ACTIVE, buy, []), (ACTIVE, sell, []),
        (REDUCING, buy, ["gate_reducing"]), (REDUCING, sell, []),
        (HALTED, buy, ["gate_halted"]), (HALTED, sell, ["gate_halted"]),
    ):  # fmt: skip
        assert codes(check.check(ticket, account, Says(state), at())) == denied


def test_two_sells_that_reduce_alone_but_turn_together_are_not_both_let_through() -> None:
    check, account, gate = limits(), holding(), Says(REDUCING)
    assert check.admit("1", order("sell", "60"), account, gate, at()).allowed
    second = check.admit("2", order("sell", "60"), account, gate, at())
    assert codes(second) == ["gate_reducing"]
    assert "selling 60, this one 60" in second.findings[0].message
    check.release("1", account)
    assert check.admit("2", order("sell", "60"), account, gate, at()).allowed
    # Half of it is filled: 70 are held, 30 are on their way out.
    account.exposure.filled("2", Decimal(30))
    account.hold("IBM", "70")
    assert not check.admit("3", order("sell", "41"), account, gate, at()).allowed
    assert check.admit("3", order("sell", "40"), account, gate, at()).allowed


def test_reduce_only_is_kept_in_an_open_gate() -> None:
    check, account = limits(), holding()
    for quantity, denied in (("100", []), ("101", ["not_reducing"])):
        ticket = order("sell", quantity, reduce_only=True)
        assert codes(check.check(ticket, account, Says(), at())) == denied


def test_what_reduces_passes_everything_but_a_halt() -> None:
    """No breach, missing price or lack of cash may keep anybody from getting out."""
    account = holding("-100")
    account.cash, account.drawdown, account.volume = -1e6, 0.9, None
    account.stale.add("IBM")
    account.is_market_open = False
    check = PreTradeCheck(LimitBook())
    for number in range(200):
        check.pace.add(f"before {number}", 0.0)
    ticket = order("buy", "100", limit_price="150")
    for state in (ACTIVE, REDUCING):
        result = check.check(ticket, account, Says(state), at())
        assert result.allowed
        assert result.reduces
    assert {
        "stale_price", "market_closed", "insufficient_cash", "price_too_far", "limit_gross",
        "limit_drawdown", "limit_orders_per_minute", "limit_order_volume", "limit_var",
    } <= set(codes(result, "warn"))  # fmt: skip
    account.prices.clear()
    account.unknown.add("IBM")
    result = check.check(ticket, account, Says(REDUCING), at())
    assert result.allowed
    assert "unknown_symbol" in codes(result, "warn")


# Prices and cash


def test_a_price_must_be_known_and_fresh() -> None:
    check, account = limits(), Account(IBM=100.0, OLD=5.0)
    account.stale.add("OLD")
    account.unknown.add("NONE")
    for symbol, code in (
        ("IBM", None), ("OLD", "stale_price"), ("NEW", "no_price"), ("NONE", "unknown_symbol"),
    ):  # fmt: skip
        result = check.check(order("buy", "1", symbol), account, Says(), at())
        assert codes(result) == ([code] if code else [])


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [("buy", "119", True), ("buy", "121", False), ("sell", "81", True), ("sell", "79", False),
     ("buy", "1", True), ("sell", "900", True)],
)  # fmt: skip
def test_a_slip_of_a_limit_price_is_caught(side: str, price: str, passes: bool) -> None:
    ticket = order(side, "1", limit_price=price)  # type: ignore[arg-type]
    result = limits().check(ticket, holding("0"), Says(), at())
    assert codes(result) == ([] if passes else ["price_too_far"])


def test_open_buys_and_fees_are_paid_from_the_same_cash() -> None:
    check, account = limits(), Account(1000.0, IBM=100.0)
    assert codes(check.check(order("buy", "10"), account, Says(), at())) == ["insufficient_cash"]
    assert check.admit("1", order("buy", "5", limit_price="110"), account, Says(), at()).allowed
    result = check.check(order("buy", "5"), account, Says(), at())
    assert codes(result) == ["insufficient_cash"]
    finding = result.findings[0]
    assert (finding.before, finding.after) == (449.0, -52.0)
    assert check.check(order("buy", "4"), account, Says(), at()).allowed
    rich = PreTradeCheck(LimitBook([]), CheckRules(allows_borrowing=True))
    assert rich.check(order("buy", "50"), account, Says(), at()).allowed


def test_slippage_is_paid_from_the_same_cash_but_never_beyond_a_limit() -> None:
    check, account = limits(), Account(1001.0, IBM=100.0)
    assert check.check(order("buy", "10"), account, Says(), at()).allowed
    account.slippage = 0.001
    result = check.check(order("buy", "10"), account, Says(), at())
    assert codes(result) == ["insufficient_cash"]
    assert "1,002.00 with slippage and fee" in result.findings[0].message
    assert result.numbers["cash"] == {"before": 1001.0, "after": -1.0}
    assert check.admit("1", order("buy", "5"), account, Says(), at()).allowed
    assert account.exposure.buying == pytest.approx(501.5)
    check.release("1", account)
    assert check.check(order("buy", "10", limit_price="100"), account, Says(), at()).allowed


@pytest.mark.parametrize(
    ("side", "stop", "reckoned"),
    [("buy", "120", 120), ("buy", "1", 100), ("sell", "90", 90), ("sell", "999", 100)],
)
def test_a_stop_that_is_reached_already_is_judged_at_the_market(
    side: str, stop: str, reckoned: float
) -> None:
    body = {"symbol": "IBM", "side": side, "quantity": "50", "type": "stop", "stop_price": stop}
    ticket = OrderTicket.model_validate(body)
    account = holding("50" if side == "sell" else "0")
    result = limits().admit("1", ticket, account, Says(), at())
    assert (result.price, result.notional) == (reckoned, 50 * reckoned)
    assert account.exposure.buying == (50 * reckoned + 1 if side == "buy" else 0)
    # What it will take at the market is not there twice.
    assert side == "sell" or codes(limits().check(order("buy", "960"), account, Says(), at())) == [
        "insufficient_cash"
    ]


def test_what_is_reserved_without_a_price_lets_nothing_be_bought_until_it_has_one() -> None:
    account = Account(1000.0, IBM=100.0)
    account.exposure.reserve("1", "FB", "buy", Decimal(10), math.nan)  # kept over a restart
    result = limits().check(order("buy", "1"), account, Says(), at())
    assert codes(result) == ["insufficient_cash"]
    account.exposure.set_price("FB", 20.0)
    assert account.exposure.buying == 200.0
    assert codes(limits().check(order("buy", "7"), account, Says(), at())) == []
    assert codes(limits().check(order("buy", "8"), account, Says(), at())) == ["insufficient_cash"]
    account.exposure.release("1")
    assert account.exposure.buying == 0.0


# Limits


@pytest.mark.parametrize(
    ("limit", "ticket", "before", "after"),
    [
        ({"kind": "gross", "unit": "currency", "hard": 10_500}, order("buy", "6"), 10_000, 10_600),
        ({"kind": "net", "unit": "currency", "hard": 10_500}, order("buy", "6"), 10_000, 10_600),
        ({"kind": "symbol", "unit": "currency", "hard": 1999},
         order("buy", "100", "FB"), 0, 2000),
        ({"kind": "symbol", "subject": "FB", "unit": "currency", "hard": 1999},
         order("sell", "100", "FB"), 0, 2000),
        ({"kind": "net", "unit": "currency", "hard": 9000},
         order("sell", "1001", "FB"), 10_000, 10_020),
        ({"kind": "concentration", "unit": "fraction", "hard": 0.6},
         order("buy", "3000", "FB"), 0.5, 60 / 80),
        ({"kind": "order_volume", "unit": "fraction", "hard": 0.001},
         order("buy", "1001", "FB"), 0, 0.001001),
        ({"kind": "orders_per_minute", "unit": "count", "hard": 0}, order("buy", "1"), 0, 1),
        ({"kind": "drawdown", "unit": "fraction", "hard": 0.1}, order("buy", "1"), 0.2, 0.2),
        ({"kind": "daily_loss", "unit": "currency", "hard": 10}, order("buy", "1"), 50, 50),
    ],
)  # fmt: skip
def test_a_hard_limit_denies_with_its_numbers(
    limit: dict[str, Any], ticket: OrderTicket, before: float, after: float
) -> None:
    account = holding()
    account.day_pnl, account.drawdown = -50.0, 0.2
    if limit["kind"] == "concentration":
        account.hold("GE", "100")
        account.set_price("GE", 100.0)
    result = limits(**limit).check(ticket, account, Says(), at())
    (finding,) = result.findings
    assert finding.code.value == f"limit_{limit['kind']}"
    assert finding.limit == limit["hard"]
    assert finding.before == pytest.approx(before)
    assert finding.after == pytest.approx(after)
    assert not result.allowed


@pytest.mark.parametrize(
    ("limit", "ticket"),
    [
        ({"kind": "net", "unit": "currency", "hard": 9000}, order("sell", "1000", "FB")),
        ({"kind": "concentration", "unit": "fraction", "hard": 0.6}, order("buy", "1000", "FB")),
    ],
)
def test_what_is_breached_does_not_deny_an_order_that_mends_it(
    limit: dict[str, Any], ticket: OrderTicket
) -> None:
    assert limits(**limit).check(ticket, holding(), Says(), at()).allowed


def test_a_soft_limit_warns_and_lets_through() -> None:
    result = limits(kind="gross", unit="currency", soft=10_500, hard=20_000).check(
        order("buy", "6"), holding(), Says(), at()
    )
    assert result.allowed
    assert codes(result, "warn") == ["limit_gross"]


def test_var_before_and_after_is_that_of_the_portfolio() -> None:
    account = holding()
    account.give_history()
    check = limits(kind="var", unit="currency", hard=1e9)
    result = check.admit("1", order("buy", "500", "FB"), account, Says(), at())
    account.exposure.release("1")
    assert result.numbers["var"]["before"] == pytest.approx(account.exposure.held_var())
    account.hold("FB", "500")
    assert result.numbers["var"]["after"] == pytest.approx(account.exposure.held_var())


@pytest.mark.parametrize("kind", ["var", "drawdown", "daily_loss", "order_volume", "gross"])
def test_a_hard_limit_that_cannot_be_told_stops_what_increases(kind: str) -> None:
    account = holding()
    account.drawdown = account.day_pnl = account.volume = None
    if kind == "gross":
        account.exposure.set_quantity("GONE", Decimal(1))
    unit = "currency" if kind in ("var", "daily_loss", "gross") else "fraction"
    check = limits(kind=kind, unit=unit, hard=1)
    result = check.check(order("buy", "1"), account, Says(), at())
    assert codes(result) == [f"limit_{kind}"]
    assert "cannot be told" in result.findings[0].message
    assert check.check(order("sell", "1"), account, Says(), at()).allowed
    soft = limits(kind=kind, unit=unit, soft=1)
    assert soft.check(order("buy", "1"), account, Says(), at()).allowed


def test_asking_reserves_nothing() -> None:
    check, account = limits(kind="gross", unit="currency", hard=15_000), holding()
    results = [check.check(order("buy", "40"), account, Says(), at()) for _ in range(9)]
    assert all(result.allowed for result in results)
    assert account.exposure.orders == {}
    assert check.pace.count(0.0) == 0


def test_an_order_that_was_never_placed_gives_its_slot_of_the_minute_back() -> None:
    check, account = limits(kind="orders_per_minute", unit="count", hard=1), holding()
    one = order("buy", "1")
    assert check.admit("1", one, account, Says(), at()).allowed
    assert not check.admit("2", one, account, Says(), at()).allowed
    account.exposure.release("1")  # one that was placed and is final keeps it
    assert not check.admit("2", one, account, Says(), at()).allowed
    check.release("1", account)
    assert check.admit("2", one, account, Says(), at()).allowed


# Together


def test_of_many_at_once_only_those_that_fit_together_are_let_through() -> None:
    """Each of 50 orders fits alone; the limit has room for three.

    The control arm checks first and reserves after a turn of the event loop, as one does who
    writes to a store in between: it lets all of them through.
    """

    async def atomic(check: PreTradeCheck, account: Account, number: int) -> bool:
        await asyncio.sleep(0)
        return check.admit(str(number), order("buy", "10"), account, Says(), at()).allowed

    async def check_then_act(check: PreTradeCheck, account: Account, number: int) -> bool:
        ticket = order("buy", "10")
        allowed = check.check(ticket, account, Says(), at()).allowed
        await asyncio.sleep(0)
        if allowed:
            account.exposure.reserve(str(number), "IBM", "buy", ticket.quantity, 100.0)
        return allowed

    async def all_at_once(arm: Any) -> tuple[int, float]:
        account = holding("0")
        check = limits(kind="gross", unit="currency", hard=3500)
        passed = await asyncio.gather(*(arm(check, account, number) for number in range(50)))
        worst = account.exposure.worst()
        assert worst is not None
        return sum(passed), worst.gross

    assert asyncio.run(all_at_once(atomic)) == (3, 3000.0)
    assert asyncio.run(all_at_once(check_then_act)) == (50, 50_000.0)


def test_another_thread_may_not_admit() -> None:
    check, account = limits(), holding()
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            check.admit("1", order("buy", "1"), account, Says(), at())
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "one thread" in str(caught[0])
    assert account.exposure.orders == {}


# The kill switch


def test_after_the_kill_switch_a_probe_is_denied_even_one_that_reduces() -> None:
    world, account, check = World(), holding(), PreTradeCheck(LimitBook())
    keeper = open_keeper(world)
    assert not send_probe(check, account, keeper, world.moment).verified  # the control arm
    keeper.kill("stop", "operator", world.moment)
    probe = send_probe(check, account, keeper, world.moment)
    assert (probe.verified, probe.code) == (True, "gate_halted")
    assert account.exposure.orders == {}
    empty = Account()
    assert send_probe(check, empty, keeper, world.moment).verified


def test_a_probe_that_is_denied_for_another_reason_shows_nothing() -> None:
    probe = send_probe(limits(), Account(), Says(ACTIVE), at())
    assert (probe.verified, probe.code) == (False, "no_price")
