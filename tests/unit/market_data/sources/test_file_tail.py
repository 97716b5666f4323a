"""Trades that are appended to files, or come in new ones, are live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest

from tests.providers.rows import GOOD
from tests.support import eventually
from tests.unit.market_data.sources.user_folder import HEAD, Folder, written
from trading_dashboard.agents.market_data.sources.contract import (
    SourceUnreachable,
)

Seen = tuple[str, int, float]
TRADES = "time,symbol,price,size\n"


@pytest.fixture
async def following(folder: Folder) -> AsyncIterator[tuple[Folder, Callable[[], list[Seen]]]]:
    """Return the folder with one file of trades, and what came of it since, as it comes."""
    folder.put("trades.csv", TRADES + "1704205800,AAPL,1,1\n")
    folder.put("AAPL_1d.csv", HEAD + written(GOOD))
    source = folder.source()
    await source.open()
    seen: list[Seen] = []

    async def follow() -> None:
        async for ticks in source.live(frozenset({"AAPL", "IBM"})):
            names = [ticks.symbols[index] for index in ticks.symbol]
            seen.extend(zip(names, ticks.at.tolist(), ticks.price.tolist(), strict=True))

    task = asyncio.create_task(follow())
    # A first file that is not there at the first look proves that it was taken.
    number = 0

    def has_begun() -> bool:
        nonlocal number
        number += 1
        folder.put(f"probe{number:05}.csv", TRADES + f"1,IBM,{number},0\n")
        return bool(seen)

    await eventually(has_begun)
    await eventually(lambda: seen[-1][2] == number)
    seen.clear()
    yield folder, lambda: seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await source.close()


async def test_appended_trades_are_live(
    following: tuple[Folder, Callable[[], list[Seen]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    folder, seen = following
    with (folder.path / "trades.csv").open("a") as file:
        file.write("1704205801,AAPL,2,1\n1704205802,MSFT,9,1\n1704205803,AAPL,n/a,1\n17042")
        file.flush()
        await eventually(lambda: len(seen()) >= 2)
        assert seen()[0] == ("AAPL", 1704205801_000_000, 2.0)
        assert str(seen()[1]) == "('AAPL', 1704205803000000, nan)"
        file.write("05804,IBM,3,1\n")
        file.flush()
        await eventually(lambda: len(seen()) >= 3)
    assert seen()[2] == ("IBM", 1704205804_000_000, 3.0)
    assert "line 4: cannot be read: price" in caplog.text


async def test_new_and_replaced_files_are_live_and_bars_are_not(
    following: tuple[Folder, Callable[[], list[Seen]]],
) -> None:
    folder, seen = following
    folder.put("MSFT_1d.csv", HEAD + written(GOOD))
    with (folder.path / "AAPL_1d.csv").open("a") as file:
        file.write(written(GOOD))
    folder.put("broken.csv", "what,is,this\n1,2,3\n")
    other = folder.put("other.tmp", TRADES + "1704205900,AAPL,7,1\n")
    other.replace(folder.path / "trades.csv")
    await eventually(seen)
    assert seen() == [("AAPL", 1704205900_000_000, 7.0)]


async def test_a_folder_that_goes_ends_the_stream(folder: Folder) -> None:
    gone = folder.path / "gone"
    gone.mkdir()
    source = folder.source(folder=str(gone))
    waiting = asyncio.ensure_future(anext(aiter(source.live(frozenset({"A"})))))
    await asyncio.sleep(0)
    gone.rmdir()
    with pytest.raises(SourceUnreachable):
        await waiting
