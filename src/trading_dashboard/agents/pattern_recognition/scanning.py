"""Scans of the market: which symbols, their bars, and what is kept of what is found.

Owns the way from an order to the scan engine and back. Bars come from market data, a few symbols at
a time, while the ones before are looked at.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, TypeVar

from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.catalogue import KINDS, kind_of, known
from trading_dashboard.agents.pattern_recognition.live.asking import Choice
from trading_dashboard.agents.pattern_recognition.live.found import (
    Body,
    Key,
    candle_body,
    shape_body,
    shape_id,
)
from trading_dashboard.agents.pattern_recognition.live.label import UNKNOWN, Label
from trading_dashboard.agents.pattern_recognition.live.series import LiveSeries
from trading_dashboard.agents.pattern_recognition.scan.jobs import Order, ScanJobs
from trading_dashboard.agents.pattern_recognition.scan.universe import Found, Wanted, detect
from trading_dashboard.models.errors import TradingDashboardError
from trading_dashboard.models.pattern_api import ScanOrder, ScanStatus
from trading_dashboard.models.patterns import PatternKind

READ_SECONDS = 60.0
"""How long market data may take for one symbol."""
LOOK_SECONDS = 0.1
"""So often it is looked whether the scan was cancelled meanwhile."""

Result = TypeVar("Result")


class Scanning:
    """Takes orders of scans."""

    def __init__(self, agent: PatternAgent) -> None:
        self._agent = agent

    @property
    def jobs(self) -> ScanJobs:
        """The jobs."""
        return self._agent.scans

    async def order(self, order: ScanOrder) -> ScanStatus:
        """Queue a scan.

        Raises:
            UnknownPattern, ScanQueueFull, DataUnavailable.
        """
        for pattern in order.patterns:
            known(pattern)
        symbols = list(dict.fromkeys(name.strip().upper() for name in order.symbols))
        if not symbols:
            symbols = [info.symbol for info in await self._agent.market.symbols()]
        one = _Scan(self._agent, order, asyncio.get_running_loop())
        task = partial(detect, one.wanted())
        job = Order(symbols=symbols, read=one.read, task=task, keep=one.keep)
        return self.jobs.status(self.jobs.submit(job))

    async def found(self, scan: str, offset: int, limit: int) -> Body:
        """Return a page of what was found, newest first.

        Raises:
            UnknownScan
        """
        # Of 100,000, sorting alone would hold up the loop for a tenth of a second.
        every = await asyncio.to_thread(self._newest, scan)
        shown = every[offset : offset + limit]
        after = offset + len(shown)
        return {
            "status": self.jobs.status(scan).model_dump(mode="json"),
            "patterns": shown,
            "total": len(every),
            "next_offset": after if shown and after < len(every) else None,
            **self._agent.book.label.body(),
        }

    def _newest(self, scan: str) -> list[Body]:
        every = self.jobs.findings(scan)
        every.sort(key=lambda body: (body["known_at"], body["symbol"]), reverse=True)
        return every


class _Scan:
    """One scan's way through the jobs' thread."""

    def __init__(
        self, agent: PatternAgent, order: ScanOrder, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._agent, self._order, self._loop = agent, order, loop
        self._labels: dict[str, Label] = {}
        self._selection = Choice(
            kinds=frozenset(kind.value for kind in order.kinds),
            states=frozenset(state.value for state in order.states),
            patterns=frozenset(order.patterns),
            directions=frozenset(order.directions),
        )

    def wanted(self) -> Wanted:
        """Return what is looked for."""
        return Wanted(
            candles=self._ids(PatternKind.CANDLESTICK),
            shapes=self._ids(PatternKind.CHART),
            within_bars=self._order.within_bars,
            shape_settings=self._agent.settings.shapes,
        )

    def read(
        self, symbols: Sequence[str], cancel: threading.Event
    ) -> Iterator[tuple[str, Bars | str]]:
        """Yield each symbol's bars, or why there are none; nothing once `cancel` is set."""
        readings = [(name, self._start(self._history(name))) for name in symbols]
        try:
            for name, reading in readings:
                until = time.monotonic() + READ_SECONDS
                while not reading.done() and time.monotonic() < until and not cancel.is_set():
                    wait([reading], LOOK_SECONDS)
                if cancel.is_set():
                    return
                yield name, _read(reading)
        finally:
            for _, reading in readings:
                reading.cancel()

    def keep(self, symbol: str, found: Found, bars: Bars) -> Iterable[Body]:
        """Return what is to be kept, as it is answered."""
        bodies = [it for it in self._bodies(symbol, found, bars) if self._selection.takes(it)]
        worths = self._start(self._agent.worth_of(bodies)).result(READ_SECONDS)
        least = self._order.min_confidence
        told = [{**body, "worth": it} for body, it in zip(bodies, worths, strict=True)]
        return [body for body in told if least is None or _best(body["worth"]) >= least]

    def _bodies(self, symbol: str, found: Found, bars: Bars) -> Iterator[Body]:
        key: Key = (symbol, self._order.timeframe)
        series, label = LiveSeries(bars), self._labels.get(symbol, UNKNOWN)
        for shape in found.shapes:
            yield shape_body(key, shape_id(key, shape, series), shape, series, label)
        hits = found.candles
        for place in range(0 if hits is None else len(hits)):
            assert hits is not None  # noqa: S101 - there is a place in it
            bar, span = int(hits.bar[place]), int(hits.span[place])
            yield candle_body(
                key,
                int(hits.pattern[place]),
                (series.time_at(bar - span + 1), series.time_at(bar)),
                int(hits.direction[place]),
                float(hits.strength[place]),
                label,
            )

    def _ids(self, kind: PatternKind) -> tuple[str, ...] | None:
        """Return the ids of one kind that are wanted, None for all of them."""
        if kind not in self._order.kinds:
            return ()
        if not self._order.patterns:
            return None
        return tuple(
            name for name in KINDS if name in self._order.patterns and kind_of(name) is kind
        )

    async def _history(self, symbol: str) -> Bars:
        order = self._order
        found = await self._agent.market.history(symbol, order.timeframe, limit=order.bars)
        self._labels[symbol] = found.label
        return found.bars

    def _start(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def _read(reading: Future[Bars]) -> Bars | str:
    """Return what was read, or why it was not."""
    if not reading.done():
        return f"Market data took longer than {READ_SECONDS:g} s."
    try:
        return reading.result()
    except TradingDashboardError as error:
        return error.message


def _best(worth: Sequence[Body]) -> float:
    """Return the highest confidence told; below any where none is."""
    return max((it["confidence"] for it in worth if it["confidence"] is not None), default=-1.0)
