"""Candlesticks: all 61 on many symbols, beside bare TA-Lib calls on the same bars.

Random walks are made chunk by chunk. A few symbols at a time are read both ways, some ten
milliseconds each, in turns as to which is first: what else the machine does meets both alike.
Prints the CPU seconds of both, the ratio of all and the median over turns, the peak memory of a
process, how many hits differ, and how far every indicator is from TA-Lib's own values. Where pandas
is installed TA-Lib's functions look for its series first; the ratio to calls that do not is told
too.

    .venv/bin/python -m bench.candlesticks [--symbols 5000] [--bars 2500] [--processes 2]
"""

from __future__ import annotations

import argparse
import inspect
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import talib

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import compute

SYMBOLS_A_CHUNK = 50
SYMBOLS_A_TURN = 5
LARGEST_RATIO = 1.3
LARGEST_DIFFERENCE = 1e-9
WARM = 20
"""Bars after which every hikkake TA-Lib confirms was told before."""
MINUTE = 60_000_000


@dataclass(slots=True)
class Measured:
    """Of some symbols: CPU seconds of each turn by way, hits, differences, bytes at the peak."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    hits: int = 0
    differences: int = 0
    peak_bytes: int = 0

    def add(self, other: Measured) -> None:
        """Take in what another chunk measured."""
        for way, seconds in other.seconds.items():
            self.seconds.setdefault(way, []).extend(seconds)
        self.hits += other.hits
        self.differences += other.differences
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)

    def ratio(self, to: str) -> tuple[float, float]:
        """Return our seconds over another way's: of all, and the median over turns."""
        ours, theirs = np.array(self.seconds["ours"]), np.array(self.seconds[to])
        return float(ours.sum() / theirs.sum()), float(np.median(ours / theirs))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--symbols", type=int, default=5_000)
    parser.add_argument("--bars", type=int, default=2_500)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    chunks = range(max(1, options.symbols // SYMBOLS_A_CHUNK))
    work = partial(measured, bars=options.bars)
    total = Measured()
    work(0)  # The first calls load and warm; they count nowhere.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context) as pool:
        for part in pool.map(work, chunks) if options.processes > 1 else map(work, chunks):
            total.add(part)
    symbols = len(chunks) * SYMBOLS_A_CHUNK
    ratio, median = total.ratio("bare")
    cpu = {way: sum(seconds) for way, seconds in total.seconds.items()}
    print(f"{symbols:,} symbols × {options.bars:,} bars, {options.processes} process(es)")
    print(f"  bare TA-Lib calls {cpu['bare']:8.1f} s of CPU")
    print(f"  detect_candles    {cpu['ours']:8.1f} s, {total.hits:,} hits")
    print(f"  ratio {ratio:.2f} (at most {LARGEST_RATIO}), median of turns {median:.2f}")
    print("  to calls that look for no pandas: {:.2f}, median {:.2f}".format(*total.ratio("raw")))
    print(f"  {total.differences} hits differ")
    print(
        f"  peak memory of a process {total.peak_bytes / 2**20:.0f} MiB, library and bars included"
    )
    furthest = indicator_differences(walk(np.random.default_rng(11), options.bars))
    for name, difference in furthest.items():
        print(f"  {name:<20} at most {difference:.1e} of its scale from TA-Lib")
    is_good = ratio <= LARGEST_RATIO and not total.differences
    return 0 if is_good and max(furthest.values()) <= LARGEST_DIFFERENCE else 1


def measured(chunk: int, bars: int) -> Measured:
    """Return what one chunk costs each way, turn by turn; each way is first equally often."""
    rng = np.random.default_rng((5, chunk))
    series = [walk(rng, bars) for _ in range(SYMBOLS_A_CHUNK)]
    found = Measured(seconds={way: [] for way in WAYS})
    for turn in range(0, SYMBOLS_A_CHUNK, SYMBOLS_A_TURN):
        first = (chunk + turn // SYMBOLS_A_TURN) % len(WAYS)
        for way in (*WAYS[first:], *WAYS[:first]):
            begin = time.process_time()
            for one in series[turn : turn + SYMBOLS_A_TURN]:
                if way == "ours":
                    found.hits += len(detect_candles(one))
                else:
                    bare_calls(one, BARE if way == "bare" else RAW)
            found.seconds[way].append(time.process_time() - begin)
    found.differences = differences(series[0])
    found.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found


WAYS = ("bare", "raw", "ours")
BARE = tuple(getattr(talib, kind.id) for kind in CANDLES)
RAW = tuple(inspect.unwrap(function) for function in BARE)


def bare_calls(bars: Bars, functions: Sequence[Callable[..., object]]) -> None:
    """Call TA-Lib's 61 functions and do nothing with what they answer."""
    for function in functions:
        function(bars.open, bars.high, bars.low, bars.close)


def differences(bars: Bars) -> int:
    """Return at how many bars, once warm, TA-Lib and ours see different patterns."""
    ours = np.zeros((len(CANDLES), len(bars)), np.bool_)
    hits = detect_candles(bars)
    ours[hits.pattern, hits.bar] = True
    for number, function in enumerate(BARE):
        ours[number] ^= function(bars.open, bars.high, bars.low, bars.close) != 0
    return int(np.count_nonzero(ours[:, WARM:]))


def walk(rng: np.random.Generator, count: int) -> Bars:
    """Return a geometric random walk of 1 to 4 % a bar, with shadows and gaps."""
    volatility = rng.uniform(0.01, 0.04)
    close = rng.uniform(5, 500) * np.exp(np.cumsum(rng.normal(0, volatility, count)))
    opened = np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0, volatility / 4, count))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, volatility / 3, count)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, volatility / 3, count)))
    volume = rng.lognormal(12, 0.5, count)
    return Bars(np.arange(count) * MINUTE, opened, high, low, close, volume)


def indicator_differences(bars: Bars) -> dict[str, float]:
    """Return how far each indicator is at most from TA-Lib's, over its largest value."""
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    own: dict[str, Callable[[], object]] = {
        "sma": lambda: talib.SMA(close, 20),
        "ema": lambda: talib.EMA(close, 20),
        "macd": lambda: talib.MACD(close, 12, 26, 9),
        "adx": lambda: talib.ADX(high, low, close, 14),
        "rsi": lambda: talib.RSI(close, 14),
        "stochastic": lambda: talib.STOCH(high, low, close, 14, 3, slowd_period=3),
        "williams_r": lambda: talib.WILLR(high, low, close, 14),
        "roc": lambda: talib.ROC(close, 10),
        "obv": lambda: talib.OBV(close, volume),
        "ad": lambda: talib.AD(high, low, close, volume),
        "bollinger": lambda: talib.BBANDS(close, 20, 2, 2),
        "atr": lambda: talib.ATR(high, low, close, 14),
        "standard_deviation": lambda: talib.STDDEV(close, 20, 1),
    }
    furthest = {}
    for name, function in own.items():
        theirs = np.atleast_2d(np.asarray(function()))
        ours = np.array([column.values for column in compute(name, bars, {})])[: len(theirs)]
        if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
            furthest[name] = np.inf
            continue
        scale = np.nanmax(np.abs(theirs))
        furthest[name] = float(np.nanmax(np.abs(ours - theirs)) / scale)
    return furthest


if __name__ == "__main__":
    sys.exit(main())
