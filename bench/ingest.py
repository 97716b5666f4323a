"""Ticks through the gate into bars and into the store, in one process.

Pushes as fast as the store takes them, or at a rate, and prints the rate and the resident memory
every five seconds. Memory is flat if its highest value in each third of the run is: sorting takes
some and gives it back. Beside them stands what nothing can beat here: a bare DuckDB insert of the
same ticks through Arrow, and numpy's own sort and reduceat of the same batches.

    .venv/bin/python -m bench.ingest [--seconds 30] [--symbols 500] [--batch 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import importlib.util
import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import psutil
import pyarrow as pa

from trading_dashboard.agents.market_data.aggregation.changes import Changes
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.live.pending import BarBatch
from trading_dashboard.agents.market_data.live.pipeline import Gate, Pipeline, PipelineStats
from trading_dashboard.agents.market_data.live.write_queue import WriteQueue
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sessions import ALWAYS_OPEN, Sessions
from trading_dashboard.agents.market_data.store.contract import Archive, Rejected, Writing

PACKAGE = "trading_dashboard.agents.market_data"
EVERY_SECONDS = 5.0
FIRST_DAY = 20_000
DAY = 86_400 * MICROSECONDS
PER_SECOND = 100_000
"""Ticks of one second of the market."""
LATE_SHARE = 0.002
"""Of the ticks; up to two seconds late."""
POOL = 50
WATCHED = 20
"""Symbols whose bars somebody looks at."""


def sessions(days: int = 30) -> Sessions:
    day = np.arange(FIRST_DAY, FIRST_DAY + days)
    none = np.zeros(days, dtype=np.int64)
    return Sessions(
        calendar=ALWAYS_OPEN,
        time_zone="UTC",
        day=day,
        open_at=day * DAY,
        close_at=(day + 1) * DAY,
        break_start=none,
        break_end=none,
    )


def batches(symbols: int, size: int) -> Iterator[Ticks]:
    """Yield batches of a market with 100,000 ticks a second, for ever."""
    rng = np.random.default_rng(7)
    names = tuple(f"SYM{i:04}" for i in range(symbols))
    offset = (np.arange(size) * (MICROSECONDS / PER_SECOND)).astype(np.int64)
    level = rng.uniform(20, 500, symbols)
    pool = []
    for _ in range(POOL):
        symbol = rng.integers(0, symbols, size).astype(np.int32)
        price = np.round(level[symbol] * (1 + rng.normal(0, 2e-4, size)), 2)
        late = (rng.random(size) < LATE_SHARE) * rng.integers(0, 2 * MICROSECONDS, size)
        pool.append((symbol, price, rng.integers(1, 500, size).astype(np.float64), late))
    begin = (FIRST_DAY + 2) * DAY + DAY // 2
    step = int(size * MICROSECONDS / PER_SECOND)
    for number in itertools.count():
        symbol, price, volume, late = pool[number % POOL]
        at = begin + number * step + offset - late
        yield Ticks(
            source="bench", symbols=names, symbol=symbol, at=at, price=price, size=volume,
            received=at + 20_000,
        )  # fmt: skip


class MinimalArchive:
    """The least a store has to do, where the real one is not there."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path), config={"memory_limit": "256MB"})
        self._connection.execute(
            "CREATE TABLE ticks (source VARCHAR, symbol VARCHAR, made BIGINT, price DOUBLE, "
            "size DOUBLE, received BIGINT)"
        )
        self._connection.execute(
            "CREATE TABLE bars (source VARCHAR, symbol VARCHAR, interval VARCHAR, start BIGINT, "
            "open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE, closed BOOLEAN, "
            "revision INTEGER)"
        )

    def write(self, writing: Writing) -> None:
        """Insert all in one transaction."""
        connection = self._connection
        connection.execute("BEGIN")
        for ticks in writing.ticks:
            rows = arrow_ticks(ticks)
            connection.execute("INSERT INTO ticks SELECT * FROM rows")
        if writing.bars:
            rows = pa.concat_tables(
                pa.table(
                    {
                        "source": [bars.source] * len(bars),
                        "symbol": [bars.symbol] * len(bars),
                        "interval": [bars.interval] * len(bars),
                        **{name: getattr(bars, name) for name in BAR_COLUMNS},
                    }
                )
                for bars in writing.bars
            )
            connection.execute("INSERT INTO bars SELECT * FROM rows")
        connection.execute("COMMIT")
        del rows

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


def arrow_ticks(ticks: Ticks) -> pa.Table:
    names = pa.array(ticks.symbols)
    return pa.table(
        {
            "source": pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(ticks), dtype=np.int32)), pa.array([ticks.source])
            ),
            "symbol": pa.DictionaryArray.from_arrays(pa.array(ticks.symbol), names),
            "made": ticks.at,
            **{name: getattr(ticks, name) for name in ("price", "size", "received")},
        }
    )


@dataclass(frozen=True)
class Said:
    """What the stand-in says."""

    good: Ticks
    bad: Sequence[Rejected] = ()


class BelievesAll:
    """A gate for where the real one is not there."""

    def check(self, ticks: Ticks) -> Said:
        """Believe all that is a number."""
        finite = np.isfinite(ticks.price) & (ticks.price > 0) & np.isfinite(ticks.size)
        return Said(ticks if finite.all() else ticks.take(finite))

    def give_up(self) -> Sequence[Rejected]:
        """Return nothing: nothing waits."""
        return ()


def gate(known: Sessions) -> tuple[Gate, str]:
    if _is_there(f"{PACKAGE}.quality.tick_gate"):
        module: Any = importlib.import_module(f"{PACKAGE}.quality.tick_gate")
        return module.TickGate(lambda _: known), "TickGate"
    return BelievesAll(), "stand-in"


def archive(path: Path) -> tuple[Archive, str]:
    if _is_there(f"{PACKAGE}.store.archive"):
        module: Any = importlib.import_module(f"{PACKAGE}.store.archive")
        return module.DuckArchive(path), "DuckArchive"
    return cast("Archive", MinimalArchive(path)), "stand-in"


def _is_there(name: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(name) is not None
    return False


class Watcher:
    """Looks at the bars of some symbols, as the stream does."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._series = [(symbol, "1m") for symbol in symbols[:WATCHED]]
        self.seen = 0

    def look(self, changes: BarBatch) -> None:
        """Look at the minutes of the watched symbols."""
        if isinstance(changes, Changes):
            for change in changes.among(self._series):
                self.seen += len(change.bars)


def measure_pipeline(folder: Path, seconds: float, symbols: int, size: int, rate: float) -> float:
    """Return how many ticks a second were on disk."""
    known = sessions()
    checked, gate_name = gate(known)
    store, store_name = archive(folder / "market.duckdb")
    made = batches(symbols, size)
    watcher = Watcher(next(made).symbols)
    writer = WriteQueue(store)
    pipeline = Pipeline(checked, TimeBars(lambda _: known), writer, lambda _: None, watcher.look)
    pipeline.start()
    print(f"gate: {gate_name}, store: {store_name}, {symbols} symbols, batches of {size}, 1s to 1M")
    began = time.perf_counter()
    drive(pipeline, writer, made, seconds, getattr(store, "maintain", lambda: None), rate)
    is_all = asyncio.run(pipeline.flush(120.0))
    took = time.perf_counter() - began
    stats = pipeline.stats()
    asyncio.run(pipeline.close())
    store.close()
    print(
        f"all of {stats.good:,} of {stats.received:,} ticks and {stats.store.written_bars:,} bars "
        f"acknowledged: {is_all}; {stats.amended_bars:,} bars amended, "
        f"{stats.rejected:,} ticks quarantined, {stats.store.writes} writes, "
        f"dropped {stats.store.dropped_ticks}"
    )
    return stats.store.written_ticks / took


def drive(
    pipeline: Pipeline,
    writer: WriteQueue,
    made: Iterator[Ticks],
    seconds: float,
    maintain: Callable[[], None],
    rate: float,
) -> None:
    """Push for so long as fast as the store takes it, or at a rate; it is kept up meanwhile."""
    process = psutil.Process()
    process.cpu_percent()
    maintenance = threading.Thread(target=maintain)
    print(f"{'seconds':>8} {'ticks/s':>10} {'bars/s':>8} {'waiting':>8} {'MiB':>6} {'CPU %':>6}")
    began = last = time.perf_counter()
    before, pushed = pipeline.stats(), 0
    resident: list[float] = []
    while (now := time.perf_counter()) < began + seconds:
        if now - last >= EVERY_SECONDS:
            before = show(pipeline.stats(), before, now - began, now - last, process)
            last = now
            resident.append(process.memory_info().rss / 2**20)
            if not maintenance.is_alive():
                maintenance = threading.Thread(target=maintain)
                maintenance.start()
        for _ in range(5):
            ticks = next(made)
            pipeline.push(ticks)
            pushed += len(ticks)
        if rate:
            time.sleep(max(began + pushed / rate - time.perf_counter(), 0))
        pipeline.advance(int(ticks.received[-1]))
        if not writer.wait_for_room(60.0):
            raise SystemExit(f"the store hangs: {writer.stats()}")
    if maintenance.ident is not None:
        maintenance.join()
    third = max(len(resident) // 3, 1)
    highest = [max(resident[at : at + third], default=0.0) for at in (0, third, 2 * third)]
    print("highest resident of each third " + ", ".join(f"{each:.0f}" for each in highest) + " MiB")


def show(
    stats: PipelineStats, before: PipelineStats, at: float, took: float, process: psutil.Process
) -> PipelineStats:
    ticks = (stats.store.written_ticks - before.store.written_ticks) / took
    bars = (stats.store.written_bars - before.store.written_bars) / took
    mebibytes = process.memory_info().rss / 2**20
    print(
        f"{at:8.0f} {ticks:10,.0f} {bars:8,.0f} {stats.store.waiting_ticks:8,} {mebibytes:6.0f} "
        f"{process.cpu_percent():6.0f}"
    )
    return stats


def measure_parts(symbols: int, size: int, seconds: float) -> None:
    """Print what the gate and the bars cost alone."""
    known = sessions()
    checked, _ = gate(known)
    bars = TimeBars(lambda _: known)
    gate_seconds = bar_seconds = 0.0
    rows = 0
    for ticks in batches(symbols, size):
        began = time.perf_counter()
        good = checked.check(ticks).good
        judged = time.perf_counter()
        bars.push(good)
        gate_seconds += judged - began
        bar_seconds += time.perf_counter() - judged
        rows += len(ticks)
        if gate_seconds + bar_seconds > seconds:
            break
    print(f"the gate alone            {rows / gate_seconds:12,.0f} ticks/s")
    print(f"the bars alone            {rows / bar_seconds:12,.0f} ticks/s")


def measure_bare(folder: Path, symbols: int, size: int, seconds: float) -> float:
    """Print what the bare libraries do; return the rate of the insert."""
    connection = duckdb.connect(str(folder / "bare.duckdb"), config={"memory_limit": "256MB"})
    connection.execute(
        "CREATE TABLE ticks (source VARCHAR, symbol VARCHAR, made BIGINT, price DOUBLE, "
        "size DOUBLE, received BIGINT)"
    )
    rows = 0
    began = time.perf_counter()
    for ticks in batches(symbols, 50_000):
        rows_ = arrow_ticks(ticks)
        connection.execute("INSERT INTO ticks SELECT * FROM rows_")
        rows += len(ticks)
        if time.perf_counter() - began > seconds:
            break
    insert = rows / (time.perf_counter() - began)
    connection.close()
    del rows_
    print(f"bare DuckDB Arrow insert  {insert:12,.0f} ticks/s")
    rows = 0
    began = time.perf_counter()
    for ticks in itertools.islice(batches(symbols, size), 500):
        reduce_once(ticks)
        rows += len(ticks)
    print(f"bare numpy reduceat       {rows / (time.perf_counter() - began):12,.0f} ticks/s, one "
          "interval")  # fmt: skip
    return insert


def reduce_once(ticks: Ticks) -> None:
    """Make the bars of one interval that a batch alone would give, and forget them."""
    order = np.argsort(ticks.symbol.astype(np.uint16), kind="stable")
    symbol = ticks.symbol[order]
    firsts = np.flatnonzero(np.diff(symbol, prepend=-1))
    price = ticks.price[order]
    np.maximum.reduceat(price, firsts)
    np.minimum.reduceat(price, firsts)
    np.add.reduceat(ticks.size[order], firsts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0, help="ticks a second, 0 for all it takes")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        rate = measure_pipeline(
            folder, options.seconds, options.symbols, options.batch, options.rate
        )
        print(f"sustained, all on disk    {rate:12,.0f} ticks/s")
        measure_parts(options.symbols, options.batch, 4.0)
        bare = measure_bare(folder, options.symbols, options.batch, 5.0)
        print(f"share of the bare insert  {100 * rate / bare:12.0f} %")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
