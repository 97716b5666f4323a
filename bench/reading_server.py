"""An agent that answers from a DuckDB archive while it takes in rows; `bench.reading` runs it.

Owns a market of nothing but an archive. The server, the routes and the forms are the product's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from fastapi import FastAPI

from bench.reading_archive import SOURCE, DirectArchive, symbol_name
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, create_agent_app, run_agent
from trading_dashboard.agents.market_data.api.historical import add_historical
from trading_dashboard.agents.market_data.market import BarsAnswer, BarsQuestion, Market
from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.store.contract import Writing

BATCHES_PER_SECOND = 2
READERS = 2
LABEL: Mapping[str, Any] = {"source": SOURCE, "replay": False, "intraday": "real"}

Result = TypeVar("Result")


class ArchiveMarket:
    """As much of `Market` as `/historical` asks."""

    def __init__(self, archive: DirectArchive) -> None:
        self.archive = archive
        self.readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")

    async def bars(self, question: BarsQuestion) -> BarsAnswer:
        """Return the first bars, or the newest."""
        table = await self.in_thread(
            lambda: self.archive.bars(
                SOURCE,
                question.symbol,
                question.interval,
                limit=question.limit,
                newest=question.page is None,
            )
        )
        head = {
            "symbol": question.symbol, "interval": question.interval, "next_page": None,
            "as_of": datetime.now(UTC).isoformat(), **LABEL,
        }  # fmt: skip
        return BarsAnswer(head=head, table=table)

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Read beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.readers, work)


async def take_in(
    archive: DirectArchive, writer: ThreadPoolExecutor, rate: int, symbols: int
) -> None:
    """Write minute bars of random symbols, so many rows a second in a few batches, for ever."""
    loop = asyncio.get_running_loop()
    rows = rate // BATCHES_PER_SECOND
    chance = random.Random(1)
    due = loop.time()
    minute = int(time.time() // 60) * 60_000_000
    while True:
        due += 1 / BATCHES_PER_SECOND
        minute += 60_000_000
        names = chance.sample(range(symbols), min(rows, symbols))
        batch = [
            Bars.of(SOURCE, symbol_name(i), "1m", [(minute, 1.0, 2.0, 0.5, 1.5, 100.0)])
            for i in names
        ]
        await loop.run_in_executor(writer, archive.write, Writing(bars=batch))
        await asyncio.sleep(max(due - loop.time(), 0))


def build_with(
    archive: DirectArchive, rate: int, symbols: int
) -> Callable[[AgentEnvironment], AgentApp]:
    """Return what builds the application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        taking = asyncio.create_task(take_in(archive, writer, rate, symbols)) if rate else None
        yield
        if taking is not None:
            taking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await taking
        writer.shutdown()

    def build(environment: AgentEnvironment) -> AgentApp:
        app = create_agent_app(environment, version="bench", lifespan=lifespan)
        add_historical(app, cast("Market", ArchiveMarket(archive)))
        return app

    return build


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--port", required=True)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--symbols", type=int, default=0)
    options = parser.parse_args()
    archive = DirectArchive(options.file)
    arguments = ["--port", options.port, "--data-directory", str(options.file.parent)]
    try:
        return run_agent(
            "bench",
            build_with(archive, options.rate, options.symbols),
            default_port=0,
            arguments=arguments,
        )
    finally:
        archive.close()


if __name__ == "__main__":
    raise SystemExit(main())
