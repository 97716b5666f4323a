"""The archive of market data: first load, newest bars while rows come in, durable writes.

Each figure stands beside DuckDB alone in the same run: `INSERT … SELECT` from the same Parquet file
into a bare table, the same query on a bare sorted table that nobody writes to, the same rows in a
bare transaction.

    .venv/bin/python -m bench.store [--symbols 5000] [--bars 2500] [--seconds 10] [--folder DIR]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import numpy as np
import pyarrow as pa

from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.bulk.importing import ImportReport, import_bars
from trading_dashboard.agents.market_data.store.bulk.validation import ImportOptions
from trading_dashboard.agents.market_data.store.contract import Writing

DAY = 86_400_000_000
THREADS = os.cpu_count() or 1
ROWS_A_SECOND = 1_000
ASKED_A_SECOND = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=5_000)
    parser.add_argument("--bars", type=int, default=2_500, help="of each symbol")
    parser.add_argument("--seconds", type=float, default=10.0, help="of reading")
    parser.add_argument("--folder", type=Path, help="where files are made, on the disk to measure")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-store-", dir=options.folder))
    try:
        bars = make_parquet(folder / "bars.parquet", options.symbols, options.bars)
        print(f"{bars / 1e6:.1f}M daily bars of {options.symbols:,} symbols, DuckDB "
              f"{duckdb.__version__}, {THREADS} cores")  # fmt: skip
        load(folder, bars)
        read(folder, options.symbols, options.bars, options.seconds)
        write(folder)
    finally:
        shutil.rmtree(folder)


def make_parquet(path: Path, symbols: int, bars: int) -> int:
    duckdb.connect().execute(
        f"COPY (SELECT 'S' || lpad((i // {bars})::VARCHAR, 5, '0') AS symbol, "
        f"((i % {bars}) * {DAY})::BIGINT AS start, p AS open, p * 1.01 AS high, p * 0.99 AS low, "
        "p * 1.001 AS close, (100 + (i * 7919) % 100000)::DOUBLE AS volume FROM "
        f"(SELECT i, 50 + (hash(i) % 10000) / 100.0 AS p FROM range({symbols * bars}) r(i))) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return symbols * bars


def load(folder: Path, bars: int) -> None:
    file = folder / "bars.parquet"
    with duckdb.connect(str(folder / "bare.duckdb"), config={"threads": str(THREADS)}) as bare:
        bare.execute(
            "CREATE TABLE bars (source VARCHAR, symbol VARCHAR, interval VARCHAR, start BIGINT, "
            "open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE)"
        )
        began = time.perf_counter()
        bare.execute(
            "INSERT INTO bars SELECT 'file', symbol, '1d', start, open, high, low, close, volume "
            f"FROM read_parquet('{file}')"
        )
        bare.execute("CHECKPOINT")
        seconds = time.perf_counter() - began
    loaded = 0.0

    def show(_report: ImportReport, _rows: int | None, phase: str) -> None:
        nonlocal loaded
        if phase == "sorting":
            loaded = time.perf_counter() - began

    path = folder / "archive.duckdb"
    with DuckArchive(path, threads=THREADS, memory_mebibytes=2048) as archive:
        began = time.perf_counter()
        import_bars(archive, [file], ImportOptions(source="file"), show)
        whole = time.perf_counter() - began
    print(f"  load: bare {seconds:.1f} s; judged and durable {loaded:.1f} s, "
          f"{loaded / seconds:.2f} x; sorted as well {whole:.1f} s, {whole / seconds:.2f} x, "
          f"{bars / whole / 1e6:.2f}M rows/s")  # fmt: skip


def read(folder: Path, symbols: int, bars: int, seconds: float) -> None:
    chance = Random(1)
    with duckdb.connect(str(folder / "bare.duckdb"), config={"threads": "1"}) as bare:
        table = "SELECT * EXCLUDE (source, interval) FROM bars WHERE symbol = "
        tail = " ORDER BY start DESC LIMIT 500"

        def ask_bare() -> None:
            symbol = f"S{chance.randrange(symbols):05d}"
            bare.execute(f"{table}'{symbol}'{tail}").fetchnumpy()

        print(f"  last 500, bare and idle:           {percentiles(ask_bare, seconds / 3)}")
    with DuckArchive(folder / "archive.duckdb") as archive:

        def ask() -> None:
            symbol = f"S{chance.randrange(symbols):05d}"
            assert archive.bars("file", symbol, "1d", limit=500, newest=True).num_rows == 500

        print(f"  last 500, idle:                    {percentiles(ask, seconds / 3)}")
        done = threading.Event()
        writer = threading.Thread(target=ingest, args=(archive, symbols, bars, done))
        keeper = threading.Thread(target=maintain, args=(archive, done))
        writer.start()
        keeper.start()
        print(f"  last 500, while 1,000 rows/s come: {percentiles(ask, seconds)}")
        done.set()
        writer.join()
        keeper.join()


def percentiles(ask: Callable[[], None], seconds: float) -> str:
    took = []
    due = time.perf_counter()
    end = due + seconds
    while due < end:
        time.sleep(max(due - time.perf_counter(), 0))
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1e3)
        due += 1 / ASKED_A_SECOND
    p50, p99 = np.percentile(took, [50, 99])
    return f"p50 {p50:5.2f} ms, p99 {p99:5.2f} ms at {ASKED_A_SECOND}/s ({len(took)} answers)"


def ingest(archive: DuckArchive, symbols: int, bars: int, done: threading.Event) -> None:
    step = 0
    while not done.wait(0.5):
        step += 1
        made = [
            new_bars(f"S{(step * 500 + number) % symbols:05d}", (bars + step) * DAY)
            for number in range(ROWS_A_SECOND // 2)
        ]
        archive.write(Writing(bars=made))


def maintain(archive: DuckArchive, done: threading.Event) -> None:
    while not done.wait(1.0):
        archive.maintain()


def new_bars(symbol: str, start: int, count: int = 1) -> Bars:
    ones = np.ones(count)
    return Bars(
        source="file", symbol=symbol, interval="1d",
        start=start + DAY * np.arange(count, dtype=np.int64),
        open=ones, high=ones, low=ones, close=ones, volume=ones,
        closed=np.ones(count, np.bool_), revision=np.zeros(count, np.int32),
    )  # fmt: skip


def write(folder: Path) -> None:
    for rows in (100, 1_000, 10_000):
        batch = new_bars("W", 0, rows)
        with DuckArchive(folder / f"write-{rows}.duckdb") as archive:
            ours = rate(lambda: archive.write(Writing(bars=[batch])), rows)  # noqa: B023
        with duckdb.connect(str(folder / f"bare-{rows}.duckdb")) as bare:
            bare.execute(
                "CREATE TABLE bars (series INTEGER, start BIGINT, open DOUBLE, high DOUBLE, "
                "low DOUBLE, close DOUBLE, volume DOUBLE, closed BOOLEAN, revision INTEGER, "
                "seq BIGINT)"
            )
            table = pa.table(
                {
                    "series": np.ones(rows, np.int32), "start": batch.start, "open": batch.open,
                    "high": batch.high, "low": batch.low, "close": batch.close,
                    "volume": batch.volume, "closed": batch.closed, "revision": batch.revision,
                    "seq": batch.start,
                }
            )  # fmt: skip

            def put() -> None:
                bare.register("rows", table)  # noqa: B023
                bare.execute("INSERT INTO bars SELECT * FROM rows")

            alone = rate(put, rows)
        print(f"  durable writes of {rows:6,} rows: {ours:9,.0f} rows/s, bare {alone:9,.0f}, "
              f"{alone / ours:.2f} x")  # fmt: skip


def rate(put: Callable[[], None], rows: int) -> float:
    put()
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < 2:
        put()
        count += 1
    return count * rows / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
