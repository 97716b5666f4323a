"""What `bench.reading` reads: the agent's own archive, filled, and the source that goes on with it.

Owns many daily series, one long one of minutes, and a stream of ticks. All of it counts as asked
for already, so that what is measured is the agent's own work and never a provider's.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from trading_dashboard.agents.market_data.live.assembly import ARCHIVE_FILE
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, MICROSECONDS, Bars, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    PastBars,
    Quote,
)
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.bulk.importing import import_bars
from trading_dashboard.agents.market_data.store.bulk.validation import ImportOptions
from trading_dashboard.agents.market_data.store.schema import BARS

SOURCE = "bench"
LARGE = "LARGE"
DAY = 86_400 * MICROSECONDS
MINUTE = 60 * MICROSECONDS
BATCHES_PER_SECOND = 20
_FAR = 30 * DAY
"""Beyond now, up to where all counts as asked for."""


def symbol_name(number: int) -> str:
    return f"S{number:04}"


def fill(folder: Path, symbols: int, bars: int, large_bars: int) -> None:
    """Make the archive in a folder: daily bars up to yesterday, minutes up to the last one."""
    now = int(time.time() * MICROSECONDS)
    today, minute = now // DAY * DAY, now // MINUTE * MINUTE
    names = f"'S' || lpad((i // {bars})::VARCHAR, 4, '0')"
    with DuckArchive(folder / ARCHIVE_FILE, threads=2, memory_mebibytes=1024) as archive:
        for interval, query in (
            ("1d", _bars(names, f"{today - bars * DAY} + (i % {bars}) * {DAY}", symbols * bars)),
            ("1m", _bars(f"'{LARGE}'", f"{minute - large_bars * MINUTE} + i * {MINUTE}",
                         large_bars)),
        ):  # fmt: skip
            file = folder / f"{interval}.parquet"
            duckdb.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
            import_bars(archive, [file], ImportOptions(source=SOURCE, interval=interval))
            file.unlink()
        known = json.dumps([0, now + _FAR])
        series = [(symbol_name(i), "1d") for i in range(symbols)] + [(LARGE, "1m")]
        with archive.store.writing() as addition:
            for symbol, interval in series:
                addition.cursor.execute(
                    "INSERT INTO notes VALUES (?, ?)",
                    [f"covered {SOURCE} {symbol} {interval}", known],
                )


def _bars(symbol: str, start: str, count: int) -> str:
    """Return a query for bars in order, prices around 100."""
    return (
        f"SELECT {symbol} AS symbol, ({start})::BIGINT AS start, p AS open, p + 1 AS high, "
        "p - 1 AS low, round(p + 0.5, 2) AS close, (100 + i % 100000)::DOUBLE AS volume FROM "
        f"(SELECT i, 99 + (hash(i) % 200) / 100.0 AS p FROM range({count}) r(i))"
    )


class BareReader:
    """Reads the long series from the agent's file in this process, with DuckDB alone."""

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect(
            str(folder / ARCHIVE_FILE), read_only=True, config={"threads": "2"}
        )
        parts = self._connection.execute(
            "SELECT part, series FROM part_series WHERE series IN "
            "(SELECT id FROM series WHERE symbol = ?)", [LARGE],
        ).fetchall()  # fmt: skip
        ((part, series),) = parts
        self._query = (
            f"SELECT {', '.join(BAR_COLUMNS)} FROM {BARS.name}_{part} "
            f"WHERE series = {series} ORDER BY start"
        )

    def read(self) -> pa.Table:
        """Return the whole series."""
        return self._connection.sql(self._query).to_arrow_table()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


class SteadySource:
    """A source of ticks at a steady rate, of as many symbols as are followed."""

    name = SOURCE
    capabilities = Capabilities(
        asset_classes=frozenset({AssetClass.CRYPTO}),
        intervals=("1m", "1d"),
        live="stream",
        has_quotes=False,
    )

    def __init__(self, rate: int) -> None:
        self._size = max(rate // BATCHES_PER_SECOND, 1)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def find(self, _text: str, _limit: int) -> Sequence[Instrument]:
        """Return nothing."""
        return ()

    async def instrument(self, symbol: str) -> Instrument:
        """Return a coin of any name."""
        return Instrument(
            symbol=symbol, name=symbol, asset_class=AssetClass.CRYPTO, exchange="BENCH",
            calendar="24/7", time_zone="UTC", currency="USD",
        )  # fmt: skip

    async def history(self, symbol: str, interval: str, _start: int, _end: int) -> PastBars:
        """Return nothing: all that there is was imported."""
        return PastBars(bars=Bars.of(SOURCE, symbol, interval, []))

    async def quotes(self, _symbols: Sequence[str]) -> Sequence[Quote]:
        """Return nothing."""
        return ()

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield batches at the source's rate, whatever became of those before."""
        names = tuple(sorted(symbols))
        chance = np.random.default_rng(1)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += 1 / BATCHES_PER_SECOND
            await asyncio.sleep(max(due - loop.time(), 0))
            now = int(time.time() * MICROSECONDS)
            yield Ticks(
                source=SOURCE,
                symbols=names,
                symbol=chance.integers(0, len(names), self._size).astype(np.int32),
                at=np.full(self._size, now) - np.arange(self._size)[::-1],
                price=np.round(100 + chance.normal(0, 0.05, self._size), 2),
                size=chance.integers(1, 500, self._size).astype(np.float64),
                received=np.full(self._size, now),
            )
