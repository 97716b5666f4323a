"""Each source over HTTP, on each bad day of its provider: told in our words, without the key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.providers.alpha_vantage import AlphaVantageFake
from tests.providers.serving import Day, FakeProvider
from tests.providers.twelve_data import TwelveDataFake
from tests.support import eventually
from tests.unit.market_data.sources.conftest import KEYS, make
from trading_dashboard.agents.market_data.sources import http
from trading_dashboard.agents.market_data.sources.contract import (
    Source,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceRefusal,
    SourceUnreachable,
)

SYMBOL = {"alpha_vantage": "IBM", "twelve_data": "AAPL"}
FAKES: dict[str, type[FakeProvider]] = {
    "alpha_vantage": AlphaVantageFake,
    "twelve_data": TwelveDataFake,
}
EXPECTED: dict[Day, type[SourceFailure]] = {
    Day.LIMITED: SourceLimited,
    Day.LIMITED_UNTIL_A_DATE: SourceLimited,
    Day.FAILING: SourceUnreachable,
    Day.UNAVAILABLE: SourceUnreachable,
    Day.FORBIDDING: SourceRefusal,
    Day.SILENT: SourceUnreachable,
    Day.DRIPPING: SourceUnreachable,
    Day.SILENT_AFTER_HEAD: SourceUnreachable,
    Day.TRUNCATED: SourceGarbled,
    Day.TRUNCATED_CHUNKS: SourceGarbled,
    Day.RESETTING: SourceGarbled,
    Day.HANGING_UP: SourceUnreachable,
    Day.NO_HTTP: SourceGarbled,
    Day.NO_JSON: SourceGarbled,
    Day.HTML: SourceGarbled,
    Day.EMPTY: SourceGarbled,
    Day.NO_OBJECT: SourceGarbled,
    Day.DEEP: SourceGarbled,
    Day.ENDLESS: SourceGarbled,
    Day.BAD_GZIP: SourceGarbled,
    Day.ELSEWHERE: SourceUnreachable,
}
SLOW = {Day.SILENT, Day.DRIPPING, Day.SILENT_AFTER_HEAD}
YEAR = (1_704_067_200_000_000, 1_735_689_600_000_000)


@pytest.fixture(params=sorted(FAKES))
def name(request: pytest.FixtureRequest) -> str:
    """Return each source in turn."""
    return str(request.param)


@pytest.fixture
async def fake(name: str) -> AsyncIterator[FakeProvider]:
    """Return the provider, served."""
    served = FAKES[name]()
    async with served.served():
        yield served


@contextlib.asynccontextmanager
async def opened(source: Source) -> AsyncIterator[Source]:
    await source.open()
    try:
        yield source
    finally:
        await source.close()


def everything_told(failure: BaseException) -> str:
    """Return all that anyone could print of a failure, its causes included."""
    seen, told = [failure], ""
    for error in seen:
        told += f"{error!s} {error!r} {vars(error)} {error.args}"
        seen += [inner for inner in (error.__cause__, error.__context__) if inner is not None]
        request = getattr(error, "_request", None)
        told += f" {request.url} {request.headers.raw}" if request is not None else ""
    return told + "".join(traceback.format_exception(failure))


def test_every_bad_day_is_tried() -> None:
    assert set(EXPECTED) == set(Day) - {Day.GOOD}


@pytest.mark.parametrize("day", EXPECTED)
async def test_a_bad_day_is_told_and_shows_no_key(
    name: str, fake: FakeProvider, day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    elsewhere = FAKES[name]()
    async with (
        elsewhere.served(),
        opened(make(fake, name, timeout_seconds=0.3 if day in SLOW else 20)) as source,
    ):
        fake.elsewhere = elsewhere.url
        fake.day = day
        with pytest.raises(EXPECTED[day]) as caught:
            await source.history(SYMBOL[name], "1d", *YEAR)
        assert type(caught.value) is EXPECTED[day]
        assert name in str(caught.value)
        assert len(str(caught.value)) < 600
        assert elsewhere.asked == []  # no redirect takes the key anywhere
        assert len(fake.asked) == 1  # asking again is not the source's business
        # The key did travel, so that there was something to hide.
        assert KEYS[name] in str(fake.asked[0])
        assert KEYS[name] not in everything_told(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None
        assert KEYS[name] not in caplog.text
        # A day later all is well again, on the same source.
        fake.day = Day.GOOD
        assert len((await source.history(SYMBOL[name], "1d", *YEAR)).bars) == 6


async def test_the_capture_would_notice_a_key(
    fake: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The control arm: a client with the key in its address shows it in its log and its errors."""
    caplog.set_level(logging.DEBUG)
    fake.day = Day.TRUNCATED
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await client.get(f"{fake.url}/query", params={"apikey": "SECRETKEY", "symbol": "IBM"})
    assert "SECRETKEY" in everything_told(caught.value)
    assert "SECRETKEY" in caplog.text


async def test_the_http_library_never_has_the_key_and_the_filter_hides_the_providers_echo(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control arm of the log filter, and what holds without it."""
    caplog.set_level(logging.DEBUG)
    fake = AlphaVantageFake()
    async with fake.served(), opened(make(fake, "alpha_vantage")) as source:
        for logger in http.LOGGERS:
            monkeypatch.setattr(logger, "filters", [])
        await source.history("IBM", "1d", *YEAR)
        assert f"GET {fake.url}/query" in caplog.text
        assert KEYS["alpha_vantage"] not in caplog.text
        fake.day, fake.elsewhere = Day.ELSEWHERE, fake.url
        with pytest.raises(SourceUnreachable):
            await source.history("IBM", "1d", *YEAR)
        assert KEYS["alpha_vantage"] in caplog.text


async def test_a_retry_time_is_passed_on(name: str, fake: FakeProvider) -> None:
    async with opened(make(fake, name)) as source:
        expected = {
            Day.LIMITED: 7.0,
            Day.LIMITED_UNTIL_A_DATE: 0.0,
            Day.UNAVAILABLE: 30.0,
            Day.FAILING: None,
        }
        for day, seconds in expected.items():
            fake.day = day
            with pytest.raises(SourceFailure) as caught:
                await source.quotes([SYMBOL[name]])
            assert caught.value.retry_after == seconds


async def test_nobody_listens(name: str, fake: FakeProvider, free_port: int) -> None:
    async with opened(make(fake, name, base_url=f"http://127.0.0.1:{free_port}")) as source:
        with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1"):
            await source.quotes([SYMBOL[name]])


async def test_closing_ends_what_is_under_way(name: str, fake: FakeProvider) -> None:
    fake.day = Day.SILENT
    source = make(fake, name, timeout_seconds=60)
    await source.open()
    asking = asyncio.create_task(source.find("x", 5))
    await eventually(lambda: fake.under_way)
    await source.close()
    with pytest.raises(SourceUnreachable, match="closed"):
        await asking
    with pytest.raises(SourceUnreachable, match="not open"):
        await source.find("x", 5)
    await source.close()


async def test_opening_asks_nothing_and_leaves_no_filter_behind(
    name: str, fake: FakeProvider
) -> None:
    before = list(logging.getLogger("httpx").filters)
    async with opened(make(fake, name)) as source:
        await source.open()
        assert len(logging.getLogger("httpx").filters) == len(before) + 1
    assert fake.asked == []
    assert logging.getLogger("httpx").filters == before


async def test_a_cancelled_question_is_cancelled(name: str, fake: FakeProvider) -> None:
    fake.day = Day.SILENT
    async with opened(make(fake, name, timeout_seconds=60)) as source:
        asking = asyncio.create_task(source.find("x", 5))
        await eventually(lambda: fake.under_way)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
