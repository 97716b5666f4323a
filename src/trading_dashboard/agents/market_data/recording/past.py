"""The past of a recording: which closed bars were known at a moment, as they were known then.

Owns reading one series out of the chunks. A bar that was amended later is still as it was first
until the moment it was amended. Blocks; may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

import numpy as np

from trading_dashboard.agents.market_data.recording.files import Recording
from trading_dashboard.agents.market_data.recording.heard import BARS, PAST
from trading_dashboard.agents.market_data.records import Bars, Integers
from trading_dashboard.models.errors import RecordingDamaged

MAX_ROWS = 2_000_000
"""Bars kept in memory of the series that were asked for last."""

logger = logging.getLogger(__name__)

Series = tuple[str, str]


class RecordedPast:
    """Closed bars of one recording by symbol and interval."""

    def __init__(self, recording: Recording, source: str) -> None:
        """Take a recording; `source` is what its bars are labelled with."""
        self._recording = recording
        self._source = source
        self._kept: OrderedDict[Series, tuple[Integers, Bars]] = OrderedDict()
        self._lock = threading.Lock()

    def bars(self, symbol: str, interval: str, start: int, end: int, known_at: int) -> Bars:
        """Return the bars that open in [start, end), as they were known at a moment."""
        heard, bars = self._series(symbol, interval)
        known = bars.take((heard <= known_at) & (bars.start >= start) & (bars.start < end))
        # Of each bar the newest word counts; they are in the order they were heard.
        _, last = np.unique(known.start[::-1], return_index=True)
        return known.take(np.asarray(len(known) - 1 - last, dtype=np.int64))

    def _series(self, symbol: str, interval: str) -> tuple[Integers, Bars]:
        with self._lock:
            key = (symbol, interval)
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = self._read(symbol, interval)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and self._rows() > MAX_ROWS:
                self._kept.popitem(last=False)
            return found

    def _rows(self) -> int:
        return sum(len(heard) for heard, _ in self._kept.values())

    def _read(self, symbol: str, interval: str) -> tuple[Integers, Bars]:
        """Return when each bar was heard, and the bars, in that order; what is damaged ends it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = []
        for chunk in self._recording.chunks:
            try:
                table = self._recording.table(chunk)
            except RecordingDamaged as error:
                logger.error("%s Observed: %s", error.message, error.observed)
                break
            is_bar = pc.is_in(table["kind"], pa.array([BARS, PAST], pa.int8()))
            is_ours = pc.and_(
                pc.equal(table["symbol"], symbol), pc.equal(table["interval"], interval)
            )
            parts.append(table.filter(pc.and_(pc.and_(is_bar, is_ours), table["closed"])))
        if not parts:
            return np.array([], np.int64), Bars.of(self._source, symbol, interval, [])
        rows = pa.concat_tables(parts)
        bars = Bars(
            source=self._source,
            symbol=symbol,
            interval=interval,
            start=rows["at"].to_numpy(),
            open=rows["price"].to_numpy(),
            high=rows["high"].to_numpy(),
            low=rows["low"].to_numpy(),
            close=rows["close"].to_numpy(),
            volume=rows["size"].to_numpy(),
            closed=np.ones(len(rows), dtype=np.bool_),
            revision=rows["revision"].to_numpy(),
        )
        return rows["heard"].to_numpy(), bars
