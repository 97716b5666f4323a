"""Alpha Vantage translated: every row handed on as it is, refusals told from words."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.providers.alpha_vantage import KEY, WORDS, AlphaVantageFake
from tests.providers.rows import BAD, GOOD, Told
from tests.unit.market_data.sources.conftest import make
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    NotOffered,
    Source,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceMisconfigured,
    SourceRefusal,
    SourceSettings,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.registry import load_source

DAY = 86_400_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


YEAR = (at("2024-01-01"), at("2025-01-01"))


@pytest.fixture
async def source(alpha: AlphaVantageFake) -> AsyncIterator[Source]:
    made = make(alpha, "alpha_vantage")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def premium(alpha: AlphaVantageFake) -> AsyncIterator[Source]:
    made = make(alpha, "alpha_vantage", premium=True)
    await made.open()
    yield made
    await made.close()


async def test_good_days_oldest_first(alpha: AlphaVantageFake, source: Source) -> None:
    past = await source.history("IBM", "1d", *YEAR)
    assert past.bars.source == "alpha_vantage"
    assert past.bars.start.tolist() == [at(row.date) for row in GOOD]
    assert past.bars.close.tolist() == [float(row.close) for row in GOOD]
    assert past.bars.volume.tolist() == [1e6] * 6
    assert past.bars.closed.all()
    assert past.is_complete
    assert past.actions == ()
    assert alpha.asked[0].query["outputsize"] == "compact"


async def test_bad_rows_are_handed_on_as_they_are(alpha: AlphaVantageFake, source: Source) -> None:
    alpha.rows = [*GOOD, *BAD.values()]
    bars = (await source.history("IBM", "1d", *YEAR)).bars
    assert len(bars) == len(GOOD) + len(BAD)
    told = list(zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True))
    expected = [row.numbers for row in alpha.rows]
    expected[len(GOOD) + list(BAD).index("underscored")] = (math.nan, 105, 103, 104, 1000)
    np.testing.assert_array_equal(np.array(told), np.array(expected))
    assert bars.start[len(GOOD) + list(BAD).index("unreadable_time")] == -1
    assert (bars.start == -1).sum() == 1


async def test_duplicates_and_disorder_stay(alpha: AlphaVantageFake, source: Source) -> None:
    again = Told("2024-01-03", "1", "2", "0.5", "1.5", "7")
    alpha.rows = [GOOD[2], GOOD[0], GOOD[1], again]
    bars = (await source.history("IBM", "1d", *YEAR)).bars
    assert bars.start.tolist() == [at(row.date) for row in alpha.rows]
    assert bars.close.tolist()[-2:] == [102.0, 1.5]


async def test_a_range_is_cut_and_what_was_not_told_is_said(
    alpha: AlphaVantageFake, source: Source
) -> None:
    part = await source.history("IBM", "1d", at("2024-01-03"), at("2024-01-05"))
    assert part.bars.start.tolist() == [at("2024-01-03"), at("2024-01-04")]
    alpha.rows = [
        GOOD[0]._replace(date=f"2024-{n // 28 + 1:02}-{n % 28 + 1:02}") for n in range(100)
    ]
    assert not (await source.history("IBM", "1d", at("2023-01-01"), YEAR[1])).is_complete
    assert (await source.history("IBM", "1d", *YEAR)).is_complete


async def test_intraday_times_are_in_the_zone_told(alpha: AlphaVantageFake, source: Source) -> None:
    alpha.rows = [
        GOOD[0]._replace(date="2024-01-02 09:30:00"),
        GOOD[0]._replace(date="2024-07-02 09:30:00"),
        GOOD[0]._replace(date="2024-03-10 02:30:00"),  # which clocks skipped
    ]
    bars = (await source.history("IBM", "5m", *YEAR)).bars
    assert bars.start.tolist() == [at("2024-01-02T14:30:00"), at("2024-07-02T13:30:00"), -1]
    asked = alpha.asked[0].query
    assert (asked["interval"], asked["adjusted"], asked["extended_hours"]) == (
        "5min", "false", "false",
    )  # fmt: skip
    for zone in (None, "Mars/Olympus"):
        alpha.zone = zone
        with pytest.raises(SourceGarbled, match="zone"):
            await source.history("IBM", "5m", *YEAR)


async def test_a_month_of_intraday_bars_with_a_plan(
    alpha: AlphaVantageFake, premium: Source
) -> None:
    alpha.rows = [GOOD[0]._replace(date="2024-02-01 09:30:00")]
    past = await premium.history("IBM", "1m", at("2024-01-15"), at("2024-03-01"))
    assert alpha.asked[0].query["month"] == "2024-02"
    assert not past.is_complete
    past = await premium.history("IBM", "1m", at("2024-02-01T05:00:00"), at("2024-03-01"))
    assert past.is_complete


async def test_splits_and_dividends_right_and_wrong(
    alpha: AlphaVantageFake, premium: Source
) -> None:
    alpha.splits = {"2024-01-03": "4.0", "2024-01-04": "0", "2024-01-05": "-2", "2024-01-08": "two"}
    alpha.dividends = {"2024-01-09": "1.66"}
    past = await premium.history("IBM", "1d", at("2024-01-03"), YEAR[1])
    assert alpha.asked[0].query["function"] == "TIME_SERIES_DAILY_ADJUSTED"
    assert past.bars.close.tolist() == [float(row.close) for row in GOOD[1:]]
    ratios = [action.ratio for action in past.actions if action.amount is None]
    assert ratios[:3] == [4.0, 0.0, -2.0]
    assert [math.isnan(ratio) for ratio in ratios if ratio is not None][3:] == [True]
    assert [action.amount for action in past.actions][-1] == 1.66
    assert past.actions[0].ex_day == at("2024-01-03") // DAY
    assert premium.capabilities.has_actions


@pytest.mark.parametrize(
    ("words", "kind", "wait"),
    [
        ("note", SourceLimited, None),
        ("daily", SourceLimited, None),
        ("hurry", SourceLimited, 1.0),
        ("premium", SourceRefusal, None),
        ("key", SourceRefusal, None),
        ("unknown", UnknownToSource, None),
    ],
)
async def test_refusals_in_words(
    alpha: AlphaVantageFake,
    source: Source,
    words: str,
    kind: type[SourceFailure],
    wait: float | None,
) -> None:
    alpha.words = words
    with pytest.raises(SourceFailure) as caught:
        await source.history("IBM", "1d", *YEAR)
    assert type(caught.value) is kind
    assert caught.value.retry_after == wait
    assert KEY not in str(caught.value)
    if words == "daily":  # the provider says the key back
        assert KEY in WORDS[words]["Information"]
        assert "[redacted]" in str(caught.value)


async def test_a_wrong_key_says_where_keys_go(alpha: AlphaVantageFake) -> None:
    options = {"base_url": alpha.url}
    settings = SourceSettings(name="alpha_vantage", key="WRONGWRONG", options=options)
    source = load_source("alpha_vantage", settings)
    await source.open()
    with pytest.raises(SourceRefusal, match="TRADING_DASHBOARD_KEY_ALPHA_VANTAGE"):
        await source.history("IBM", "1d", *YEAR)
    await source.close()
    with pytest.raises(SourceMisconfigured, match="TRADING_DASHBOARD_KEY_ALPHA_VANTAGE"):
        load_source("alpha_vantage", SourceSettings(name="alpha_vantage"))
    assert "WRONGWRONG" not in repr(settings)


async def test_currencies_and_crypto(alpha: AlphaVantageFake, source: Source) -> None:
    bars = (await source.history("EUR/USD", "1d", *YEAR)).bars
    assert bars.volume.tolist() == [0.0] * 6
    await source.history("BTC/USD", "1d", *YEAR)
    await source.history("EUR/USD", "5m", *YEAR)
    assert [asked.query["function"] for asked in alpha.asked] == [
        "FX_DAILY", "DIGITAL_CURRENCY_DAILY", "FX_INTRADAY",
    ]  # fmt: skip
    euro, bitcoin = await source.instrument("EUR/USD"), await source.instrument("BTC/USD")
    assert (euro.asset_class, euro.calendar, euro.currency) == (AssetClass.FX, "24/5", "USD")
    assert (bitcoin.asset_class, bitcoin.calendar) == (AssetClass.CRYPTO, "24/7")


async def test_quotes(source: Source) -> None:
    stock, pair = await source.quotes(["IBM", "NOSUCH", "EUR/USD"])
    assert (stock.symbol, stock.price, stock.previous_close) == ("IBM", 104.25, 104.0)
    assert stock.at == at("2024-01-09")
    assert stock.received > stock.at
    assert (pair.price, pair.bid, pair.ask) == (1.0921, 1.0920, 1.0922)
    assert pair.at == at("2024-01-09T15:00:01")


async def test_search_leaves_out_what_has_no_calendar(source: Source) -> None:
    found = await source.find("ibm", 10)
    assert [instrument.symbol for instrument in found] == ["IBM", "SPY", "TSCO.LON"]
    assert [instrument.calendar for instrument in found] == ["XNYS", "XNYS", "XLON"]
    assert found[1].asset_class is AssetClass.FUND
    assert found[2].currency == "GBX"
    assert len(await source.find("ibm", 1)) == 1
    assert (await source.instrument("TSCO.LON")).time_zone == "Europe/London"
    with pytest.raises(UnknownToSource):
        await source.instrument("IBM.XYZ")


async def test_what_is_not_offered(alpha: AlphaVantageFake, source: Source) -> None:
    with pytest.raises(NotOffered):
        await source.history("IBM", "1w", *YEAR)
    with pytest.raises(NotOffered):
        await anext(aiter(source.live(frozenset({"IBM"}))))
    with pytest.raises(UnknownToSource):
        await source.history("NOSUCH", "1d", *YEAR)
    assert len(alpha.asked) == 1
