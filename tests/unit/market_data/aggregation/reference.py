"""The plain way to make bars, one tick and one bar at a time: what the fast way must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trading_dashboard.agents.market_data.sessions import Sessions

LENGTHS = {"1s": 1, "5s": 5, "1m": 60, "5m": 300, "1h": 3600, "4h": 14_400}
US = 1_000_000


@dataclass
class PlainBar:
    """One bar."""

    start: int
    end: int
    ticks: list[tuple[int, int, float, float]] = field(default_factory=list)
    """(at, number of arrival, price, size)"""
    late: int = 0

    def values(self, watermark: int) -> tuple[object, ...]:
        by_time = sorted(self.ticks)
        prices = [tick[2] for tick in by_time]
        return (
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(tick[3] for tick in by_time),
            self.end <= watermark,
            min(self.late, len(by_time) - 1),
        )


class PlainBars:
    """Bars of one source."""

    def __init__(
        self,
        sessions: Mapping[str, Sessions],
        intervals: Sequence[str],
        *,
        horizon: int,
        grace: int = 2 * US,
    ) -> None:
        self.sessions, self.intervals = sessions, intervals
        self.horizon, self.grace = horizon, grace
        self.bars: dict[tuple[str, str, int], PlainBar] = {}
        self.watermark: dict[str, int] = {}
        self.delay: dict[str, int] = {}
        self.too_late: list[tuple[str, int]] = []
        self.number = 0

    def tick(self, symbol: str, at: int, price: float, size: float, delay: int) -> None:
        self.number += 1
        session = self._session(symbol, at)
        if session is None:
            return
        watermark = self.watermark.get(symbol)
        if watermark is not None and at < watermark - self.horizon:
            self.too_late.append((symbol, at))
            return
        for interval in self.intervals:
            start, end = self._bar(symbol, session, at, interval)
            bar = self.bars.setdefault((symbol, interval, start), PlainBar(start, end))
            bar.ticks.append((at, self.number, price, size))
            bar.late += watermark is not None and end <= watermark
        self.watermark[symbol] = at if watermark is None else max(watermark, at)
        self.delay[symbol] = min(self.delay.get(symbol, delay), delay)

    def advance(self, now: int) -> None:
        for symbol, delay in self.delay.items():
            self.watermark[symbol] = max(self.watermark[symbol], now - self.grace - delay)

    def values(self) -> dict[tuple[str, str, int], tuple[object, ...]]:
        return {key: bar.values(self.watermark[key[0]]) for key, bar in self.bars.items()}

    def _session(self, symbol: str, at: int) -> int | None:
        sessions = self.sessions[symbol]
        for i in range(len(sessions)):
            resting = sessions.break_start[i] <= at < sessions.break_end[i]
            if sessions.open_at[i] <= at < sessions.close_at[i] and not resting:
                return i
        return None

    def _bar(self, symbol: str, session: int, at: int, interval: str) -> tuple[int, int]:
        sessions = self.sessions[symbol]
        if interval in LENGTHS:
            begin, end = int(sessions.open_at[session]), int(sessions.close_at[session])
            if sessions.break_end[session]:
                pause, resumed = (
                    int(sessions.break_start[session]),
                    int(sessions.break_end[session]),
                )
                begin, end = (resumed, end) if at >= resumed else (begin, pause)
            length = LENGTHS[interval] * US
            begin += (at - begin) // length * length
            return begin, min(begin + length, end)
        same = [i for i in range(len(sessions)) if self._group(sessions, i, interval)
                == self._group(sessions, session, interval)]  # fmt: skip
        return int(sessions.day[same[0]]) * 86_400 * US, int(sessions.close_at[same[-1]])

    def _group(self, sessions: Sessions, index: int, interval: str) -> object:
        day = datetime.fromtimestamp(int(sessions.day[index]) * 86_400, UTC).date()
        if interval == "1w":
            return day.isocalendar()[:2]
        return (day.year, day.month) if interval == "1M" else day
