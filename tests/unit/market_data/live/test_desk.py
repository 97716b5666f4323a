"""What the routes are answered with: one source each, ages in market time, failures as errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.market_data.live.fakes import (
    HOUR,
    AllGood,
    FakeDesk,
    MemoryArchive,
    NoneBelowOne,
    NoScores,
    OneCalendar,
    at_once,
    micros,
    quote,
    weekday_sessions,
)
from trading_dashboard.agents.market_data.live.book import PriceBook
from trading_dashboard.agents.market_data.live.clock import LiveClock, iso
from trading_dashboard.agents.market_data.live.desk import LiveDesk, LiveParts
from trading_dashboard.agents.market_data.live.history import LiveHistory
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.intake import Intake
from trading_dashboard.agents.market_data.live.past import LivePast
from trading_dashboard.agents.market_data.market import BarsQuestion
from trading_dashboard.agents.market_data.records import CorporateEvent, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    SourceLimited,
    SourceUnreachable,
)
from trading_dashboard.agents.market_data.store.contract import Gap
from trading_dashboard.models.errors import DataUnavailable, InvalidRange, UnknownSymbol
from trading_dashboard.models.market import ClockState, PriceResponse

NOW = micros(2026, 3, 20, 18, 0)


def unchanged(
    table: pa.Table,
    instrument: Instrument,
    sessions: Sessions,
    source: str,
    question: BarsQuestion,
    events: Sequence[CorporateEvent],
) -> pa.Table:
    return table


class Here:
    """A live market at a time that the test sets."""

    def __init__(self) -> None:
        self.now = NOW
        self.sources = FakeDesk()
        self.archive = MemoryArchive()
        self.book = PriceBook()
        self.clock = LiveClock(weekday_sessions(), lambda: self.now / 1_000_000)
        history = LiveHistory(self.sources, self.archive, AllGood(), at_once)
        parts = LiveParts(
            sources=self.sources,
            archive=self.archive,
            hours=Hours(OneCalendar(), self.clock, at_once),
            clock=self.clock,
            past=LivePast(history, self.archive, self.clock, unchanged, at_once),
            intake=Intake(
                self.sources, self.book, NoneBelowOne(), self.archive, self.clock, at_once
            ),
            scores=NoScores(),
            source_bodies=list,
            data_directory=Path(__file__).parent,
            in_thread=at_once,
            symbols=["MSFT"],
        )
        self.desk = LiveDesk(parts)

    def price_is(self, price: float, at: int, **more: Any) -> None:
        self.sources.prices["AAPL"] = quote(price, at, **more)


async def test_a_price_is_asked_for_and_says_where_it_is_from_and_how_old() -> None:
    here = Here()
    here.price_is(100.0, NOW - 3_500_000, previous_close=80.0, currency="EUR", bid=99.5)
    body = await here.desk.price("aapl")

    price = PriceResponse.model_validate(body)
    assert (price.price, price.source, price.replay, price.intraday) == (
        100.0,
        "first",
        False,
        "real",
    )
    assert (price.age_seconds, price.change_percent, price.currency) == (3.5, 25.0, "EUR")
    assert price.session == date(2026, 3, 20)


async def test_ages_do_not_grow_while_the_market_is_closed() -> None:
    here = Here()
    here.price_is(100.0, micros(2026, 3, 20, 20, 59, 50))  # ten seconds before Friday's close
    here.now = micros(2026, 3, 23, 14, 30, 5)  # five seconds after Monday's open
    assert (await here.desk.price("AAPL"))["age_seconds"] == 15.0
    here.now = micros(2026, 3, 22, 12, 0)
    assert (await here.desk.price("AAPL"))["age_seconds"] == 10.0


async def test_a_streamed_price_that_is_new_spares_the_question() -> None:
    here = Here()
    here.price_is(100.0, NOW - HOUR)
    here.book.take_ticks(tick(101.0, NOW - 100_000))
    assert (await here.desk.price("AAPL"))["price"] == 101.0
    assert here.sources.quotes_asked == 0
    here.now += 10_000_000
    assert (await here.desk.price("AAPL"))["price"] == 101.0  # the quote is older than that
    assert here.sources.quotes_asked == 1


async def test_a_late_tick_does_not_turn_back_the_price() -> None:
    here = Here()
    here.book.take_ticks(tick(101.0, NOW - 100_000))
    here.book.take_ticks(tick(50.0, NOW - 200_000))
    newest = here.book.newest("first", "AAPL")
    assert newest is not None
    assert newest.quote.price == 101.0


async def test_of_a_batch_the_newest_price_stays_and_an_old_bid_goes() -> None:
    here = Here()
    here.book.take_quote(quote(99.0, NOW - HOUR, bid=98.0, ask=100.0, previous_close=90.0))
    one, two = tick(101.0, NOW - 1_000), tick(102.0, NOW - 2_000)
    here.book.take_ticks(joined(one, two))
    newest = here.book.newest("first", "AAPL")
    assert newest is not None
    assert (newest.quote.price, newest.quote.bid, newest.quote.previous_close) == (
        101.0,
        None,
        90.0,
    )


async def test_the_book_is_bounded() -> None:
    book = PriceBook(max_prices=3)
    for number in range(5):
        book.take_quote(quote(1.0, NOW, symbol=f"S{number}"))
    assert book.newest("first", "S1") is None
    assert book.newest("first", "S2") is not None


async def test_a_price_that_is_not_believed_is_quarantined_and_never_shown() -> None:
    here = Here()
    here.price_is(0.01, NOW)
    with pytest.raises(DataUnavailable, match="No source can answer"):
        await here.desk.price("AAPL")
    assert [row["reason"] for row in await here.desk.rejected("AAPL", 10)] == ["too_low"]

    here.price_is(100.0, NOW - HOUR)
    await here.desk.price("AAPL")
    here.price_is(0.01, NOW)
    assert (await here.desk.price("AAPL"))["price"] == 100.0


async def test_when_the_source_fails_the_last_price_stays_with_its_age() -> None:
    here = Here()
    here.price_is(100.0, NOW)
    await here.desk.price("AAPL")
    here.now += HOUR
    here.sources.prices["AAPL"] = SourceUnreachable("no connection")
    body = await here.desk.price("AAPL")
    assert (body["price"], body["age_seconds"]) == (100.0, 3600.0)


async def test_failures_are_errors_with_a_next_step() -> None:
    here = Here()
    here.sources.prices["AAPL"] = SourceLimited("too many requests", retry_after=30.0)
    with pytest.raises(DataUnavailable) as told:
        await here.desk.price("AAPL")
    assert told.value.details == ({"code": "source_limited", "retry_after": 30.0},)
    assert told.value.observed == "too many requests"
    with pytest.raises(UnknownSymbol):
        await here.desk.price("NOPE")


async def test_quotes_answer_for_each_symbol() -> None:
    here = Here()
    here.price_is(100.0, NOW)
    found = await here.desk.quotes(["AAPL", "NOPE", "MSFT"])
    assert found["AAPL"]["price"] == 100.0
    assert found["NOPE"]["error"]["code"] == "unknown_symbol"
    assert found["MSFT"]["error"]["code"] == "data_unavailable"  # left out by the source
    assert here.sources.quotes_asked == 1


async def test_bars_are_the_newest_ones_or_pages_from_the_first() -> None:
    here = Here()
    newest = await here.desk.bars(BarsQuestion(symbol="aapl", interval="1h", limit=5))
    assert len(newest) == 5
    assert newest.head["next_page"] is None
    # 17:30 is forming at 18:00 by the clock, whatever the source calls it; it takes no place.
    assert iso(int(newest.columns()["start"][-1])) == "2026-03-20T16:30:00Z"
    forming = await here.desk.bars(
        BarsQuestion(symbol="aapl", interval="1h", limit=5, include_partial=True)
    )
    assert len(forming) == 5
    assert iso(int(forming.columns()["start"][-1])) == "2026-03-20T17:30:00Z"

    starts = []
    page: str | None = "first"
    while page is not None:
        question = BarsQuestion(
            symbol="AAPL", interval="1h", start=date(2026, 3, 9), end=date(2026, 3, 11),
            limit=8, page=page,
        )  # fmt: skip
        answer = await here.desk.bars(question)
        starts += answer.columns()["start"].tolist()
        page = answer.head["next_page"]
    assert len(starts) == 21 == len(set(starts))
    assert starts == sorted(starts)


async def test_dates_and_pages_that_make_no_sense_are_refused() -> None:
    here = Here()
    question = BarsQuestion(symbol="AAPL", interval="1h", start=date(2026, 3, 9), page="nonsense")
    with pytest.raises(InvalidRange):
        await here.desk.bars(question)
    with pytest.raises(InvalidRange):
        replace(question, page=None, end=date(2026, 3, 8))


async def test_what_is_missing_of_the_bars_is_said() -> None:
    here = Here()
    question = BarsQuestion(symbol="AAPL", interval="1d", start=date(2026, 3, 9))
    assert (await here.desk.bars(question)).head["complete"] is True
    here.now += 48 * HOUR
    here.sources.failure = SourceUnreachable("no connection")
    head = (await here.desk.bars(question)).head
    assert head["complete"] is False
    assert "no connection" in head["note"]
    with pytest.raises(DataUnavailable):
        await here.desk.bars(BarsQuestion(symbol="MSFT", interval="1d"))


async def test_actions_are_those_that_are_effective() -> None:
    here = Here()
    today = NOW // (24 * HOUR)
    here.sources.events = [
        CorporateEvent(source="first", symbol="AAPL", ex_day=today - 5, ratio=4.0),
        CorporateEvent(source="first", symbol="AAPL", ex_day=today + 5, amount=0.5),
    ]
    await here.desk.bars(BarsQuestion(symbol="AAPL", interval="1d", start=date(2026, 3, 9)))
    assert [(a["kind"], a["ratio"]) for a in await here.desk.actions("AAPL")] == [("split", 4.0)]


async def test_symbols_are_searched_at_the_sources_or_listed_from_here() -> None:
    here = Here()
    found, count = await here.desk.symbols("aa", 1, 1)
    assert (count, [row["symbol"] for row in found]) == (2, ["AAON"])
    await here.desk.bars(BarsQuestion(symbol="AAPL", interval="1d", start=date(2026, 3, 9)))
    listed, _ = await here.desk.symbols(None, 10, 0)
    assert [(row["symbol"], row["first_session"]) for row in listed] == [
        ("AAPL", "2026-03-09"), ("MSFT", None),
    ]  # fmt: skip


async def test_gaps_the_calendar_and_the_storage_are_told() -> None:
    here = Here()
    gap = Gap(
        source="first", symbol="AAPL", interval="", start=NOW - HOUR, end=NOW,
        cause="source_silent", found_at=NOW,
    )  # fmt: skip
    here.archive.found_gaps.append(gap)
    assert (await here.desk.gaps("AAPL"))[0]["cause"] == "source_silent"
    assert await here.desk.gaps("MSFT") == []
    week = await here.desk.calendar("AAPL", date(2026, 3, 6), date(2026, 3, 9))
    assert [row["session"] for row in week["sessions"]] == ["2026-03-06", "2026-03-09"]
    assert (await here.desk.storage())["rows"] == 0


@pytest.mark.parametrize(
    ("at", "market", "session", "opens", "closes"),
    [
        ((2026, 3, 20, 18), "open", "2026-03-20", "2026-03-23T14:30:00Z", "2026-03-20T21:00:00Z"),
        ((2026, 3, 21, 18), "closed", "2026-03-20", "2026-03-23T14:30:00Z", "2026-03-23T21:00:00Z"),
        ((2026, 4, 12), "closed", "2026-04-10", None, None),
    ],
)
def test_the_clock_tells_the_session(
    at: tuple[int, ...], market: str, session: str, opens: str | None, closes: str | None
) -> None:
    clock = LiveClock(weekday_sessions(), lambda: micros(*at) / 1_000_000)
    body = clock.body()
    ClockState.model_validate(body)
    told = [body[name] for name in ("market", "session", "next_open", "next_close")]
    assert told == [market, session, opens, closes]


def test_a_break_is_told_as_closed_until_its_end() -> None:
    plain = weekday_sessions()
    sessions = replace(
        plain, break_start=plain.open_at + 2 * HOUR, break_end=plain.open_at + 3 * HOUR
    )
    clock = LiveClock(sessions, lambda: micros(2026, 3, 20, 17, 0) / 1_000_000)
    assert (clock.body()["market"], clock.body()["next_open"]) == ("closed", "2026-03-20T17:30:00Z")
    assert sessions.open_micros(micros(2026, 3, 20), micros(2026, 3, 21)) == int(5.5 * HOUR)


def tick(price: float, at: int) -> Ticks:
    return Ticks(
        source="first",
        symbols=("AAPL",),
        symbol=np.zeros(1, dtype=np.int32),
        at=np.array([at], dtype=np.int64),
        price=np.array([price]),
        size=np.ones(1),
        received=np.array([at], dtype=np.int64),
    )


def joined(one: Ticks, two: Ticks) -> Ticks:
    return Ticks(
        source="first",
        symbols=("AAPL",),
        symbol=np.concatenate([one.symbol, two.symbol]),
        at=np.concatenate([one.at, two.at]),
        price=np.concatenate([one.price, two.price]),
        size=np.concatenate([one.size, two.size]),
        received=np.concatenate([one.received, two.received]),
    )
