"""An exchange through ccxt, over sockets: rows as told, failures in our words, trades pushed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.providers.exchange_server import BAD, DAY, GOOD, START, ExchangeFake, trade
from tests.providers.serving import Day
from tests.support import eventually
from tests.unit.market_data.sources.test_bad_days import EXPECTED, SLOW, everything_told
from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.ccxt_exchange.moments import (
    MAX_NUMBERS,
    TradeMoments,
)
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    NotOffered,
    Source,
    SourceFailure,
    SourceGarbled,
    SourceMisconfigured,
    SourceMissing,
    SourceSettings,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.registry import load_source

RANGE = ((START - 2 * DAY) * 1000, (START + 20 * DAY) * 1000)


@pytest.fixture
async def exchange() -> AsyncIterator[ExchangeFake]:
    fake = ExchangeFake()
    async with fake.streaming():
        yield fake


@contextlib.asynccontextmanager
async def opened(fake: ExchangeFake, **options: str | float | bool) -> AsyncIterator[Source]:
    given = {
        "base_url": fake.url, "stream_url": fake.stream_url, "timeout_seconds": 20,
        "poll_seconds": 0.05, **options,
    }  # fmt: skip
    source = load_source("ccxt:binance", SourceSettings(name="ccxt:binance", options=given))
    await source.open()
    try:
        yield source
    finally:
        await source.close()


@pytest.fixture
async def source(exchange: ExchangeFake) -> AsyncIterator[Source]:
    async with opened(exchange) as made:
        yield made


async def test_history(exchange: ExchangeFake, source: Source) -> None:
    past = await source.history("BTC/USDT", "1d", *RANGE)
    assert past.bars.start.tolist() == [row[0] * 1000 for row in GOOD]
    assert past.bars.close.tolist() == [float(row[4]) for row in GOOD]
    assert past.bars.closed.all()
    assert past.is_complete
    await source.history("ETH/USDT", "1h", *RANGE)
    asked = [one for one in exchange.asked if one.path.endswith("exchangeInfo")]
    assert len(asked) == 1  # markets are loaded once
    with pytest.raises(NotOffered):
        await source.history("BTC/USDT", "1w", *RANGE)
    with pytest.raises(UnknownToSource):
        await source.history("NO/PE", "1d", *RANGE)


async def test_bad_rows_are_handed_on_as_they_are(exchange: ExchangeFake, source: Source) -> None:
    exchange.rows = [*GOOD, *BAD.values()]
    bars = (await source.history("BTC/USDT", "1d", *RANGE)).bars
    assert len(bars) == len(exchange.rows)
    names = ["good"] * len(GOOD) + list(BAD)
    at = {name: names.index(name) for name in BAD}
    assert math.isnan(bars.close[at["nan"]])
    assert bars.high[at["infinite"]] == math.inf
    assert math.isnan(bars.high[at["no_number"]])
    assert math.isnan(bars.open[at["none"]])
    assert (bars.close[at["zero"]], bars.close[at["negative"]]) == (0.0, -104.0)
    assert bars.start[[at["no_time"], at["no_row"]]].tolist() == [-1, -1]
    assert bars.start[at["duplicate"]] == bars.start[2]
    assert bars.start[at["late"]] == (START - DAY) * 1000


async def test_a_long_range_is_told_to_be_cut(exchange: ExchangeFake, source: Source) -> None:
    now = time.time_ns() // 1000
    past = await source.history("BTC/USDT", "1m", now - 10 * DAY * 1000, now)
    assert not past.is_complete
    query = exchange.asked[-1].query
    assert int(query["limit"]) == 1000
    assert abs(int(query["startTime"]) - (now // 1000 - 60_000_000)) < 120_000


async def test_quotes_instruments_and_search(exchange: ExchangeFake, source: Source) -> None:
    bitcoin, ether = await source.quotes(["BTC/USDT", "NO/PE", "ETH/USDT"])
    assert (bitcoin.price, bitcoin.at) == (46139.73, 1_704_834_000_000_000)
    assert (bitcoin.bid, bitcoin.ask, bitcoin.currency) == (46139.7, 46139.8, "USDT")
    assert ether.price == 2350.5
    exchange.tickers["BTCUSDT"] |= {"lastPrice": None, "bidPrice": "-5"}
    (bitcoin,) = await source.quotes(["BTC/USDT"])
    assert math.isnan(bitcoin.price)
    assert bitcoin.bid == -5.0
    exchange.tickers["BTCUSDT"]["lastPrice"] = "n/a"
    (bitcoin,) = await source.quotes(["BTC/USDT"])
    assert math.isnan(bitcoin.price)
    found = await source.instrument("BTC/USDT")
    assert (found.calendar, found.asset_class) == ("24/7", AssetClass.CRYPTO)
    assert [one.symbol for one in await source.find("eth", 5)] == ["ETH/USDT"]


@pytest.mark.parametrize("day", EXPECTED)
async def test_a_bad_day_is_told_once(
    exchange: ExchangeFake, day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(exchange, timeout_seconds=0.5 if day in SLOW else 20) as source:
        await source.instrument("BTC/USDT")
        count = len(exchange.asked)
        elsewhere = ExchangeFake()
        async with elsewhere.served():
            exchange.elsewhere, exchange.day = elsewhere.url, day
            if day is Day.NO_OBJECT:  # a list is what is asked for; its rows are none
                bars = (await source.history("BTC/USDT", "1d", *RANGE)).bars
                assert bars.start.tolist() == [-1, -1, -1]
                return
            with pytest.raises(EXPECTED[day]) as caught:
                await source.history("BTC/USDT", "1d", *RANGE)
        assert type(caught.value) is EXPECTED[day]
        assert "ccxt:binance" in str(caught.value)
        assert exchange.url not in everything_told(caught.value)
        assert elsewhere.asked == []
        # A connection that was kept open and ends without a word is replaced once.
        assert len(exchange.asked) == count + (2 if day is Day.HANGING_UP else 1)
        if day is Day.LIMITED:
            assert caught.value.retry_after == 7.0
        exchange.day = Day.GOOD
        assert len((await source.history("BTC/USDT", "1d", *RANGE)).bars) == 6


async def test_markets_that_did_not_load_are_asked_for_again(
    exchange: ExchangeFake, source: Source
) -> None:
    for day in (Day.FAILING, Day.HTML, Day.TRUNCATED):
        exchange.day = day
        with pytest.raises(SourceFailure):
            await source.instrument("BTC/USDT")
    exchange.day = Day.GOOD
    assert (await source.instrument("BTC/USDT")).symbol == "BTC/USDT"


@pytest.mark.parametrize("is_together", [True, False])
async def test_trades_are_pushed_as_they_are(
    exchange: ExchangeFake, source: Source, is_together: bool
) -> None:
    client = source._client  # type: ignore[attr-defined] # as of an exchange without it
    client.library.has["watchTradesForSymbols"] = is_together
    exchange.by_symbol = not is_together
    exchange.pushed = [
        trade("BTC", START, "46139.73"), trade("BTC", START + 5, "nan"),
        trade("ETH", START - 9, "-1", "0"),
    ]  # fmt: skip
    assert source.capabilities.live == "stream"
    stream = source.live(frozenset({"BTC/USDT", "ETH/USDT"}))
    seen: list[tuple[str, int, float, float]] = []
    async with asyncio.timeout(10):
        while len(seen) < 3:
            ticks = await anext(stream)
            seen += [
                (ticks.symbols[ticks.symbol[n]], int(ticks.at[n]), ticks.price[n], ticks.size[n])
                for n in range(len(ticks))
            ]
    await stream.aclose()  # type: ignore[attr-defined]
    bitcoin = [one for one in seen if one[0] == "BTC/USDT"]
    (ether,) = (one for one in seen if one[0] == "ETH/USDT")
    assert bitcoin[0] == ("BTC/USDT", START * 1000, 46139.73, 0.5)
    assert math.isnan(bitcoin[1][2])
    assert ether == ("ETH/USDT", (START - 9) * 1000, -1.0, 0.0)
    assert sorted(set(exchange.subscribed)) == ["btcusdt@trade", "ethusdt@trade"]
    await eventually(lambda: exchange.streams == 0)


async def test_a_dropped_stream_ends_and_can_be_begun_again(
    exchange: ExchangeFake, source: Source
) -> None:
    exchange.pushed, exchange.then = [trade("BTC", START, "1")], "drop"
    stream = source.live(frozenset({"BTC/USDT"}))
    assert (await anext(stream)).price.tolist() == [1.0]
    with pytest.raises(SourceUnreachable):
        await anext(stream)
    exchange.then = "stay"
    again = source.live(frozenset({"BTC/USDT"}))
    assert (await anext(again)).price.tolist() == [1.0]
    await again.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("frame", ["{", "[1, 2", '{"e": "trade", "s": "BTCUSDT", "T": {}}'])
async def test_a_garbled_frame_is_told_or_passed_over(
    exchange: ExchangeFake, source: Source, frame: str
) -> None:
    exchange.pushed, exchange.then = [frame, trade("BTC", START, "1")], "drop"
    stream = source.live(frozenset({"BTC/USDT"}))
    with pytest.raises((SourceGarbled, SourceUnreachable)):
        await asyncio.wait_for(_all_of(stream), 10)


async def test_closing_ends_a_silent_stream(exchange: ExchangeFake, source: Source) -> None:
    stream = source.live(frozenset({"BTC/USDT"}))
    waiting = asyncio.ensure_future(anext(stream))
    await eventually(lambda: exchange.subscribed)
    await source.close()
    with pytest.raises(SourceUnreachable, match="closed"):
        await waiting
    await eventually(lambda: exchange.streams == 0)


async def test_polled_prices(exchange: ExchangeFake) -> None:
    async with opened(exchange, live="poll") as source:
        assert source.capabilities.live == "poll"
        stream = source.live(frozenset({"BTC/USDT"}))
        assert (await anext(stream)).price.tolist() == [46139.73]
        exchange.tickers["BTCUSDT"]["lastPrice"] = "46140"
        assert (await anext(stream)).price.tolist() == [46140.0]
        exchange.day = Day.FAILING
        with pytest.raises(SourceUnreachable):
            await anext(stream)


async def test_no_proxy(exchange: ExchangeFake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with opened(exchange) as source:
        assert len((await source.history("BTC/USDT", "1d", *RANGE)).bars) == 6


@pytest.mark.parametrize("name", ["ccxt", "ccxt:nosuchexchange", "ccxt:..base", "ccxt:Kraken"])
def test_an_exchange_that_is_none(name: str) -> None:
    with pytest.raises(SourceMisconfigured, match=r"exchange|called"):
        load_source(name)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = "trading_dashboard.agents.market_data.sources.libraries.find_spec"
    monkeypatch.setattr(libraries, lambda name: None)
    with pytest.raises(SourceMissing, match=r"ccxt.*trading-dashboard\[ccxt\]"):
        load_source("ccxt:kraken")


async def _all_of(stream: AsyncIterator[Ticks]) -> None:
    async for ticks in stream:
        assert ticks.price[-1] == 1.0 or math.isnan(ticks.price[-1])


@pytest.mark.parametrize("option", ["base_url", "stream_url"])
def test_an_address_that_cannot_be_used_is_told_by_its_option(option: str) -> None:
    settings = SourceSettings(name="ccxt:binance", options={option: "ws://127.0.0.1:1"})
    with pytest.raises(SourceMisconfigured, match=f"'{option}'.*use https"):
        load_source("ccxt:binance", settings)


def told(number: int | None, at: int, price: float, amount: float = 0.5) -> dict[str, Any]:
    named = {"symbol": "BTC/USDT", "timestamp": at, "price": price, "amount": amount}
    return named if number is None else {**named, "id": str(number)}


def test_trades_with_numbers_of_their_own_are_never_one() -> None:
    moments = TradeMoments()
    made = [
        moments.of(told(number, 1_700_000_000_000 + late, price))
        for number, late, price in (
            (1, 0, 10.0), (2, 0, 11.0), (3, 0, 10.0), (4, 0, 12.0), (5, 0, 10.0), (6, 1, 10.0)
        )
    ]  # fmt: skip
    assert [at - 1_700_000_000_000_000 for at in made] == [0, 0, 1, 1, 2, 1000]
    # Told again after a reconnection they are the same, in any order.
    assert [moments.of(told(n, 1_700_000_000_000, 10.0)) for n in (3, 1, 5)] == [
        made[2], made[0], made[4]
    ]  # fmt: skip


def test_trades_without_numbers_or_times_are_as_they_came() -> None:
    moments = TradeMoments()
    assert {moments.of(told(None, 1_700_000_000_000, 10.0)) for _ in range(3)} == {
        1_700_000_000_000_000
    }
    assert moments.of({**told(7, 0, 10.0), "timestamp": "yesterday"}) == -1
    assert moments.of(told(8, 1_700_000_000_000, 10.0)) == 1_700_000_000_000_000


def test_a_trade_of_the_future_ends_nothing() -> None:
    moments = TradeMoments()
    moments.of(told(1, 1_900_000_000_000, 10.0))
    made = [moments.of(told(number, 1_700_000_000_000, 10.0)) for number in (2, 3)]
    assert made == [1_700_000_000_000_000, 1_700_000_000_000_001]


def test_numbers_are_remembered_for_a_while_only() -> None:
    moments = TradeMoments()
    for number in range(3 * MAX_NUMBERS):
        moments.of(told(number, 1_700_000_000_000 + number, 10.0))
    assert len(moments._symbols["BTC/USDT"].known) == MAX_NUMBERS
