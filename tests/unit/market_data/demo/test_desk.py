"""The replay as a market: scores, gaps and calendars of what its clock has reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.unit.market_data.conftest import position_at
from trading_dashboard.agents.market_data.demo import quality
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.dataset import DailyRow, find_flaws
from trading_dashboard.agents.market_data.demo.desk import DemoDesk
from trading_dashboard.agents.market_data.demo.journal import ReplayRecord
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.market import BarsQuestion
from trading_dashboard.models.errors import UnknownSource, UnknownSymbol
from trading_dashboard.models.market_reading import QualityScore

Result = TypeVar("Result")


class NoJournal:
    def write(self, record: ReplayRecord) -> None:
        return


async def at_once(work: Callable[[], Result], sessions: int) -> Result:
    return work()


def desk_at(market: DemoMarket, day: date, folder: Path) -> DemoDesk:
    position = position_at(market.timeline, day, 100.0)
    clock = ReplayClock(
        market.timeline, NoJournal(), position=position, speed=1.0, configured="t", paused=True
    )
    return DemoDesk(market, clock, at_once, folder)


@pytest.fixture
def desk(market: DemoMarket, tmp_path: Path) -> DemoDesk:
    return desk_at(market, date(2012, 9, 4), tmp_path)


def spoilt(
    market: DemoMarket, rows: Mapping[str, Sequence[DailyRow]], change: Callable[[Any], list[Any]]
) -> DailySeries:
    """Return IBM's series with other rows."""
    own = market.series["IBM"]
    return DailySeries(own.listing, change(list(rows["IBM"])), [], market.timeline)


async def test_the_real_rows_are_sound_and_whole(desk: DemoDesk) -> None:
    scores = await desk.quality_report()
    assert [row["symbol"] for row in scores] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    for row in scores:
        score = QualityScore.model_validate(row)
        assert (score.score, score.grade) == (100.0, "A+")
        assert (score.accuracy, score.timeliness) == (None, None)
    assert await desk.gaps(None) == []
    assert await desk.rejected(None, 100) == []


def test_a_missing_stretch_is_a_gap_and_lowers_completeness(
    market: DemoMarket, rows: Mapping[str, Sequence[DailyRow]]
) -> None:
    series = spoilt(market, rows, lambda own: own[:100] + own[103:200] + own[201:])
    instant = market.timeline.at(position_at(market.timeline, date(2012, 9, 4)))
    found = quality.gaps(series, market.timeline, instant)
    assert len(found) == 2
    assert found[0]["start"] > found[1]["start"]
    assert found[1]["detail"] == "The data set has no row for 3 sessions."
    assert found[1]["start"][:10] == rows["IBM"][100].session
    assert found[1]["end"][:10] == rows["IBM"][102].session
    body = quality.score(series, market.timeline, instant)
    assert body["gaps"] == 2
    assert body["completeness"] < 100
    # Not before the clock has got there.
    early = market.timeline.at(position_at(market.timeline, date(2000, 5, 1)))
    assert quality.gaps(series, market.timeline, early) == []


def test_a_row_that_contradicts_itself_is_told_once_it_has_closed(
    market: DemoMarket, rows: Mapping[str, Sequence[DailyRow]]
) -> None:
    def spoil(own: list[DailyRow]) -> list[DailyRow]:
        row = own[50]
        flaws = find_flaws(row.open, row.low - 1, row.low, row.close, row.volume)
        own[50] = replace(row, high=row.low - 1, flaws=flaws)
        return own

    series = spoilt(market, rows, spoil)
    instant = market.timeline.at(position_at(market.timeline, date(2012, 9, 4)))
    (row,) = quality.rejected(series, instant)
    assert row["timestamp"][:10] == rows["IBM"][50].session
    assert "is above high" in row["detail"]
    assert quality.score(series, market.timeline, instant)["validity"] < 100
    before = market.timeline.at(market.timeline.start_of(50))
    assert quality.rejected(series, before) == []


def test_a_split_that_nobody_told_of_is_inconsistent(
    market: DemoMarket, rows: Mapping[str, Sequence[DailyRow]]
) -> None:
    instant = market.timeline.at(position_at(market.timeline, date(2012, 9, 4)))
    own = market.series["AAPL"]
    without = DailySeries(own.listing, list(rows["AAPL"]), [], market.timeline)
    assert quality.score(without, market.timeline, instant)["consistency"] < 100
    assert quality.score(own, market.timeline, instant)["consistency"] == 100


def test_grades() -> None:
    totals = (100, 97, 96.9, 90, 80, 70, 60, 59.9, 0)
    assert [quality.grade(total) for total in totals] == [
        "A+", "A+", "A", "A", "B", "C", "D", "F", "F",
    ]  # fmt: skip


async def test_the_calendar_tells_of_one_session_to_come(desk: DemoDesk) -> None:
    body = await desk.calendar("ibm", date(2012, 8, 30), date(2012, 12, 31))
    assert body["symbol"] == "IBM"
    days = [row["session"] for row in body["sessions"]]
    assert days == ["2012-08-30", "2012-08-31", "2012-09-04", "2012-09-05"]
    assert body["sessions"][0]["open"] == "2012-08-30T13:30:00Z"
    past = await desk.calendar("ibm", date(2011, 11, 24), date(2011, 11, 25))
    assert [row["close"] for row in past["sessions"]] == ["2011-11-25T18:00:00Z"]  # a half day
    assert (await desk.calendar("ibm", date(2030, 1, 1), date(2030, 2, 1)))["sessions"] == []


async def test_what_is_not_listed_yet_is_not_there(market: DemoMarket, tmp_path: Path) -> None:
    early = desk_at(market, date(2004, 1, 5), tmp_path)
    found, total = await early.symbols("goog", 10, 0)
    assert (found, total) == ([], 0)
    quotes = await early.quotes(["GOOG", "IBM"])
    assert quotes["GOOG"]["error"]["code"] == "unknown_symbol"
    assert quotes["IBM"]["symbol"] == "IBM"
    assert [row["symbol"] for row in await early.quality_report()] == ["AAPL", "IBM", "MSFT"]
    stored = await early.storage()
    assert [row["last"] for row in stored["series"] if row["symbol"] == "GOOG"] == [None]
    for ask in (early.quality, early.gaps):
        with pytest.raises(UnknownSymbol):
            await ask("GOOG")


async def test_pages_of_symbols(desk: DemoDesk) -> None:
    first, total = await desk.symbols(None, 2, 0)
    rest, _ = await desk.symbols(None, 10, 2)
    assert total == 5
    assert [row["symbol"] for row in first + rest] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


async def test_only_this_source(desk: DemoDesk) -> None:
    answer = await desk.bars(BarsQuestion(symbol="ibm", interval="1d", source="demo"))
    assert len(answer) == 500
    with pytest.raises(UnknownSource):
        await desk.bars(BarsQuestion(symbol="ibm", interval="1d", source="yahoo"))


async def test_storage_tells_what_is_there(desk: DemoDesk, tmp_path: Path) -> None:
    (tmp_path / "a.duckdb").write_bytes(b"x" * 100)
    body = await desk.storage()
    assert body["files"] == [{"name": "a.duckdb", "bytes": 100}]
    assert body["total_bytes"] == 100
    assert body["free_bytes"] > 0
    assert body["rows"] == sum(row["rows"] for row in body["series"])
