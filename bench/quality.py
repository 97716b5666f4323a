"""Quality: the provider test set through the gates, and what the gate for ticks costs.

Prints how many bad rows of each kind were quarantined and how many good ones lost, and the same
with the gates off; then ticks a second through the gate alone, beside numpy's bare `isfinite` over
the same prices: what no check can beat.

    .venv/bin/python -m bench.quality [--seeds 5] [--seconds 2]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from tests.unit.market_data.quality import provider_bars, provider_ticks
from tests.unit.market_data.quality.provider_ticks import Outcome, weekdays
from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks

BATCH = 2_000
BATCHES = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    options = parser.parse_args()
    sessions = weekdays()
    gates: dict[str, Callable[[int], Outcome]] = {
        "ticks": lambda seed: provider_ticks.judge_ticks(seed, TickGate(lambda _: sessions)),
        "bars": lambda seed: provider_bars.judge_bars(seed, BarGate()),
        "ticks, gate off": lambda seed: provider_ticks.judge_ticks(
            seed, provider_ticks.open_gate()
        ),
        "bars, gate off": lambda seed: provider_bars.judge_bars(seed, provider_bars.open_gate()),
    }
    is_good = True
    for name, judge in gates.items():
        is_good &= told(name, [judge(seed) for seed in range(options.seeds)])
    for symbols in (10, 500, 5_000):
        cost(symbols, options.seconds)
    cost_of_bars(options.seconds)
    return 0 if is_good else 1


def told(name: str, outcomes: list[Outcome]) -> bool:
    """Print what became of a test set; return whether it is as it should be."""
    total = Outcome()
    for outcome in outcomes:
        total.bad += outcome.bad
        total.quarantined += outcome.quarantined
        total.good += outcome.good
        total.lost += outcome.lost
    bad, quarantined = total.bad.total(), total.quarantined.total()
    good, lost = total.good.total(), total.lost.total()
    print(f"\n{name}: {quarantined:,} of {bad:,} bad rows quarantined, {lost:,} of {good:,} lost")
    if "off" in name:
        return quarantined == 0
    rows = {kind: f"{total.quarantined[kind]}/{count}" for kind, count in total.bad.items()}
    for kind, text in rows.items():
        print(f"  {kind:<36}{text:>12}")
    for kind, count in (+total.good).items():
        print(f"  {kind:<36}{f'{total.lost[kind]} of {count:,} lost':>24}")
    return quarantined == bad and lost == 0


def stream(symbols: int) -> list[Ticks]:
    """Return batches of sound ticks."""
    rng = np.random.default_rng(7)
    names = tuple(f"S{number}" for number in range(symbols))
    price = rng.uniform(10, 500, symbols)
    begin = int(weekdays().open_at[5])
    made = []
    for batch in range(BATCHES):
        symbol = rng.integers(0, symbols, BATCH).astype(np.int32)
        at = begin + batch * 20_000 + np.sort(rng.integers(0, 20_000, BATCH))
        made.append(
            Ticks(
                source="bench",
                symbols=names,
                symbol=symbol,
                at=at,
                price=price[symbol] * np.exp(rng.normal(0, 2e-4, BATCH)),
                size=rng.integers(1, 1_000_000, BATCH) / 7,
                received=at + 50_000,
            )
        )
    return made


def cost(symbols: int, seconds: float) -> None:
    """Print ticks a second: the gate, the gate with scores, and `isfinite`."""
    batches, sessions = stream(symbols), weekdays()

    warm = BATCHES // 2

    def run(first: int, last: int, checking: TickGate, scorer: Scorer | None) -> float:
        began = time.perf_counter()
        for batch in batches[first:last]:
            verdict = checking.check(batch)
            assert not verdict.bad
            if scorer is not None:
                scorer.note_ticks(batch, verdict)
        return BATCH * (last - first) / (time.perf_counter() - began)

    cold: list[float] = []
    gate: list[float] = []
    scored: list[float] = []
    until = time.perf_counter() + 3 * seconds
    while time.perf_counter() < until or len(gate) < 3:
        for found, scorer in ((gate, None), (scored, Scorer())):
            checking = TickGate(lambda _: sessions)
            cold.append(run(0, warm, checking, scorer))
            found.append(run(warm, BATCHES, checking, scorer))

    def bare() -> None:
        for batch in batches:
            np.isfinite(batch.price).all()

    bare_rate = rate(bare, BATCH * BATCHES, seconds)
    rates = [statistics.median(found) / 1e6 for found in (gate, scored, cold)]
    print(
        f"\n{symbols:,} symbols, batches of {BATCH:,}: gate {rates[0]:.2f}M ticks/s, with scores "
        f"{rates[1]:.2f}M, while all symbols are new {rates[2]:.2f}M; bare isfinite "
        f"{bare_rate / 1e6:.0f}M (the gate is {1e6 * rates[0] / bare_rate:.2%} of it)"
    )


def cost_of_bars(seconds: float) -> None:
    """Print daily bars a second through the gate for bars."""
    rng = np.random.default_rng(7)
    sessions = weekdays(4000)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(sessions))))
    rows = [
        (int(day) * 86_400 * MICROSECONDS, price, price * 1.01, price * 0.99, price, 1000.0)
        for day, price in zip(sessions.day.tolist(), close.tolist(), strict=True)
    ]
    bars = Bars.of("bench", "S", "1d", rows)
    context = BarContext(now=2**60, sessions=sessions)
    found = rate(lambda: BarGate().check(bars, context), len(bars), seconds)
    print(f"daily bars, {len(bars):,} at a time: {found / 1e6:.2f}M bars/s")


def rate(work: Callable[[], object], rows: int, seconds: float) -> float:
    """Return the median of rows a second."""
    found: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < 3:
        began = time.perf_counter()
        work()
        found.append(rows / (time.perf_counter() - began))
    return statistics.median(found)


if __name__ == "__main__":
    raise SystemExit(main())
