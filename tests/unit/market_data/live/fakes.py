"""A market of a few weeks, a desk that answers from it, and an archive in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from trading_dashboard.agents.market_data.live.ports import Reply
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.records import BAR_COLUMNS, Bars, CorporateEvent, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Instrument,
    PastBars,
    Quote,
    SourceFailure,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.store.contract import (
    Gap,
    Rejected,
    SeriesInfo,
    Writing,
)

Result = TypeVar("Result")
DAY = 86_400_000_000
HOUR = 3_600_000_000
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday. Sessions are 14:30 to 21:00 UTC on weekdays, six weeks of them."""


def micros(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1_000_000)  # type: ignore[misc,arg-type]


def weekday_sessions() -> Sessions:
    days = [
        FIRST + timedelta(days=n) for n in range(42) if (FIRST + timedelta(days=n)).weekday() < 5
    ]
    at = np.array([int(day.timestamp()) * 1_000_000 for day in days], dtype=np.int64)
    nothing = np.zeros(len(days), dtype=np.int64)
    return Sessions(
        calendar="TEST",
        time_zone="America/New_York",
        day=at // DAY,
        open_at=at + 14 * HOUR + HOUR // 2,
        close_at=at + 21 * HOUR,
        break_start=nothing,
        break_end=nothing,
    )


class OneCalendar:
    def sessions(self, calendar: str) -> Sessions:
        return weekday_sessions()


@dataclass(frozen=True)
class FakeReply:
    source: str
    value: Any
    is_cached: bool = False


@dataclass(frozen=True)
class Found:
    instruments: Sequence[Instrument]


def instrument(symbol: str = "AAPL") -> Instrument:
    return Instrument(
        symbol=symbol, name=f"{symbol} Inc.", asset_class=AssetClass.EQUITY, exchange="X",
        calendar="TEST", time_zone="America/New_York", currency="USD",
    )  # fmt: skip


class FakeDesk:
    """Answers hourly and daily bars of every session; fails when told to."""

    def __init__(self) -> None:
        self.name = "first"
        self.failure: SourceFailure | None = None
        self.asked: list[tuple[str, str, int, int]] = []
        self.prices: dict[str, Quote | SourceFailure] = {}
        self.quotes_asked = 0
        self.is_cached = False
        self.events: list[CorporateEvent] = []

    def serving(self, symbol: str) -> str | None:
        return self.name

    async def instrument(self, symbol: str) -> Instrument:
        if symbol == "NOPE":
            raise UnknownToSource("first does not know NOPE")
        return instrument(symbol.upper())

    async def find(self, text: str, limit: int) -> Found:
        names = [name for name in ("AAPL", "AAON") if name.startswith(text.upper())]
        return Found([instrument(name) for name in names])

    async def quotes(
        self, symbols: Sequence[str], *, source: str | None = None
    ) -> Mapping[str, Reply[Quote] | SourceFailure]:
        self.quotes_asked += 1
        found: dict[str, Reply[Quote] | SourceFailure] = {}
        for symbol in symbols:
            answer = self.prices.get(symbol)
            if isinstance(answer, SourceFailure):
                found[symbol] = answer
            elif answer is not None:
                found[symbol] = FakeReply(answer.source, answer, self.is_cached)
        return found

    async def history(
        self, symbol: str, interval: str, start: int, end: int, *, source: str | None = None
    ) -> Reply[PastBars]:
        if self.failure is not None:
            raise self.failure
        name = source or self.name
        self.asked.append((name, interval, start, end))
        bars = Bars.of(name, symbol, interval, rows(interval, start, end))
        return FakeReply(name, PastBars(bars=bars, actions=tuple(self.events)))


def rows(
    interval: str, start: int, end: int
) -> list[tuple[int, float, float, float, float, float]]:
    sessions = weekday_sessions()
    if interval == "1d":
        starts = [int(day) * DAY for day in sessions.day]
    else:
        starts = [int(o) + n * HOUR for o in sessions.open_at for n in range(7)]
    return [(at, 10.0, 12.0, 9.0, 11.0, 100.0) for at in starts if start <= at < end]


class AllGood:
    def sort_out(
        self, instrument: Instrument, past: PastBars, received: int
    ) -> tuple[Bars, Sequence[CorporateEvent], Sequence[Rejected]]:
        return past.bars, past.actions, ()


class NoneBelowOne:
    """Believes ticks from a price of one on."""

    def sort_out(self, ticks: Ticks) -> tuple[Ticks, Sequence[Rejected]]:
        good = ticks.price >= 1.0
        bad = [
            Rejected(
                source=ticks.source, symbol=ticks.symbols[0], interval="", at=int(at),
                received=int(at), reason="too_low", detail="below one", row="{}",
            )
            for at in ticks.at[~good]
        ]  # fmt: skip
        return ticks.take(good), bad


class NoScores:
    def quality(self, symbol: str) -> list[Body]:
        return []

    def report(self) -> list[Body]:
        return []

    def total(self, source: str, symbol: str) -> float | None:
        return None


class MemoryArchive:
    """An `Archive` that forgets at its end."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], dict[int, tuple[Any, ...]]] = {}
        self.notes: dict[str, str] = {}
        self.quarantine: list[Rejected] = []
        self.found_gaps: list[Gap] = []
        self.events: list[CorporateEvent] = []

    def write(self, writing: Writing) -> None:
        for bars in writing.bars:
            kept = self.rows.setdefault((bars.source, bars.symbol, bars.interval), {})
            columns = [getattr(bars, name).tolist() for name in BAR_COLUMNS]
            kept.update({row[0]: row for row in zip(*columns, strict=True)})
        self.quarantine.extend(writing.rejected)
        self.found_gaps.extend(writing.gaps)
        self.events.extend(writing.actions)
        self.notes.update(writing.notes or {})

    def bars(
        self,
        source: str,
        symbol: str,
        interval: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> pa.Table:
        kept = self.rows.get((source, symbol, interval), {})
        found = [
            kept[at]
            for at in sorted(kept)
            if (start is None or at >= start) and (end is None or at < end)
        ]
        if limit is not None:
            found = found[-limit:] if newest else found[:limit]
        columns = list(zip(*found, strict=True)) or [()] * len(BAR_COLUMNS)
        return pa.table(dict(zip(BAR_COLUMNS, columns, strict=True)))

    def ticks(self, source: str, symbol: str, start: int, end: int) -> pa.Table:
        return pa.table({"at": []})

    def series(self, symbol: str | None = None) -> Sequence[SeriesInfo]:
        return [
            SeriesInfo(
                source=source, symbol=name, interval=interval,
                first=min(kept), last=max(kept), rows=len(kept),
            )
            for (source, name, interval), kept in self.rows.items()
            if symbol in (None, name) and kept
        ]  # fmt: skip

    def actions(self, source: str, symbol: str) -> Sequence[CorporateEvent]:
        return [e for e in self.events if (e.source, e.symbol) == (source, symbol)]

    def rejected(
        self, symbol: str | None = None, source: str | None = None, *, limit: int = 100
    ) -> Sequence[Rejected]:
        return [r for r in self.quarantine if symbol in (None, r.symbol)][:limit]

    def rejected_counts(self) -> Mapping[tuple[str, str], int]:
        return {}

    def gaps(self, symbol: str | None = None, *, limit: int = 1000) -> Sequence[Gap]:
        return [gap for gap in self.found_gaps if symbol in (None, gap.symbol)][:limit]

    def note(self, key: str) -> str | None:
        return self.notes.get(key)

    def noted(self, begins_with: str, *, limit: int) -> Mapping[str, str]:
        found = [(key, text) for key, text in self.notes.items() if key.startswith(begins_with)]
        return dict(found[:limit])

    def backup(self, path: Path) -> None:
        raise AssertionError("nobody asked for a copy")

    def close(self) -> None:
        self.rows.clear()


async def at_once(work: Callable[[], Result]) -> Result:
    return work()


def quote(price: float, at: int, symbol: str = "AAPL", **more: Any) -> Quote:
    plain = Quote(source="first", symbol=symbol, price=price, at=at, received=at)
    return replace(plain, **more)
