"""Sessions are answered from memory, and asked for again after a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.market_data.live.fakes import at_once, instrument, weekday_sessions
from trading_dashboard.agents.market_data.live.hours import KEPT_MICROS, Hours
from trading_dashboard.agents.market_data.sessions import Sessions


class HandClock:
    def __init__(self) -> None:
        self.now = 1_000_000
        self.is_day = True
        self.looks = 0

    def micros(self) -> int:
        return self.now

    def is_open(self, sessions: Sessions | None = None) -> bool:
        self.looks += 1
        return self.is_day

    def body(self) -> Mapping[str, Any]:
        return {}


class CountingCalendars:
    def __init__(self) -> None:
        self.asked = 0

    def sessions(self, calendar: str) -> Sessions:
        self.asked += 1
        return weekday_sessions()


async def test_calendars_are_asked_once_a_minute_whatever_is_asked() -> None:
    clock, calendars = HandClock(), CountingCalendars()
    hours = Hours(calendars, clock, at_once)
    first = await hours.learn(instrument("AAPL"))
    assert await hours.learn(instrument("MSFT")) is first
    assert hours.of("MSFT") is first
    assert calendars.asked == 1

    clock.now += KEPT_MICROS
    assert await hours.learn(instrument("AAPL")) is not first
    assert calendars.asked == 2

    clock.now -= 2 * KEPT_MICROS  # a recording was set back
    await hours.learn(instrument("AAPL"))
    assert calendars.asked == 3


async def test_a_calendar_is_looked_at_once_for_all_its_symbols() -> None:
    clock = HandClock()
    hours = Hours(CountingCalendars(), clock, at_once)
    names = [f"S{number}" for number in range(100)]
    for name in names:
        await hours.learn(instrument(name))
    assert hours.open_among([*names, "UNKNOWN"]) == names
    assert clock.looks == 1
    clock.is_day = False
    assert hours.open_among(names) == []
