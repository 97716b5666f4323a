"""The past by real sources: what the archive lacks is asked for once, checked, kept, then read.

Owns which stretch of a series the archive already holds (`Covered`), noted in the same step as the
bars. Which source is asked is the source desk's, what is believed the gate's. A series is of one
source; when another one steps in, its bars are a series of their own.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trading_dashboard.agents.market_data.live.ports import InThread, PastGate, SourcesDesk
from trading_dashboard.agents.market_data.live.ranges import DAY, SECONDS, Stretch
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars
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


@dataclass(frozen=True, slots=True)
class Covered:
    """The stretch [start, end) of a series that was asked for and is kept."""

    start: int
    end: int

    def lacks(self, wanted: Stretch) -> list[Stretch]:
        """Return what is to be asked for so that all of `wanted` is covered, without a hole."""
        missing = []
        if wanted.start < self.start:
            missing.append(Stretch(wanted.start, self.start))
        if wanted.end > self.end:
            missing.append(Stretch(self.end, wanted.end))
        return missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the archive has of a stretch, and who it is from."""

    source: str
    table: pa.Table
    failure: SourceFailure | None
    """Why the newest or oldest part may be missing; None if all of it was asked for."""


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

    async def read(
        self,
        instrument: Instrument,
        interval: str,
        wanted: Stretch,
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
        name = source or self._desk.serving(instrument.symbol)
        failure = None
        try:
            name = await self._cover(instrument, interval, wanted, now, name, is_fixed=bool(source))
        except SourceFailure as error:
            failure = error
        table = await self._in_thread(
            lambda: self._archive.bars(
                name, instrument.symbol, interval,
                start=wanted.start, end=wanted.end, limit=limit, newest=newest,
            )
        )  # fmt: skip
        if failure is not None and not table.num_rows:
            raise failure
        return Found(source=name, table=table, failure=failure)

    async def _cover(
        self,
        instrument: Instrument,
        interval: str,
        wanted: Stretch,
        now: int,
        name: str,
        *,
        is_fixed: bool,
    ) -> str:
        """Ask for what is missing; return the source the stretch is kept from."""
        key = (instrument.symbol, interval)
        if len(self._asking) > MAX_ASKS_HELD:
            self._asking = {k: lock for k, lock in self._asking.items() if lock.locked()}
        async with self._asking.setdefault(key, asyncio.Lock()):
            covered = await self._covered(name, *key)
            missing = [wanted] if covered is None else covered.lacks(wanted)
            for part in missing:
                if (
                    covered is not None
                    and part.start == covered.end
                    and self._is_new(name, key, part.end, now)
                ):
                    continue
                answered = await self._ask(
                    instrument, interval, part, now, name if is_fixed else None
                )
                if answered != name:  # another source stepped in: its series is covered by itself
                    before = await self._covered(answered, *key)
                    for rest in [wanted] if before is None else before.lacks(wanted):
                        await self._ask(instrument, interval, rest, now, answered)
                    return answered
        return name

    async def _ask(
        self, instrument: Instrument, interval: str, part: Stretch, now: int, source: str | None
    ) -> str:
        symbol = instrument.symbol
        answer = await self._desk.history(symbol, interval, part.start, part.end, source=source)
        good, bad = self._gate.sort_out(instrument, answer.value, now)
        name = answer.source
        covered = await self._covered(name, symbol, interval)
        known = self._joined(covered, part, good, interval, now)
        notes = {} if known is None else {_key(name, symbol, interval): json.dumps(known)}
        writing = Writing(bars=[good], actions=answer.value.actions, rejected=bad, notes=notes)
        await self._in_thread(lambda: self._archive.write(writing))
        self._renewed[(name, symbol, interval)] = (now, part.end)
        return name

    def _joined(
        self, covered: Covered | None, part: Stretch, good: Bars, interval: str, now: int
    ) -> tuple[int, int] | None:
        """Return the stretch that is covered now; None if the part does not touch the rest."""
        end = part.end
        if end >= now - _width(interval):  # the newest bar may still change
            closed = good.start[good.closed]
            end = int(closed[-1]) if len(closed) else part.start
        if covered is None:
            return (part.start, max(end, part.start))
        if part.start > covered.end or end < covered.start:
            return None
        return (min(covered.start, part.start), max(covered.end, end))

    def _is_new(self, source: str, key: tuple[str, str], end: int, now: int) -> bool:
        """Return whether all up to `end` was asked for just now, but for the time since then."""
        asked, until = self._renewed.get((source, *key), (None, 0))
        if len(self._renewed) > MAX_ASKS_HELD:
            self._renewed.clear()
        if asked is None or end > until + (now - asked):
            return False
        pause = max(MIN_RENEWAL_SECONDS * MICROSECONDS, min(_width(key[1]), 60 * MICROSECONDS))
        return 0 <= now - asked < pause

    async def _covered(self, source: str, symbol: str, interval: str) -> Covered | None:
        text = await self._in_thread(lambda: self._archive.note(_key(source, symbol, interval)))
        return None if text is None else Covered(*json.loads(text))


def _key(source: str, symbol: str, interval: str) -> str:
    return f"covered {source} {symbol} {interval}"


def _width(interval: str) -> int:
    return SECONDS.get(interval, 0) * MICROSECONDS or DAY
