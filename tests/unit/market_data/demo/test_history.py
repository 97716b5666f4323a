"""Ranges, limits, pages, and the cut at the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.market_data.conftest import answered, position_at
from trading_dashboard.agents.market_data.demo.bars import SECONDS
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.timeline import Instant, utc
from trading_dashboard.agents.market_data.market import BarsQuestion
from trading_dashboard.models.errors import InvalidRange, UnknownSymbol
from trading_dashboard.models.market import INTERVALS, HistoricalResponse, PriceResponse

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def ask(market: DemoMarket, instant: Instant, **question: Any) -> dict[str, Any]:
    asked = BarsQuestion(**{"symbol": "AAPL", "interval": "1d", **question})
    return answered(market, asked, market.series[asked.symbol], instant)


def at(market: DemoMarket, day: date, offset: float = 0.0) -> Instant:
    return market.timeline.at(position_at(market.timeline, day, offset))


def test_daily_rows_are_the_real_ones(market: DemoMarket) -> None:
    instant = at(market, date(2012, 9, 4), 100)
    answer = ask(market, instant, limit=10_000)
    series = market.series["AAPL"]
    assert answer["data_points"] == series.closed_rows(instant) == 3148
    for name in ("open", "high", "low", "close", "volume"):
        assert [bar[name] for bar in answer["data"]] == getattr(series, name)[:3148].tolist()
    assert answer["data"][-1]["timestamp"] == "2012-08-31T00:00:00Z"


def test_the_newest_bars_of_the_range(market: DemoMarket) -> None:
    instant = at(market, date(2012, 9, 4))
    answer = ask(market, instant, start=date(2012, 8, 1), end=date(2012, 8, 10), limit=3)
    assert [bar["timestamp"][:10] for bar in answer["data"]] == [
        "2012-08-08",
        "2012-08-09",
        "2012-08-10",
    ]
    assert answer["next_page"] is None


@pytest.mark.parametrize("interval", ["1s", "1m", "1h", "1d", "1w"])
@pytest.mark.parametrize("limit", [7, 100])
def test_pages_together_are_the_whole(market: DemoMarket, interval: str, limit: int) -> None:
    instant = at(market, date(2012, 9, 5), 1234)
    start = date(2012, 9, 5) if interval == "1s" else date(2012, 8, 30)
    whole = ask(market, instant, interval=interval, start=start, limit=10_000)["data"]
    paged: list[Any] = []
    page: str | None = "first"
    while page is not None:
        answer = ask(market, instant, interval=interval, start=start, limit=limit, page=page)
        assert len(answer["data"]) <= limit
        paged += answer["data"]
        page = answer["next_page"]
    assert paged == whole
    assert whole


def test_a_page_of_another_question_is_refused(market: DemoMarket) -> None:
    instant = at(market, date(2012, 9, 5))
    page = ask(market, instant, limit=5, page="first")["next_page"]
    with pytest.raises(InvalidRange, match="page"):
        ask(market, instant, interval="1h", page=page)
    for nonsense in ("", "x", "AAAA", "eyJhIjoxfQ"):
        with pytest.raises(InvalidRange):
            ask(market, instant, page=nonsense)


def test_an_empty_range_is_empty(market: DemoMarket) -> None:
    instant = at(market, date(2012, 9, 5))
    for days in ((date(2020, 1, 1), None), (date(1990, 1, 1), date(1990, 2, 1))):
        for interval in ("1m", "1d", "1w"):
            answer = ask(market, instant, interval=interval, start=days[0], end=days[1])
            assert answer["data"] == []
    with pytest.raises(InvalidRange, match="start_date"):
        ask(market, instant, start=date(2012, 2, 2), end=date(2012, 2, 1))


def test_adjusted_series_have_no_gap_at_a_split(market: DemoMarket) -> None:
    instant = at(market, date(2005, 3, 4))
    question = {"start": date(2005, 2, 25), "end": date(2005, 2, 28), "interval": "1d"}
    raw = ask(market, instant, **question)["data"]
    split = ask(market, instant, adjusted="splits", **question)["data"]
    assert raw[0]["close"] == 88.99
    assert split[0]["close"] == pytest.approx(44.495)
    assert split[0]["volume"] == 2 * raw[0]["volume"]
    assert split[1] == raw[1]
    minutes = ask(market, instant, adjusted="splits", **{**question, "interval": "1h"})["data"]
    assert minutes[6]["close"] == pytest.approx(44.495)
    assert minutes[6]["adjusted_close"] == pytest.approx(44.495)


def test_the_day_in_progress_is_only_told_when_asked_for(market: DemoMarket) -> None:
    instant = at(market, date(2012, 9, 4), 90.5)
    assert ask(market, instant)["data"][-1]["timestamp"][:10] == "2012-08-31"
    bar = ask(market, instant, include_partial=True)["data"][-1]
    path = market.intraday.path("AAPL", 3148)
    assert bar["timestamp"][:10] == "2012-09-04"
    assert bar["closed"] is False
    assert bar["high"] == path.price[:91].max()
    assert bar["volume"] == path.volume[:91].sum()
    minute = ask(market, instant, interval="1m", include_partial=True, limit=1)["data"][-1]
    assert (minute["timestamp"], minute["closed"]) == ("2012-09-04T13:31:00Z", False)
    assert minute["open"] == path.price[60]


# No look-ahead


@pytest.mark.parametrize("interval", ["1m", "1d", "1w", "1M"])
def test_the_bar_in_progress_is_not_told_outside_its_range(
    market: DemoMarket, interval: str
) -> None:
    instant = at(market, date(2012, 9, 5), 3_600.0)
    question = {"symbol": "AAPL", "interval": interval, "include_partial": True}
    later = ask(market, instant, start=date(2012, 10, 6), **question)
    assert later["data"] == []
    assert ask(market, instant, start=date(2012, 9, 5), **question)["data"]


def times_in(value: Any, key: str = "") -> Iterator[datetime]:
    """Yield every time and date anywhere in a body, but for what is meant to lie ahead."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from times_in(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from times_in(item, key)
    elif isinstance(value, str) and key in (
        "timestamp", "session", "last_session", "first_session", "ex_date", "as_of",
    ):  # fmt: skip
        text = value if "T" in value else f"{value}T00:00:00Z"
        yield datetime.fromisoformat(text)


def bodies(market: DemoMarket, instant: Instant, symbol: str, interval: str) -> Iterator[Any]:
    """Yield everything the market says at one moment."""
    yield market.symbols(instant)
    try:
        series = market.find(symbol, instant)
    except UnknownSymbol as error:
        yield error.as_body()
        return
    yield market.quote(symbol, instant)
    yield market.actions(symbol, instant)
    for partial in (False, True):
        question = BarsQuestion(
            symbol=symbol, interval=interval, limit=20, include_partial=partial, adjusted="all"
        )
        yield answered(market, question, series, instant)


offsets = st.one_of(st.just(0.0), st.integers(0, 23_399), st.floats(0, 23_399.99))


@settings(max_examples=150, deadline=None)
@given(
    session=st.integers(1, 3269),
    offset=offsets,
    symbol=st.sampled_from(SYMBOLS),
    interval=st.sampled_from(INTERVALS),
)
def test_nothing_later_than_the_clock(
    market: DemoMarket, session: int, offset: float, symbol: str, interval: str
) -> None:
    instant = market.timeline.at(market.timeline.start_of(session) + offset)
    now = utc(instant.now)
    for body in bodies(market, instant, symbol, interval):
        for moment in times_in(body):
            assert moment <= now
        if isinstance(body, dict) and "data" in body:
            HistoricalResponse.model_validate(body)
            for bar in body["data"]:
                begins = datetime.fromisoformat(bar["timestamp"])
                if bar["closed"] and interval in SECONDS:
                    close = utc(
                        market.timeline.sessions[market.timeline.at(
                            market.timeline.position_of(begins)).session].close_at
                    )  # fmt: skip
                    ends = min(begins + timedelta(seconds=SECONDS[interval]), close)
                    assert ends <= now


@settings(max_examples=60, deadline=None)
@given(session=st.integers(1, 3268), offset=st.integers(1, 12_000), symbol=st.sampled_from(SYMBOLS))
def test_the_day_so_far_knows_nothing_of_the_rest(
    market: DemoMarket, session: int, offset: int, symbol: str
) -> None:
    """Day high, low and volume are those of the ticks so far, and grow into the real day's."""
    instant = market.timeline.at(market.timeline.start_of(session) + offset)
    if symbol not in market.listed(instant):
        return
    quote = market.quote(symbol, instant)
    PriceResponse.model_validate(quote)
    row = market.series[symbol].row_of(instant.session)
    assert row is not None
    so_far = market.intraday.path(symbol, row).price[: offset + 1]
    assert (quote["day_high"], quote["day_low"]) == (so_far.max(), so_far.min())
    assert quote["price"] == so_far[-1]
    assert quote["volume"] < market.series[symbol].volume[row]


def test_control_arm_the_check_sees_a_look_ahead(market: DemoMarket) -> None:
    """An answer made for a moment an hour later does contain later times."""
    instant = at(market, date(2012, 9, 4), 3600)
    later = at(market, date(2012, 9, 4), 7200)
    now = utc(instant.now)
    seen = [
        moment
        for body in bodies(market, later, "AAPL", "1m")
        for moment in times_in(body)
        if moment > now
    ]
    assert seen


def test_a_symbol_not_yet_listed_is_unknown(market: DemoMarket) -> None:
    before, after = at(market, date(2012, 5, 17), 23_399), at(market, date(2012, 5, 18))
    with pytest.raises(UnknownSymbol):
        market.find("FB", before)
    assert market.find("fb", after).listing.symbol == "FB"
    assert "FB" not in [row["symbol"] for row in market.symbols(before)]
    first = market.quote("FB", after)
    assert (first["price"], first["previous_close"], first["seq"] > 0) == (42.05, None, True)
    google = at(market, date(2004, 8, 18))
    assert "GOOG" not in market.listed(google)


def test_near_matches_are_named(market: DemoMarket) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        market.find("APPL", at(market, date(2012, 9, 4)))
    assert caught.value.details[0] == {"symbol": "AAPL"}
    assert "AAPL" in str(caught.value)
