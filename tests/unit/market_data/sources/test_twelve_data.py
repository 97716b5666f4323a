"""Twelve Data translated: every row handed on as it is, refusals told from codes and words."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.providers.rows import BAD, GOOD, Told
from tests.providers.serving import Day
from tests.providers.twelve_data import KEY, TwelveDataFake
from tests.support import eventually
from tests.unit.market_data.sources.conftest import make
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    NotOffered,
    Source,
    SourceFailure,
    SourceLimited,
    SourceMisconfigured,
    SourceRefusal,
    SourceUnreachable,
    UnknownToSource,
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


YEAR = (at("2024-01-01"), at("2025-01-01"))


@pytest.fixture
async def source(twelve: TwelveDataFake) -> AsyncIterator[Source]:
    made = make(twelve, "twelve_data", poll_seconds=0.05)
    await made.open()
    yield made
    await made.close()


async def test_good_days_oldest_first(twelve: TwelveDataFake, source: Source) -> None:
    past = await source.history("AAPL", "1d", *YEAR)
    assert past.bars.start.tolist() == [at(row.date) for row in GOOD]
    assert past.bars.close.tolist() == [float(row.close) for row in GOOD]
    assert past.is_complete
    asked = twelve.asked[0]
    assert asked.headers["authorization"] == f"apikey {KEY}"
    assert KEY not in asked.target
    assert asked.query["adjust"] == "none"
    assert asked.query["timezone"] == "UTC"


async def test_bad_rows_are_handed_on_as_they_are(twelve: TwelveDataFake, source: Source) -> None:
    twelve.rows = [*GOOD, *BAD.values()]
    bars = (await source.history("AAPL", "1d", *YEAR)).bars
    told = list(zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True))
    expected = [row.numbers for row in twelve.rows]
    expected[len(GOOD) + list(BAD).index("underscored")] = (math.nan, 105, 103, 104, 1000)
    np.testing.assert_array_equal(np.array(told), np.array(expected))
    assert (bars.start == -1).sum() == 1


async def test_duplicates_and_disorder_stay(twelve: TwelveDataFake, source: Source) -> None:
    again = Told("2024-01-03", "1", "2", "0.5", "1.5", "7")
    twelve.rows = [GOOD[2], GOOD[0], GOOD[1], again]
    bars = (await source.history("AAPL", "1d", *YEAR)).bars
    assert bars.start.tolist() == [at(row.date) for row in twelve.rows]


async def test_rows_that_are_no_rows_stay(
    twelve: TwelveDataFake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [None, 7, {"datetime": 1704067200, "close": True}, {"datetime": "2024-01-02"}]
    monkeypatch.setattr(twelve, "_values", lambda: values)
    bars = (await source.history("AAPL", "1d", *YEAR)).bars
    assert bars.start.tolist() == [at("2024-01-02"), -1, -1, -1]
    assert np.isnan(bars.close).all()


async def test_nothing_in_the_range_is_no_failure(twelve: TwelveDataFake, source: Source) -> None:
    twelve.rows = []
    past = await source.history("AAPL", "5m", *YEAR)
    assert len(past.bars) == 0
    assert past.is_complete


async def test_five_thousand_rows_may_not_be_all(twelve: TwelveDataFake, source: Source) -> None:
    twelve.rows = [GOOD[0]._replace(date="2024-06-03 09:30:00")] * 5000
    past = await source.history("AAPL", "1m", *YEAR)
    assert len(past.bars) == 5000
    assert not past.is_complete


async def test_a_day_and_a_minute_still_forming(twelve: TwelveDataFake, source: Source) -> None:
    now = datetime.now(UTC)
    twelve.rows = [GOOD[0]._replace(date=f"{now:%Y-%m-%d %H:%M:%S}"), GOOD[0]]
    bars = (await source.history("AAPL", "1h", 0, at("2100-01-01"))).bars
    assert bars.closed.tolist() == [False, True]
    twelve.rows = [GOOD[0]._replace(date="2099-01-01"), GOOD[0]]
    bars = (await source.history("AAPL", "1d", 0, at("2100-01-01"))).bars
    assert bars.closed.tolist() == [False, True]


async def test_splits_and_dividends_right_and_wrong(twelve: TwelveDataFake) -> None:
    source = make(twelve, "twelve_data", actions=True)
    await source.open()
    twelve.splits = [
        {"date": "2024-06-10", "ratio": 0.25, "from_factor": 4, "to_factor": 1},
        {"date": "2024-06-11", "from_factor": 4, "to_factor": 0},
        {"date": "2024-06-12", "from_factor": "many", "to_factor": 1},
        {"date": "someday", "from_factor": -1, "to_factor": 2},
        {"date": "2014-06-09", "from_factor": 7, "to_factor": 1},
    ]
    twelve.dividends = [{"ex_date": "2024-05-10", "amount": 0.25}, {"ex_date": "2024-08-12"}]
    past = await source.history("AAPL", "1d", *YEAR)
    await source.close()
    ratios = [action.ratio for action in past.actions if action.ratio is not None]
    assert ratios[0] == 4.0
    assert [math.isnan(ratio) for ratio in ratios] == [False, True, True, False]
    assert past.actions[3].ex_day == -1
    amounts = [action.amount for action in past.actions if action.amount is not None]
    assert amounts[0] == 0.25
    assert math.isnan(amounts[1])
    assert [asked.path for asked in twelve.asked] == ["/time_series", "/splits", "/dividends"]


@pytest.mark.parametrize("status", [200, 400, 404, 429])
@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (429, "You have run out of API credits for the current minute.", SourceLimited),
        (429, "You have run out of API credits for the day.", SourceLimited),
        (401, f"**apikey** parameter {KEY} is incorrect", SourceRefusal),
        (403, "Available exclusively with the Pro plan", SourceRefusal),
        (404, "This symbol is available starting with Grow", SourceRefusal),
        (404, "**symbol** not found: XX", UnknownToSource),
        (400, "**symbol** parameter is missing or invalid", UnknownToSource),
        (500, "Internal error", SourceUnreachable),
    ],
)
async def test_refusals(
    twelve: TwelveDataFake,
    source: Source,
    code: int,
    message: str,
    kind: type[SourceFailure],
    status: int,
) -> None:
    twelve.error, twelve.error_status = (code, message), status
    with pytest.raises(SourceFailure) as caught:
        await source.history("AAPL", "1d", *YEAR)
    assert type(caught.value) is (SourceLimited if status == 429 else kind)
    assert KEY not in str(caught.value)
    if "minute" in message:
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 60


async def test_quotes_of_many_in_one_request(twelve: TwelveDataFake, source: Source) -> None:
    quotes = await source.quotes(["AAPL", "MSFT", "NOSUCH"])
    assert [quote.symbol for quote in quotes] == ["AAPL", "MSFT"]
    assert quotes[0].at == 1704830340_000_000
    assert (quotes[0].price, quotes[0].currency) == (104.25, "USD")
    assert len(twelve.asked) == 1
    assert await source.quotes(["NOSUCH"]) == []
    assert [quote.symbol for quote in await source.quotes(["TSCO:XLON"])] == ["TSCO:XLON"]
    assert twelve.asked[-1].query == {"symbol": "TSCO", "mic_code": "XLON"}
    twelve.prices["AAPL"] = {"close": "-1", "last_quote_at": "never", "timestamp": None}
    (bad,) = await source.quotes(["AAPL"])
    assert (bad.price, bad.at) == (-1.0, -1)


async def test_live_prices_are_told_once(twelve: TwelveDataFake, source: Source) -> None:
    stream = aiter(source.live(frozenset({"AAPL", "MSFT"})))
    first = await anext(stream)
    assert first.symbols == ("AAPL", "MSFT")
    assert first.price.tolist() == [104.25, 104.25]
    assert first.size.tolist() == [0, 0]
    before = len(twelve.asked)
    waiting = asyncio.ensure_future(anext(stream))
    await eventually(lambda: len(twelve.asked) > before + 1)
    assert not waiting.done()  # the same quotes again are no ticks
    twelve.prices["MSFT"] = {"close": "105.5", "last_quote_at": 1704830400}
    second = await waiting
    assert second.symbols == ("MSFT",)
    assert second.price.tolist() == [105.5]
    twelve.day = Day.LIMITED
    with pytest.raises(SourceLimited):
        await anext(stream)


async def test_search_and_instruments(source: Source) -> None:
    found = await source.find("aapl", 10)
    assert [instrument.symbol for instrument in found] == ["AAPL", "TSCO:XLON", "EUR/USD", "SPY"]
    assert found[1].calendar == "XLON"
    assert found[2].asset_class is AssetClass.FX
    assert found[3].asset_class is AssetClass.FUND
    assert (await source.instrument("TSCO:XLON")).currency == "GBp"
    with pytest.raises(UnknownToSource):
        await source.instrument("NOSUCH")
    with pytest.raises(NotOffered):
        await source.history("AAPL", "1w", *YEAR)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "http://example.com"}, "use https"),
        ({"base_url": "https://user:pass@example.com"}, "without user"),
        ({"base_url": "ftp://127.0.0.1"}, "use https"),
        ({"base_url": "http://a:b:c"}, "no address"),
        ({"base_url": "http://127.0.0.1.example.com"}, "use https"),
        ({"timeout_seconds": 0}, "from 0.05 to 300"),
        ({"timeout_seconds": "5"}, "number"),
        ({"actions": "yes"}, "true or false"),
        ({"acions": True}, "Did you mean 'actions'"),
    ],
)
async def test_wrong_options(
    twelve: TwelveDataFake, options: dict[str, str | float | bool], words: str
) -> None:
    with pytest.raises(SourceMisconfigured, match=words) as caught:
        make(twelve, "twelve_data", **options)
    assert "pass" not in str(caught.value)
