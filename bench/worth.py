"""Worth: that chance has no edge, that confidence comes true, and what it costs.

Four parts: what the ledger says of every pattern the real detectors find in geometric random walks
(there is nothing to find); the reliability of what it said over the years of real daily prices that
the demo replays, as text; the cost of a close, of an answer and of a restart, with twice the
history to show what grows; and memory.

    .venv/bin/python -m bench.worth [--symbols 100] [--bars 2500] [--families 5]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np

from bench.scan import universe
from trading_dashboard.agents.market_data.demo.dataset import read_rows
from trading_dashboard.agents.pattern_recognition.bars import MICROSECONDS, Bars
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.scan.process_pool import ProcessPool
from trading_dashboard.agents.pattern_recognition.scan.universe import Found, Wanted, scan_bars
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPES
from trading_dashboard.agents.pattern_recognition.worth.ledger import Ledger
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences, occurrences_of
from trading_dashboard.agents.pattern_recognition.worth.storage import load_ledger, save_ledger

CANDLE_IDS = tuple(kind.id for kind in CANDLES)
PATTERNS = (*CANDLE_IDS, *(kind.id for kind in SHAPES))
News = dict[str, tuple[Bars, Occurrences]]
DAY = 86_400 * MICROSECONDS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--bars", type=int, default=2500)
    parser.add_argument("--families", type=int, default=5, help="markets of random walks")
    options = parser.parse_args()
    pool = ProcessPool(niceness=0)
    try:
        each = max(options.symbols // options.families, 8)
        market = dict(universe(each * options.families, options.bars))
        walks = detected(pool, market)
        chance(walks, each)
        real(detected(pool, real_market()))
    finally:
        pool.close()
    cost(walks)
    return 0


def detected(pool: ProcessPool, market: dict[str, Bars]) -> News:
    """Return each symbol's bars with what both detectors confirmed in them."""
    index = {name: number for number, name in enumerate(PATTERNS)}
    news: News = {}
    for outcome in scan_bars(iter(market.items()), Wanted(), pool):
        found = outcome.value
        if not isinstance(found, Found):
            raise SystemExit(f"{outcome.symbol}: {outcome.error}")
        occurrences = occurrences_of(index, CANDLE_IDS, found.candles, found.shapes)
        news[outcome.symbol] = (market[outcome.symbol], occurrences)
    return {symbol: news[symbol] for symbol in market}


def ledger_of(news: News) -> Ledger:
    ledger = Ledger(PATTERNS)
    ledger.load("1d", news)
    return ledger


def end_of(news: News) -> int:
    return max(int(bars.time[-1]) for bars, _ in news.values()) + DAY


def chance(walks: News, each: int) -> None:
    """Print the verdicts on markets where there is nothing to find."""
    symbols = list(walks)
    print(f"\nRandom walks, {each} symbols a market: verdicts after correction")
    print(f"{'market':<10}{'tests':>7}{'edge':>6}{'no edge':>9}{'too few':>9}{'p < 0.05':>10}")
    for first in range(0, len(symbols), each):
        news = {symbol: walks[symbol] for symbol in symbols[first : first + each]}
        rows = [row.worth for row in ledger_of(news).rows("1d", end_of(news))]
        verdicts = Counter(row.verdict for row in rows)
        tested = [row.p_value for row in rows if row.p_value is not None]
        print(
            f"{first // each:<10}{len(tested):>7}{verdicts['edge']:>6}{verdicts['no_edge']:>9}"
            f"{verdicts['too_few']:>9}{np.mean(np.array(tested) < 0.05):>10.1%}"
        )


def real_market() -> dict[str, Bars]:
    """Return the real daily prices that the demo replays, adjusted; flawed rows have no prices."""
    market = {}
    for symbol, rows in groupby(read_rows(), attrgetter("symbol")):
        days = list(rows)
        opened = [datetime.fromisoformat(day.session).replace(tzinfo=UTC) for day in days]
        time_column = np.array([int(day.timestamp()) * MICROSECONDS for day in opened], np.int64)
        table = np.array([(day.open, day.high, day.low, day.close) for day in days]).T
        table *= [day.adjusted_close / day.close for day in days]
        table[:, [bool(day.flaws) for day in days]] = np.nan
        volume = np.array([float(day.volume) for day in days])
        market[symbol] = Bars(time_column, table[0], table[1], table[2], table[3], volume)
    return market


def real(news: News) -> None:
    """Print what was said over the years against what came of it."""
    bars = sum(len(one) for one, _ in news.values())
    print(f"\nReal daily prices: {len(news)} symbols, {bars:,} bars: {', '.join(list(news)[:9])}")
    ledger = ledger_of(news)
    rows = ledger.rows("1d", end_of(news))
    verdicts = Counter(row.worth.verdict for row in rows)
    print(f"verdicts: {dict(verdicts)}")
    for row in rows:
        if row.worth.verdict == "edge":
            print(f"  {row.pattern} {row.direction:+d}: {row.worth}")
    for horizon in (*ledger.settings.horizons, None):
        found = ledger.reliability("1d", horizon)
        print(f"\nsaid, then happened [95 % interval]; horizon {horizon or 'any'}")
        for one in found.bins:
            drawn = bar_of(one.said_mean, one.happened)
            print(
                f"  {one.said_mean:6.1%} {one.happened:6.1%} "
                f"[{one.interval_low:5.1%} {one.interval_high:5.1%}] {one.samples:>7,}  {drawn}"
            )
        print(f"  Brier {found.brier:.5f}, of the base rate {found.brier_base:.5f}")


def bar_of(said: float, happened: float) -> str:
    """Draw what happened as a bar from 0 to 1, and what was said as a mark on it."""
    drawn = ["=" if place < happened * 40 else " " for place in range(40)]
    drawn[min(int(said * 40), 39)] = "|"
    return "".join(drawn)


def cost(walks: News) -> None:
    """Print what a close, an answer and a restart cost, with half the history and all of it."""
    print("\nCost, medians (largest)")
    length = min(len(bars) for bars, _ in walks.values())
    for part in (length // 2, length - 50):
        news = {
            symbol: (bars.prefix(part), occurrences.between(0, part))
            for symbol, (bars, occurrences) in walks.items()
        }
        began = time.perf_counter()
        ledger = ledger_of(news)
        loaded = time.perf_counter() - began
        samples = sum(cell.samples for cell in ledger.timeframe("1d").cells.values())
        print(
            f"{len(news)} symbols x {part:,} bars, {samples:,} outcomes: loaded in {loaded:.1f} s, "
            f"{ledger.timeframe('1d').nbytes / 2**20:.0f} MiB"
        )
        closes(ledger, walks, part)
        restart(ledger, end_of(walks))


def closes(ledger: Ledger, walks: News, start: int) -> None:
    """Print what closes cost: all answers first, then the bars into the ledger."""
    first_answer: list[float] = []
    answers: list[float] = []
    added: list[float] = []
    for bar in range(start, start + 30):
        asked = 0
        for symbol, (bars, occurrences) in walks.items():
            here = occurrences.between(bar, bar + 1)
            moment = int(bars.time[bar])
            for pattern, direction in zip(
                here.pattern.tolist(), here.direction.tolist(), strict=True
            ):
                began = time.perf_counter()
                ledger.worth(symbol, "1d", PATTERNS[pattern], direction, moment)
                (answers if asked else first_answer).append(time.perf_counter() - began)
                asked += 1
        began = time.perf_counter()
        first = bar + 1 - ledger.settings.lookback
        closed: News = {}
        for symbol, (bars, occurrences) in walks.items():
            here = occurrences.between(bar, bar + 1)
            numbered = Occurrences(here.pattern, here.direction, here.bar - first)
            closed[symbol] = (bars.between(first, bar + 1), numbered)
        ledger.load("1d", closed)
        added.append((time.perf_counter() - began) / len(walks))
    for name, times in (
        ("first answer of a moment", first_answer),
        ("further answers", answers),
        ("a bar of a symbol taken in", added),
    ):
        ms = np.array(times) * 1e3
        print(f"  {name:<28}{np.median(ms):>8.3f} ms ({ms.max():.3f})")


def restart(ledger: Ledger, moment: int) -> None:
    """Print what saving and reading take, and that nothing is lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        began = time.perf_counter()
        save_ledger(ledger, path)
        saved = time.perf_counter() - began
        began = time.perf_counter()
        again = load_ledger(path, PATTERNS, ledger.settings)
        read = time.perf_counter() - began
        size = path.stat().st_size / 2**20
    is_same = again is not None and again.rows("1d", moment) == ledger.rows("1d", moment)
    print(f"  saved in {saved:.2f} s, {size:.1f} MiB, read in {read:.2f} s, the same: {is_same}")


if __name__ == "__main__":
    raise SystemExit(main())
