"""What the desk of sources costs between a question and a source, beside asking the source itself.

The source answers from memory at once, so that all that is measured is ours. Each round measures
both, one after the other; printed are medians over the rounds, and their ratio.

    .venv/bin/python -m bench.choosing [--rounds 7] [--calls 3000]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.policy import Limits, Policy
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    Quote,
    Source,
)

BATCH = [f"S{number}" for number in range(100)]


class Instant:
    """Answers prices from memory, and nothing else."""

    name = "instant"
    capabilities = Capabilities(
        asset_classes=frozenset({AssetClass.EQUITY}), intervals=(), live="none", max_quotes=100
    )

    def __init__(self) -> None:
        self.told = {
            symbol: Quote(source=self.name, symbol=symbol, price=1.0, at=0, received=0)
            for symbol in BATCH
        }

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the same each time."""
        return [self.told[symbol] for symbol in symbols]


class Notes:
    """Notes in memory: the disk is not what is measured."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def note(self, key: str) -> str | None:
        """Return what was noted."""
        return self.kept.get(key)

    def write_note(self, key: str, text: str) -> None:
        """Keep it as long as the process lives."""
        self.kept[key] = text


def desk_of(source: Source, quote_seconds: float, limits: Limits) -> SourceDesk:
    policy = Policy(quote_seconds=quote_seconds)
    desk = SourceDesk([source], {}, Notes(), {"instant": limits}, policy=policy)
    desk.know(
        Instrument(
            symbol=symbol,
            name=symbol,
            asset_class=AssetClass.EQUITY,
            exchange="X",
            calendar="24/7",
            time_zone="UTC",
            currency="USD",
        )
        for symbol in BATCH
    )
    return desk


async def microseconds(ask: Callable[[], Awaitable[object]], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await ask()
    return (time.perf_counter() - began) / calls * 1e6


async def measure(rounds: int, calls: int) -> None:
    source = cast(Source, Instant())
    limits = Limits(requests_per_minute=10_000_000, requests_per_day=100_000_000)
    asked, kept = desk_of(source, 1e-9, limits), desk_of(source, 3600.0, limits)
    arms: dict[str, Callable[[], Awaitable[object]]] = {
        "bare source, 1 symbol": lambda: source.quotes(["S1"]),
        "asked, 1 symbol": lambda: asked.quotes(["S1"]),
        "cached, 1 symbol": lambda: kept.quotes(["S1"]),
        "bare source, 100 symbols": lambda: source.quotes(BATCH),
        "asked, 100 symbols": lambda: asked.quotes(BATCH),
        "cached, 100 symbols": lambda: kept.quotes(BATCH),
    }
    times: dict[str, list[float]] = {name: [] for name in arms}
    for desk in (asked, kept):
        await desk.open()
    for _ in range(rounds):
        for name, ask in arms.items():
            times[name].append(await microseconds(ask, calls if "100" not in name else calls // 20))
    for desk in (asked, kept):
        await desk.close()
    for name, each in times.items():
        print(f"{name:26} {statistics.median(each):9.1f} µs a call")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=3000)
    options = parser.parse_args()
    asyncio.run(measure(options.rounds, options.calls))


if __name__ == "__main__":
    main()
