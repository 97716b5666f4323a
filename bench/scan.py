"""Scan: every detector over a whole universe through the pool, its time and its memory.

Prints, for candlesticks and chart patterns, how long all symbols take through the pool, beside bare
TA-Lib calls through the same pool and beside the same calls in one process without any; the CPU
time of all processes, which says more than a clock on a shared machine; the peak of memory over all
processes, as the sum of proportional set sizes; and what the pool itself costs.

    .venv/bin/python -m bench.scan [--symbols 5000] [--bars 2500] [--workers 2]
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Self

import numpy as np
import psutil
import talib

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.scan.mapping import ChunkMap, InlineMap, Task
from trading_dashboard.agents.pattern_recognition.scan.process_pool import ProcessPool
from trading_dashboard.agents.pattern_recognition.scan.universe import Wanted, detect

CANDLE_FUNCTIONS = talib.get_function_groups()["Pattern Recognition"]  # type: ignore[no-untyped-call]
DAY = 86_400_000_000
SAMPLE = 100
"""Symbols that the single process does; its time is scaled to all."""


class PeakMemory:
    """Samples the proportional set size of this process and its children."""

    def __init__(self) -> None:
        self.peak = self.own = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.25):
            total = own = me.memory_full_info().pss
            for child in me.children(recursive=True):
                try:
                    total += child.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak, self.own = max(self.peak, total), max(self.own, own)


def nothing(_: str, bars: Bars) -> float:
    """Touch each column: what the pool itself costs."""
    return float(bars.close[-1] + bars.time[-1])


def bare_talib(_: str, bars: Bars) -> int:
    """Call the 61 functions of TA-Lib and do nothing with what they say."""
    prices = (bars.open, bars.high, bars.low, bars.close)
    return sum(len(getattr(talib, name)(*prices)) for name in CANDLE_FUNCTIONS)


def universe(symbols: int, bars: int) -> Iterator[tuple[str, Bars]]:
    """Yield geometric random walks, made one at a time as an archive would read them."""
    opened = np.arange(bars, dtype=np.int64) * DAY
    for number in range(symbols):
        rng = np.random.default_rng(number)
        steps = rng.normal(2e-4, 0.015, (4, bars))
        close = 50 * np.exp(np.cumsum(steps[0]))
        start = close * np.exp(steps[1] / 2)
        high = np.maximum(start, close) * np.exp(np.abs(steps[2]) / 2)
        low = np.minimum(start, close) * np.exp(-np.abs(steps[3]) / 2)
        volume = 1e6 * np.exp(steps[0])
        yield f"S{number}", Bars(opened, start, high, low, close, volume)


def timed(chunk_map: ChunkMap, task: Task, symbols: int, bars: int) -> tuple[float, int]:
    """Return seconds for all symbols, and how much was found."""
    found = 0
    began = time.perf_counter()
    for outcome in chunk_map.map(task, universe(symbols, bars)):
        if outcome.error is not None:
            raise SystemExit(f"{outcome.symbol}: {outcome.error}")
        found += len(outcome.value) if hasattr(outcome.value, "__len__") else 0
    return time.perf_counter() - began, found


def workers_seconds(pool: ProcessPool) -> float:
    """Return the CPU time the workers used: other programs do not disturb it as they do a clock."""
    times = [psutil.Process(pid).cpu_times() for pid in pool.pids]
    return sum(one.user + one.system for one in times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--symbols", type=int, default=5000)
    parser.add_argument("--bars", type=int, default=2500)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def main() -> int:
    options = _options()
    # Workers import a task's module by its name, which is not that of the program that runs.
    from bench import scan as tasks

    jobs: dict[str, Any] = {
        "pool alone": tasks.nothing,
        "61 candlesticks": partial(detect, Wanted(shapes=(), within_bars=5)),
        "bare TA-Lib": tasks.bare_talib,
        "chart patterns": partial(detect, Wanted(candles=(), within_bars=5)),
        "both": partial(detect, Wanted(within_bars=5)),
    }
    print(f"{options.symbols:,} symbols x {options.bars:,} bars, {options.workers} workers")
    print(
        f"{'':<18}{'pool':>10}{'CPU':>10}{'one process':>14}{'found':>10}"
        f"{'peak PSS':>11}{'parent':>9}"
    )
    seconds: dict[str, float] = {}
    used: dict[str, float] = {}
    peak = 0
    for name, task in jobs.items():
        pool = ProcessPool(options.workers, niceness=0)
        with PeakMemory() as memory:
            before = time.process_time()
            seconds[name], found = timed(pool, task, options.symbols, options.bars)
            used[name] = time.process_time() - before + workers_seconds(pool)
        pool.close()
        sample = min(SAMPLE, options.symbols)
        alone = timed(InlineMap(), task, sample, options.bars)[0] * options.symbols / sample
        peak = max(peak, memory.peak)
        print(
            f"{name:<18}{seconds[name]:>8.1f} s{used[name]:>8.1f} s{alone:>12.1f} s{found:>10,}"
            f"{memory.peak / 2**20:>7.0f} MiB{memory.own / 2**20:>5.0f} MiB"
        )
    show_bars(seconds, used, peak)
    return 0


def show_bars(seconds: dict[str, float], used: dict[str, float], peak: int) -> None:
    """Print the figures beside their bars."""
    ratio = seconds["61 candlesticks"] / seconds["bare TA-Lib"]
    cpu = used["61 candlesticks"] / used["bare TA-Lib"]
    print(f"candlesticks / bare TA-Lib, same pool: {ratio:.2f}, of CPU {cpu:.2f} (bar: 1.3)")
    print(f"chart patterns: {seconds['chart patterns']:.0f} s (bar: 180 s)")
    print(f"memory: {peak / 2**20:.0f} MiB in all processes (bar: 1,024 MiB)")


if __name__ == "__main__":
    raise SystemExit(main())
