"""The gate: a thousand fault sequences against the oracle, and what a check costs.

Prints how many orders were let through while the gate had to be closed (none may be), the same with
each protection taken away, and microseconds of a check, a tick and a look by the number of
positions, beside a check that adds everything up anew.

    .venv/bin/python -m bench.gate [--sequences 1000] [--arms 100] [--checks 5000]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from tests.unit.risk_management.gate.moments import World, open_keeper
from tests.unit.risk_management.gate.sequences import Sequence, forgetful, without
from tests.unit.risk_management.limits.accounts import Account, order
from trading_dashboard.agents.risk_management.gate.keeper import Gatekeeper, GateRules
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.limits.limits import LimitBook

ARMS: dict[str, Callable[[Gatekeeper], None]] = {
    **{
        f"without the watch for {kind}": without(kind)
        for kind in (
            "stale_data", "upstream_unhealthy", "limit_breached", "lease_lapsed",
            "clock_trouble", "store_unwritable",
        )
    },
    "without the latch": forgetful,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--arms", type=int, default=100, help="sequences of each control arm")
    parser.add_argument("--checks", type=int, default=5000)
    options = parser.parse_args()
    is_good = run("the gate", options.sequences, None) == 0
    for name, sabotage in ARMS.items():
        is_good &= run(name, options.arms, sabotage) > 0
    for positions in (1, 50, 500):
        cost(positions, options.checks)
    return 0 if is_good else 1


def run(name: str, sequences: int, sabotage: Callable[[Gatekeeper], None] | None) -> int:
    """Print what became of so many sequences; return how many went wrong."""
    counts: Counter[str] = Counter()
    orders = late = wrong = 0
    for seed in range(sequences):
        sequence = Sequence(seed, sabotage)
        sequence.run()
        counts += sequence.counts
        orders += sum("let through in" in text for text in sequence.violations)
        late += sum("still" in text for text in sequence.violations)
        wrong += bool(sequence.violations)
    print(
        f"{name}: {sequences} sequences, {wrong} went wrong; {orders} orders let through while it "
        f"had to be closed, {late} looks at which it was late by a second"
    )
    told = ("let through", "reduced", "denied", "reopened", "reopening refused", "restart", "kill")
    print("   " + ", ".join(f"{key} {counts[key]}" for key in told))
    return wrong


def cost(positions: int, checks: int) -> None:
    """Print microseconds for an account of so many positions with 500 days of history."""
    names = [f"S{number}" for number in range(positions)]
    account = Account(1e9, **dict.fromkeys(names, 100.0))
    for name in names:
        account.hold(name, "100")
    account.give_history(500)
    world = World()
    keeper = open_keeper(world, GateRules(needs_lease=False, upstream=("market_data",)))
    check = PreTradeCheck(LimitBook())
    moments = [world.pass_time(0.001) for _ in range(checks)]
    tickets = [order("buy", "10", names[number * 7 % positions]) for number in range(checks)]
    spent: dict[str, list[float]] = {"check": [], "tick": [], "look": [], "anew": []}

    def timed(what: str, act: Callable[[], object]) -> None:
        started = time.perf_counter()
        act()
        spent[what].append(time.perf_counter() - started)

    for number, (moment, ticket) in enumerate(zip(moments, tickets, strict=True)):
        name = names[number % positions]
        timed("tick", lambda name=name, n=number: account.set_price(name, 100.0 + n % 7))  # type: ignore[misc]
        timed("look", lambda m=moment: keeper.look(m))  # type: ignore[misc]
        timed("check", lambda t=ticket, m=moment: check.check(t, account, keeper, m))  # type: ignore[misc]
        if number % 10 == 0:
            timed("anew", lambda: added_anew(account, names))
    for what, seconds in spent.items():
        median, high = np.percentile(np.array(seconds) * 1e6, (50, 99))
        print(f"{positions} positions, {what}: {median:.0f} us, p99 {high:.0f} us")


def added_anew(account: Account, names: list[str]) -> Decimal:
    """Return gross exposure as decimals, position by position: what is saved."""
    lines = (account.exposure.line(name) for name in names)
    return sum((abs(line.quantity) * Decimal(str(line.price)) for line in lines), Decimal(0))


if __name__ == "__main__":
    raise SystemExit(main())
