"""Yahoo through yfinance, over sockets: rows as told, shares as of their day, each asked once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.providers.rows import BAD, GOOD, Told
from tests.providers.serving import Day
from tests.providers.yahoo_server import CRUMB, YahooFake, message, opening
from tests.support import eventually
from tests.unit.market_data.sources.test_bad_days import EXPECTED, SLOW, everything_told
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    NotOffered,
    Source,
    SourceGarbled,
    SourceMissing,
    SourceRefusal,
    SourceSettings,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.registry import load_source

DAY = 86_400_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


YEAR = (at("2024-01-01"), at("2025-01-01"))


@pytest.fixture
async def yahoo() -> AsyncIterator[YahooFake]:
    fake = YahooFake()
    async with fake.streaming():
        yield fake


@contextlib.asynccontextmanager
async def opened(
    fake: YahooFake, folder: Path, **options: str | float | bool
) -> AsyncIterator[Source]:
    given = {
        "base_url": fake.url, "stream_url": fake.stream_url, "timeout_seconds": 10,
        "poll_seconds": 0.05, **options,
    }  # fmt: skip
    settings = SourceSettings(name="yahoo", options=given, data_directory=str(folder))
    source = load_source("yahoo", settings)
    await source.open()
    try:
        yield source
    finally:
        await source.close()


@pytest.fixture
async def source(yahoo: YahooFake, tmp_path: Path) -> AsyncIterator[Source]:
    async with opened(yahoo, tmp_path) as made:
        yield made


async def test_days_are_of_the_exchanges_date(yahoo: YahooFake, source: Source) -> None:
    past = await source.history("AAPL", "1d", *YEAR)
    assert past.bars.start.tolist() == [at(row.date) for row in GOOD]
    assert past.bars.close.tolist() == [float(row.close) for row in GOOD]
    assert past.bars.closed.all()
    assert past.is_complete
    (asked,) = yahoo.questions
    assert asked.path == "/v8/finance/chart/AAPL"
    assert asked.query["interval"] == "1d"


async def test_bad_rows_are_handed_on_as_they_are(yahoo: YahooFake, source: Source) -> None:
    yahoo.rows = [*GOOD, *BAD.values()]
    bars = (await source.history("AAPL", "1d", *YEAR)).bars
    told = list(zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True))
    expected = [row.numbers for row in yahoo.rows]
    expected[len(GOOD) + list(BAD).index("underscored")] = (math.nan, 105, 103, 104, 1000)
    np.testing.assert_array_equal(np.array(told), np.array(expected))
    assert (bars.start == -1).sum() == 1


async def test_duplicates_and_disorder_stay(yahoo: YahooFake, source: Source) -> None:
    yahoo.rows = [GOOD[2], GOOD[0], GOOD[1], Told("2024-01-03", "1", "2", "0.5", "1.5", "7")]
    bars = (await source.history("AAPL", "1d", *YEAR)).bars
    assert bars.start.tolist() == [at(row.date) for row in yahoo.rows]
    assert bars.close.tolist()[-1] == 1.5


async def test_a_later_split_is_undone(yahoo: YahooFake, source: Source) -> None:
    yahoo.splits = {opening("2024-01-05"): (4, 1), opening("2024-06-03"): (1, 2)}
    yahoo.dividends = {opening("2024-01-03"): 0.25, opening("2024-01-08"): 0.5}
    past = await source.history("AAPL", "1d", YEAR[0], at("2024-02-01"))
    factors = [2.0, 2.0, 2.0, 0.5, 0.5, 0.5]
    closes = [float(row.close) * factor for row, factor in zip(GOOD, factors, strict=True)]
    assert past.bars.close.tolist() == closes
    assert past.bars.volume.tolist() == [1e6 / factor for factor in factors]
    assert [event.ratio for event in past.actions if event.ratio] == [4.0]
    assert [event.amount for event in past.actions if event.amount] == [0.5, 0.25]
    assert int(yahoo.questions[0].query["period2"]) > time.time()


async def test_wrong_splits_are_told_and_change_nothing(yahoo: YahooFake, source: Source) -> None:
    days = [opening(row.date) for row in GOOD]
    yahoo.splits = dict(
        zip(days, [(0, 1), (-2, 1), ("many", 1), (4, 0), (math.inf, 1)], strict=False)
    )
    past = await source.history("AAPL", "1d", *YEAR)
    assert past.bars.close.tolist() == [float(row.close) for row in GOOD]
    ratios = [event.ratio for event in past.actions]
    np.testing.assert_array_equal(ratios, [0.0, -2.0, math.nan, math.nan, math.inf])


async def test_intraday_and_the_price_behind_it(yahoo: YahooFake, source: Source) -> None:
    now = int(time.time()) // 900 * 900
    yahoo.minutes = [now - 86_400, now - 86_100, None, now - 85_000]
    yahoo.meta["regularMarketTime"] = now - 85_000
    yahoo.splits = {now - 3600: (2, 1)}
    past = await source.history("AAPL", "5m", (now - 200_000) * 1_000_000, now * 1_000_000)
    assert past.bars.start.tolist() == [(now - 86_400) * 1_000_000, (now - 86_100) * 1_000_000, -1]
    assert past.bars.close.tolist()[:2] == [202.0, 202.0]
    assert past.actions == ()
    assert [asked.query["interval"] for asked in yahoo.questions] == ["1d", "5m"]


async def test_what_is_too_old_is_said(yahoo: YahooFake, source: Source) -> None:
    now = time.time_ns() // 1000
    assert not (await source.history("AAPL", "1m", now - 20 * DAY, now)).is_complete
    period = int(yahoo.questions[-1].query["period1"])
    assert now / 1e6 - period < 8 * 86_400
    count = len(yahoo.questions)
    old = await source.history("AAPL", "5m", now - 300 * DAY, now - 200 * DAY)
    assert (len(old.bars), old.is_complete) == (0, False)
    assert len(yahoo.questions) == count
    with pytest.raises(NotOffered):
        await source.history("AAPL", "30m", now - DAY, now)


async def test_nothing_in_the_range_is_no_failure(yahoo: YahooFake, source: Source) -> None:
    yahoo.rows = []
    assert len((await source.history("AAPL", "1d", *YEAR)).bars) == 0


async def test_quotes_and_instruments(yahoo: YahooFake, source: Source) -> None:
    quotes = await source.quotes(["AAPL", "NOPE", "EUR/USD", "BTC/USD"])
    assert [quote.symbol for quote in quotes] == ["AAPL", "EUR/USD", "BTC/USD"]
    assert (quotes[0].price, quotes[0].at, quotes[0].bid) == (189.84, 1704834000000000, 189.8)
    assert yahoo.questions[0].query["crumb"] == CRUMB
    apple, tesco = await source.instrument("AAPL"), await source.instrument("TSCO.L")
    assert (apple.exchange, apple.calendar, apple.name) == ("XNAS", "XNYS", "Apple Inc.")
    assert (tesco.calendar, tesco.currency) == ("XLON", "GBp")
    assert (await source.instrument("BTC/USD")).asset_class is AssetClass.CRYPTO
    assert (await source.instrument("ES=F")).calendar == "CMES"
    with pytest.raises(UnknownToSource):
        await source.instrument("NOPE")
    assert len([asked for asked in yahoo.asked if asked.path == "/v1/test/getcrumb"]) == 1


async def test_bad_quotes_are_handed_on(yahoo: YahooFake, source: Source) -> None:
    yahoo.quotes["AAPL"] |= {"regularMarketPrice": None, "regularMarketTime": "soon", "bid": "x"}
    yahoo.quotes["TSCO.L"]["regularMarketPrice"] = -1
    apple, tesco = await source.quotes(["AAPL", "TSCO.L"])
    assert math.isnan(apple.price)
    assert (apple.at, apple.bid, tesco.price) == (-1, None, -1.0)


async def test_search(source: Source) -> None:
    found = await source.find("a", 10)
    assert [one.symbol for one in found] == ["AAPL", "TSCO.L", "EUR/USD", "BTC/USD", "ES=F"]
    assert len(await source.find("a", 2)) == 2


async def test_unknown_and_refused(yahoo: YahooFake, source: Source) -> None:
    with pytest.raises(UnknownToSource, match="delisted"):
        await source.history("NOPE", "1d", *YEAR)
    assert len(yahoo.questions) == 1
    yahoo.error = {"code": "Unprocessable Entity", "description": "1m data not available"}
    with pytest.raises(SourceRefusal, match="not available"):
        await source.history("AAPL", "1d", *YEAR)


async def test_a_session_that_ran_out_is_renewed(yahoo: YahooFake, source: Source) -> None:
    await source.quotes(["AAPL"])
    yahoo.is_expired = True
    with pytest.raises(SourceUnreachable, match="run out"):
        await source.quotes(["AAPL"])
    assert len(await source.quotes(["AAPL"])) == 1


async def test_charts_need_no_crumb(yahoo: YahooFake, source: Source) -> None:
    yahoo.crumb = None
    assert len((await source.history("AAPL", "1d", *YEAR)).bars) == 6
    yahoo.crumb = "<html>Sign in</html>"
    assert len((await source.history("AAPL", "1d", *YEAR)).bars) == 6
    assert "crumb" not in yahoo.questions[-1].query


@pytest.mark.parametrize("day", EXPECTED)
async def test_a_bad_day_is_told_once(
    yahoo: YahooFake, tmp_path: Path, day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(yahoo, tmp_path, timeout_seconds=0.5 if day in SLOW else 20) as source:
        elsewhere = YahooFake()
        async with elsewhere.served():
            yahoo.elsewhere, yahoo.day = elsewhere.url, day
            with pytest.raises(EXPECTED[day]) as caught:
                await source.history("AAPL", "1d", *YEAR)
        assert type(caught.value) is EXPECTED[day]
        assert "yahoo" in str(caught.value)
        assert elsewhere.asked == []
        # libcurl tries a second connection if one that was kept open ends without a word.
        assert len(yahoo.questions) == (2 if day is Day.HANGING_UP else 1)
        assert CRUMB not in everything_told(caught.value)
        assert CRUMB not in caplog.text
        if day is Day.LIMITED:
            assert caught.value.retry_after == 7.0
        yahoo.day = Day.GOOD
        assert len((await source.history("AAPL", "1d", *YEAR)).bars) == 6


async def test_polled_prices(yahoo: YahooFake, tmp_path: Path) -> None:
    async with opened(yahoo, tmp_path, live="poll") as source:
        stream = source.live(frozenset({"AAPL"}))
        first = await anext(stream)
        yahoo.quotes["AAPL"]["regularMarketPrice"] = 190.5
        second = await anext(stream)
        assert (first.price.tolist(), second.price.tolist()) == ([189.84], [190.5])
        yahoo.day = Day.FAILING
        with pytest.raises(SourceUnreachable):
            await anext(stream)


async def test_closing_ends_what_is_under_way(yahoo: YahooFake, tmp_path: Path) -> None:
    yahoo.day = Day.SILENT
    async with opened(yahoo, tmp_path, timeout_seconds=2) as source:
        question = asyncio.create_task(source.history("AAPL", "1d", *YEAR))
        await eventually(lambda: yahoo.questions)
        await source.close()
        with pytest.raises(SourceUnreachable, match="closed"):
            await question


async def test_no_proxy_and_no_file(
    yahoo: YahooFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = YahooFake()
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    async with proxy.served():
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with opened(yahoo, tmp_path / "data") as source:
            await source.history("AAPL", "1d", *YEAR)
            await source.quotes(["AAPL"])
    assert proxy.asked == []
    assert len(yahoo.questions) == 2
    assert list(tmp_path.rglob("*")) == []


AT = 1_704_834_000_123


async def test_pushed_prices(yahoo: YahooFake, source: Source) -> None:
    yahoo.pushed = [
        message("AAPL", 189.84, AT, 100), message("TSLA", 1.0, AT), message("EURUSD=X", -1.5, 0),
        message("AAPL", math.nan, AT - 5), message("AAPL", 0.0, AT),
    ]  # fmt: skip
    stream = source.live(frozenset({"AAPL", "EUR/USD"}))
    assert source.capabilities.live == "stream"
    seen = [await anext(stream) for _ in range(4)]
    assert [(one.symbols[0], int(one.at[0])) for one in seen] == [
        ("AAPL", AT * 1000), ("EUR/USD", -1), ("AAPL", (AT - 5) * 1000), ("AAPL", AT * 1000),
    ]  # fmt: skip
    assert (seen[0].price[0], seen[0].size[0], seen[1].price[0]) == (189.84, 100.0, -1.5)
    assert math.isnan(seen[2].price[0])
    assert seen[3].price[0] == 0.0
    assert yahoo.subscribed[0] == ["AAPL", "EURUSD=X"]
    await stream.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: yahoo.streams == 0)


@pytest.mark.parametrize("then", ["end", "drop"])
async def test_a_stream_that_ends_is_told(yahoo: YahooFake, source: Source, then: str) -> None:
    yahoo.pushed, yahoo.then = [message("AAPL", 1.0, AT)], then
    stream = source.live(frozenset({"AAPL"}))
    assert (await anext(stream)).price.tolist() == [1.0]
    with pytest.raises(SourceUnreachable, match="ended"):
        await anext(stream)


@pytest.mark.parametrize(
    "frame",
    ["", "{", "[1]", "7", '{"message": 7}', '{"message": "%%"}', '{"message": "/////w=="}',
     message("AAPL", 1.0, AT)[:-8], "x" * 100_000],
)  # fmt: skip
async def test_a_garbled_frame_ends_the_stream(
    yahoo: YahooFake, source: Source, frame: str
) -> None:
    yahoo.pushed = [frame]
    stream = source.live(frozenset({"AAPL"}))
    with pytest.raises((SourceGarbled, SourceUnreachable)):
        await asyncio.wait_for(anext(stream), 10)


async def test_a_stream_that_is_not_there(yahoo: YahooFake, tmp_path: Path) -> None:
    async with opened(yahoo, tmp_path, stream_url=yahoo.url) as source:
        with pytest.raises(SourceUnreachable):
            await anext(source.live(frozenset({"AAPL"})))


async def test_closing_ends_a_silent_stream(yahoo: YahooFake, source: Source) -> None:
    waiting = asyncio.ensure_future(anext(source.live(frozenset({"AAPL"}))))
    await eventually(lambda: yahoo.subscribed)
    await source.close()
    with pytest.raises(SourceUnreachable, match="closed"):
        await waiting
    await eventually(lambda: yahoo.streams == 0)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = "trading_dashboard.agents.market_data.sources.libraries.find_spec"
    monkeypatch.setattr(libraries, lambda name: None)
    with pytest.raises(SourceMissing, match=r"yfinance.*trading-dashboard\[yahoo\]"):
        load_source("yahoo")
