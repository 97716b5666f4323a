"""Looks at kept series: what is missing lowers the score and is a gap; two sources are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.unit.market_data.live.fakes import (
    AllGood,
    FakeDesk,
    MemoryArchive,
    at_once,
    instrument,
    rows,
    weekday_sessions,
)
from trading_dashboard.agents.market_data.aggregation.time_bars import TimeBars
from trading_dashboard.agents.market_data.live.deriving import DerivedHistory
from trading_dashboard.agents.market_data.live.finishing import bars_of
from trading_dashboard.agents.market_data.live.gaps import GapKeeper
from trading_dashboard.agents.market_data.live.history import LiveHistory
from trading_dashboard.agents.market_data.live.looking import Looker
from trading_dashboard.agents.market_data.live.ranges import DAY, TimeRange
from trading_dashboard.agents.market_data.live.restoring import kept_of_now, restore
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks
from trading_dashboard.agents.market_data.sources.contract import Instrument, NotOffered
from trading_dashboard.agents.market_data.store.contract import Gap, Writing

HOUR = 3600 * MICROSECONDS
MINUTE = 60 * MICROSECONDS
SESSIONS = weekday_sessions()
LAST = len(SESSIONS) - 3
NOW = int(SESSIONS.open_at[LAST]) + 2 * HOUR


class Here:
    """A looker over an archive that the test fills."""

    def __init__(self, others: Callable[[Instrument], list[str]] = lambda _: []) -> None:
        self.archive = MemoryArchive()
        self.scorer = Scorer(clock=lambda: NOW / MICROSECONDS)
        self.desk = FakeDesk()
        self.history = LiveHistory(self.desk, self.archive, AllGood(), at_once)

        async def refill(source: str, symbol: str, interval: str, start: int, end: int) -> Bars:
            return Bars.of(source, symbol, interval, [])

        self.gaps = GapKeeper(
            self.archive, refill, lambda _: SESSIONS, now=lambda: NOW, in_thread=at_once
        )
        self.looker = Looker(
            self.archive, self.scorer, self.gaps, self.desk, self.history, others,
            sessions_of=lambda _: SESSIONS, now=lambda: NOW, in_thread=at_once,
        )  # fmt: skip

    def keep_days(self, source: str, days: list[int], scale: float = 1.0) -> None:
        found = [row for row in rows("1d", 0, NOW) if row[0] // DAY in days]
        found = [
            (at, opened * scale, high * scale, low * scale, close * scale, volume)
            for at, opened, high, low, close, volume in found
        ]
        self.archive.write(Writing(bars=[Bars.of(source, "AAPL", "1d", found)]))

    def part(self, name: str) -> Any:
        (score,) = [s for s in self.scorer.quality("AAPL") if s["source"] == "first"]
        return score[name]


DAYS = [int(day) for day in SESSIONS.day[: LAST + 1]]


async def test_missing_days_are_a_gap_and_lower_completeness() -> None:
    here = Here()
    here.keep_days("first", [*DAYS[: LAST - 8], *DAYS[LAST - 6 : LAST]])
    await here.looker.look()

    expected = sum(1 for day in DAYS[:LAST] if day * DAY >= NOW - 30 * DAY)
    assert here.part("completeness") == pytest.approx(100 * (expected - 2) / expected, abs=0.01)
    (gap,) = here.archive.gaps("AAPL")
    assert (gap.cause, gap.interval, gap.start) == ("not_delivered", "1d", DAYS[LAST - 8] * DAY)
    # Looked at again it is the same gap, not another one.
    await here.looker.look()
    assert len(here.archive.gaps("AAPL")) == 1


async def test_all_there_is_complete_and_a_time_without_trades_is_nobodys_fault() -> None:
    here = Here()
    here.keep_days("first", DAYS[:LAST])
    await here.looker.look()
    assert here.part("completeness") == 100.0
    assert here.archive.gaps("AAPL") == []

    quiet = Here()
    quiet.keep_days("first", [*DAYS[: LAST - 8], *DAYS[LAST - 7 : LAST]])
    filled = Gap(
        source="first", symbol="AAPL", interval="1d", start=DAYS[LAST - 8] * DAY,
        end=(DAYS[LAST - 8] + 1) * DAY, cause="not_delivered", filled_at=NOW,
    )  # fmt: skip
    quiet.archive.write(Writing(gaps=[filled]))
    await quiet.looker.look()
    assert quiet.part("completeness") == 100.0


async def test_two_sources_that_disagree_cost_both_consistency() -> None:
    here = Here(others=lambda _: ["first", "second"])
    here.keep_days("first", DAYS[:LAST])
    await here.looker.compare(["AAPL"])
    assert here.part("consistency") == 100.0
    assert {asked[0] for asked in here.desk.asked} == {"first", "second"}

    apart = Here(others=lambda _: ["second"])
    recent = [day for day in DAYS[:LAST] if day * DAY >= NOW - 30 * DAY]
    apart.keep_days("first", DAYS[:LAST], scale=1.02)
    covered = f"[{DAYS[0] * DAY}, {NOW}]"
    apart.archive.write(Writing(notes={"covered first AAPL 1d": covered}))
    await apart.looker.compare(["AAPL"])
    assert apart.part("consistency") == 0.0
    assert len(recent) > 10
    # Once a day is enough.
    asked = len(apart.desk.asked)
    await apart.looker.compare(["AAPL"])
    assert len(apart.desk.asked) == asked


async def test_weeks_and_minutes_a_provider_lacks_are_made_of_what_it_has() -> None:
    here = Here()
    derived = DerivedHistory(here.history, lambda _i, interval, _s: interval in ("1h", "1d"))
    whole = TimeRange(int(SESSIONS.day[0]) * DAY, NOW)

    async def read(interval: str, limit: int = 500, *, newest: bool = False) -> Bars:
        found = await derived.read(
            instrument(), SESSIONS, interval, whole, NOW, limit=limit, newest=newest
        )
        return bars_of(found.table, found.source, "AAPL", interval)

    weeks = await read("1w")
    days = await read("1d")
    assert len(weeks) == len({(int(at) // DAY + 3) // 7 for at in days.start})
    in_week = (days.start // DAY + 3) // 7 == (weeks.start[1] // DAY + 3) // 7
    assert weeks.volume[1] == days.volume[in_week].sum() == 500.0
    assert not weeks.closed[-1]
    newest = await read("1w", 2, newest=True)
    assert newest.start.tolist() == weeks.start[-2:].tolist()
    assert newest.volume.tolist() == weeks.volume[-2:].tolist()
    hours = await read("4h")
    assert np.diff(hours.start).min() > 0
    assert set((hours.start - SESSIONS.open_at[0]) % DAY) <= {0, 4 * HOUR}
    nothing = DerivedHistory(here.history, lambda _i, _interval, _s: False)
    here.desk.failure = NotOffered("first has no minutes")
    with pytest.raises(NotOffered):
        await nothing.read(instrument(), SESSIONS, "1m", whole, NOW, limit=5, newest=True)


def test_the_day_that_forms_survives_a_restart() -> None:
    archive = MemoryArchive()
    opened = int(SESSIONS.open_at[LAST])
    minutes = [(opened + n * MINUTE, 10.0 + n, 11.0 + n, 9.0, 10.5, 7.0) for n in range(60)]
    archive.write(Writing(bars=[Bars.of("first", "AAPL", "1m", minutes)]))
    days = [row for row in rows("1d", 0, NOW) if row[0] // DAY in DAYS[:LAST]]
    archive.write(Writing(bars=[Bars.of("first", "AAPL", "1d", days)]))

    def forming(*, is_restored: bool) -> dict[str, Bars]:
        time_bars = TimeBars(lambda _: SESSIONS, ("1m", "1d", "1w"))
        if is_restored:
            restore(time_bars, kept_of_now(archive, "first", "AAPL", SESSIONS, NOW))
        time_bars.watch("first", ["AAPL"], NOW)
        at = np.array([NOW + MICROSECONDS])
        tick = Ticks(
            source="first", symbols=("AAPL",), symbol=np.zeros(1, dtype=np.int32), at=at,
            price=np.array([50.0]), size=np.array([1.0]), received=at,
        )  # fmt: skip
        return {change.bars.interval: change.bars for change in time_bars.push(tick)}

    day = forming(is_restored=True)["1d"]
    assert (day.open[0], day.high[0], day.low[0], day.close[0]) == (10.0, 70.0, 9.0, 50.0)
    assert day.volume[0] == 60 * 7.0 + 1.0
    assert forming(is_restored=True)["1w"].volume[0] > day.volume[0]
    # Control arm: without it the day begins with the restart.
    assert forming(is_restored=False)["1d"].open[0] == 50.0
