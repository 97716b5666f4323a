"""Making a recording: what is heard waits in memory for a moment and goes to disk in chunks.

Owns the waiting and its bounds. A recording never disturbs what it listens to: if the disk fails
or is too slow it ends, says why, and keeps what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from trading_dashboard.agents.market_data.recording.files import Head, Writer
from trading_dashboard.agents.market_data.recording.heard import (
    About,
    Actions,
    Batch,
    Heard,
    Past,
    Silence,
    rows_of,
)
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.sources.contract import Instrument

CHUNK_ROWS = 50_000
CHUNK_SECONDS = 2.0
MAX_WAITING_ROWS = 1_000_000
"""Rows in memory while the disk is slow; beyond that the recording ends."""
MAX_BYTES = 4 * 2**30

Result = TypeVar("Result")

InstrumentOf = Callable[[str], Instrument | None]

logger = logging.getLogger(__name__)


class OffLoop(Protocol):
    """Does blocking work off the event loop."""

    def __call__(self, work: Callable[[], Result]) -> Awaitable[Result]:
        """Return what `work` returns."""


class Recorder:
    """One recording in the making. Used from one event loop."""

    def __init__(
        self,
        folder: Path,
        head: Head,
        *,
        now: Callable[[], int],
        in_thread: OffLoop,
        instrument_of: InstrumentOf = lambda _: None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Make a recorder; nothing is on disk before `open`.

        Args:
            folder: Of this recording, not there yet.
            head: What it is of; without symbols, of all of the source.
            now: Market time in microseconds since 1970 UTC, by which it is played back.
            in_thread: Does the work on files.
            instrument_of: Says what a symbol is, None if that is not known (yet).
            max_bytes: The recording ends when its chunks take so much.
        """
        self.head = head
        self.ended: str | None = None
        """Why it has ended; None while it goes on."""
        self.rows = 0
        self._folder = folder
        self._now = now
        self._in_thread = in_thread
        self._instrument_of = instrument_of
        self._introduced: set[str] = set()
        self._max_bytes = max_bytes
        self._writer: Writer | None = None
        self._heard: list[Heard] = []
        self._waiting_rows = 0
        self._is_full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last = head.began

    async def open(self) -> None:
        """Make the folder and listen; raises FileExistsError, OSError."""
        self._writer = await self._in_thread(lambda: Writer(self._folder, self.head))

    def begin(self, known: Iterable[Batch] = ()) -> None:
        """Begin to write: first what was known when it began, then what was heard since."""
        since, self._heard, last = self._heard, [], self._last
        self._last = self.head.began
        self._introduced.clear()
        for batch in known:
            self.hear(batch, self.head.began)
        self._heard += since
        self._last = last
        self._task = asyncio.create_task(self._run(), name=f"recording-{self.head.name}")

    def hear(self, batch: Batch, at: int | None = None) -> None:
        """Take what the source said; what is not of this recording is left out."""
        kept = self._kept(batch)
        if kept is None or self.ended is not None:
            return
        # A market clock that was set back does not turn the recording round.
        self._last = max(self._now() if at is None else at, self._last)
        for symbol in _named(kept):
            self._introduce(symbol)
        self._put(kept)
        if self._waiting_rows > MAX_WAITING_ROWS:
            self._stop("The disk is too slow.")
        elif self._waiting_rows >= CHUNK_ROWS:
            self._is_full.set()

    @property
    def size_bytes(self) -> int:
        """Return the size of the chunks on disk."""
        return 0 if self._writer is None else self._writer.size_bytes

    async def close(self, reason: str = "stopped") -> None:
        """End with all that was heard on disk."""
        self._stop(reason)
        if self._task is not None:
            await self._task

    # Private

    def _introduce(self, symbol: str) -> None:
        """Say what a symbol is before anything else of it, as soon as that is known."""
        if symbol in self._introduced:
            return
        if (instrument := self._instrument_of(symbol)) is not None:
            self._introduced.add(symbol)
            self._put(About(self.head.source, instrument))

    def _put(self, batch: Batch) -> None:
        self._heard.append(Heard(self._last, batch))
        self._waiting_rows += rows_of(batch)
        self.rows += rows_of(batch)

    def _kept(self, batch: Batch) -> Batch | None:
        if batch.source != self.head.source:
            return None
        symbols = self.head.symbols
        if not symbols or isinstance(batch, Silence):
            return batch
        if isinstance(batch, Ticks):
            is_ours = np.isin(batch.symbols, symbols)[batch.symbol]
            return batch.take(is_ours) if is_ours.any() else None
        ours = _named(batch) & set(symbols)
        if isinstance(batch, Actions) and ours:
            return Actions(batch.source, tuple(e for e in batch.events if e.symbol in ours))
        return batch if ours and len(batch) else None

    def _stop(self, reason: str) -> None:
        if self.ended is None:
            self.ended = reason
        self._is_full.set()

    async def _run(self) -> None:
        """Put what waits on disk every moment, until it ends."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHUNK_SECONDS):
                    await self._is_full.wait()
            is_ending = self.ended is not None
            if not is_ending:
                self._is_full.clear()
            try:
                await self._flush()
                if is_ending:
                    await self._in_thread(self._finish)
                    return
            except OSError as error:
                logger.error("Recording %s has ended: %s", self.head.name, error)
                self.ended = f"The disk failed: {error.strerror or error}"
                self._heard.clear()
                return
            if self.size_bytes >= self._max_bytes:
                self._stop("It has reached its largest size.")

    async def _flush(self) -> None:
        heard, self._heard = self._heard, []
        self._waiting_rows = 0
        writer = self._writer
        if heard and writer is not None:
            await self._in_thread(lambda: writer.add(heard))

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.end(self._last, self.ended or "")


def _named(batch: Batch) -> set[str]:
    """Return the symbols a batch is about; an outage is about none in particular."""
    if isinstance(batch, Ticks):
        return set(batch.symbols)
    if isinstance(batch, Bars):
        return {batch.symbol}
    if isinstance(batch, Past):
        return {batch.bars.symbol}
    if isinstance(batch, About):
        return {batch.instrument.symbol}
    return set() if isinstance(batch, Silence) else {event.symbol for event in batch.events}
