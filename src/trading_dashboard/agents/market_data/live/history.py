"""The past by real sources: what the archive lacks is asked for once, checked, kept, then read.

Owns when what is asked for. Which stretch the archive already holds is `covered`'s, noted in the
same step as the bars. Which source is asked is the source desk's, what is believed the gate's. A
series is of one source; when another one steps in, its bars are a series of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trading_dashboard.agents.market_data.live.covered import (
    Covered,
    CoveredStretches,
    covered_key,
)
from trading_dashboard.agents.market_data.live.ports import InThread, PastGate, SourcesDesk
from trading_dashboard.agents.market_data.live.ranges import DAY, SECONDS, TimeRange, ends
from trading_dashboard.agents.market_data.records import MICROSECONDS, CorporateEvent
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    SourceFailure,
)
from trading_dashboard.agents.market_data.store.contract import Archive, Writing

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ASKS_HELD = 4096
MIN_RENEWAL_SECONDS = 2.0
"""The newest end of a series is asked for no more often than this, nor than its bars are long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the archive has of a stretch, and who it is from."""

    source: str
    table: pa.Table
    events: Sequence[CorporateEvent]
    """Splits and dividends of the source's symbol, oldest first."""
    failure: SourceFailure | None
    """Why the newest or oldest part may be missing; None if all of it was asked for."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is to be there before it is read."""

    instrument: Instrument
    sessions: Sessions
    interval: str
    wanted: TimeRange
    now: int


class LiveHistory:
    """Reads stretches of series, asking for what is not kept yet."""

    def __init__(
        self, desk: SourcesDesk, archive: Archive, gate: PastGate, in_thread: InThread
    ) -> None:
        self._desk = desk
        self._archive = archive
        self._gate = gate
        self._in_thread = in_thread
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}
        self._renewed: dict[tuple[str, str, str], tuple[int, int]] = {}
        """When the newest end was asked for, and up to where."""
        self._stretches = CoveredStretches(archive, in_thread)

    async def read(
        self,
        instrument: Instrument,
        sessions: Sessions,
        interval: str,
        wanted: TimeRange,
        now: int,
        *,
        limit: int,
        newest: bool,
        source: str | None = None,
    ) -> Found:
        """Return the bars of a stretch, up to `limit` of them.

        Raises:
            SourceFailure: No source answers, and nothing of it is kept.
        """
        name = source or self._desk.serving(instrument.symbol) or ""
        failure = None
        try:
            question = _Question(instrument, sessions, interval, wanted, now)
            name = await self._cover(question, name, is_fixed=bool(source))
        except SourceFailure as error:
            failure = error

        def kept() -> tuple[pa.Table, Sequence[CorporateEvent]]:
            table = self._archive.bars(
                name, instrument.symbol, interval,
                start=wanted.start, end=wanted.end, limit=limit, newest=newest,
            )  # fmt: skip
            return table, self._archive.actions(name, instrument.symbol)

        table, events = await self._in_thread(kept)
        if failure is not None and not table.num_rows:
            raise failure
        return Found(source=name, table=table, events=events, failure=failure)

    async def _cover(self, question: _Question, name: str, *, is_fixed: bool) -> str:
        """Ask for what is missing; return the source the stretch is kept from."""
        key = (question.instrument.symbol, question.interval)
        if len(self._asking) > MAX_ASKS_HELD:
            self._asking = {k: lock for k, lock in self._asking.items() if lock.locked()}
        async with self._asking.setdefault(key, asyncio.Lock()):
            for part in await self._missing(question, name):
                answered = await self._ask(question, part, name if is_fixed else None)
                if answered != name:  # another source stepped in: its series is covered by itself
                    for rest in await self._missing(question, answered):
                        await self._ask(question, rest, answered)
                    return answered
        return name

    async def _missing(self, question: _Question, name: str) -> list[TimeRange]:
        key = (question.instrument.symbol, question.interval)
        covered = await self._stretches.of(name, *key)
        if covered is None:
            return [question.wanted]
        return [
            part
            for part in covered.lacks(question.wanted)
            if part.start < covered.end or not self._is_new(name, key, part.end, question.now)
        ]

    async def _ask(self, question: _Question, part: TimeRange, source: str | None) -> str:
        symbol, interval, now = question.instrument.symbol, question.interval, question.now
        answer = await self._desk.history(symbol, interval, part.start, part.end, source=source)
        good, events, bad = self._gate.sort_out(question.instrument, answer.value, now)
        # A provider calls the bar in progress a bar like any other.
        over = ends(good.start, interval, question.sessions)
        good = replace(good, closed=over <= now)
        name = answer.source
        covered = await self._stretches.of(name, symbol, interval)
        certain = max(over[good.closed].tolist(), default=part.start)
        known = _joined(
            covered, part, min(certain, part.end), is_newest=part.end >= now - _width(interval)
        )
        key = covered_key(name, symbol, interval)
        notes = {} if known is None else {key: json.dumps(known)}
        writing = Writing(bars=[good], actions=events, rejected=bad, notes=notes)
        self._stretches.forget(key)  # should writing fail, the archive says what is true
        await self._in_thread(lambda: self._archive.write(writing))
        if known is not None:
            self._stretches.put(key, Covered(*known))
        self._renewed[(name, symbol, interval)] = (now, part.end)
        return name

    def _is_new(self, source: str, key: tuple[str, str], end: int, now: int) -> bool:
        """Return whether all up to `end` was asked for just now, but for the time since then."""
        asked, until = self._renewed.get((source, *key), (None, 0))
        if len(self._renewed) > MAX_ASKS_HELD:
            self._renewed.clear()
        if asked is None or end > until + (now - asked):
            return False
        pause = max(MIN_RENEWAL_SECONDS * MICROSECONDS, min(_width(key[1]), 60 * MICROSECONDS))
        return 0 <= now - asked < pause


def _width(interval: str) -> int:
    return SECONDS.get(interval, 0) * MICROSECONDS or DAY


def _joined(
    covered: Covered | None, part: TimeRange, certain: int, *, is_newest: bool
) -> tuple[int, int] | None:
    """Return the stretch that is covered now; None if the part does not touch the rest.

    At the newest end only what is `certain`, the end of the last closed bar, will not change.
    """
    end = max(certain, part.start) if is_newest else part.end
    if covered is None:
        return (part.start, end)
    if part.start > covered.end or end < covered.start:
        return None
    return (min(covered.start, part.start), max(covered.end, end))
