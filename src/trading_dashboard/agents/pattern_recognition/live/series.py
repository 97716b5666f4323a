"""One symbol's bars of one timeframe, growing at the end and forgetting at the beginning.

Owns the columns and the numbers of bars: a bar keeps its number when older ones are forgotten, so
what detectors remember of it stays right.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import MICROSECONDS, Bars, Floats

_FIRST_ROOM = 64


class Row(NamedTuple):
    """One closed bar. `time` is its opening time, microseconds since 1970 UTC."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class LiveSeries:
    """Closed bars, oldest first. `offset` is the number of the first one kept."""

    __slots__ = ("_bars", "_length", "_prices", "_times", "offset")

    def __init__(self, bars: Bars, offset: int = 0) -> None:
        self.offset = offset
        self._length = len(bars)
        room = max(self._length + self._length // 8, _FIRST_ROOM)
        self._times = np.empty(room, np.int64)
        self._prices = np.empty((5, room))
        self._times[: self._length] = bars.time
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        for column, values in zip(self._prices, columns, strict=True):
            column[: self._length] = values
        self._bars: Bars | None = None

    def __len__(self) -> int:
        return self._length

    @property
    def stop(self) -> int:
        """The number the next bar will have."""
        return self.offset + self._length

    @property
    def last_time(self) -> int | None:
        """Opening time of the newest bar."""
        return int(self._times[self._length - 1]) if self._length else None

    @property
    def bars(self) -> Bars:
        """All bars kept, as views: valid until the next change."""
        if self._bars is None:
            count = self._length
            opened, high, low, close, volume = self._prices[:, :count]
            self._bars = Bars(self._times[:count], opened, high, low, close, volume)
        return self._bars

    def newest(self, count: int) -> Floats:
        """Return open, high, low and close of the newest bars, a view of shape ``(4, count)``."""
        return self._prices[:4, self._length - count : self._length]

    def append(self, row: Row) -> int:
        """Add a bar; return its number.

        Raises:
            ValueError: It does not come after the newest one.
        """
        last = self.last_time
        if last is not None and row.time <= last:
            raise ValueError(f"bar {row.time} does not come after {last}")
        if self._length == len(self._times):
            self._make_room()
        place, prices = self._length, self._prices
        self._times[place] = row.time
        prices[0, place], prices[1, place], prices[2, place] = row.open, row.high, row.low
        prices[3, place], prices[4, place] = row.close, row.volume
        self._length += 1
        self._bars = None
        return self.stop - 1

    def row_at(self, time: int) -> Row | None:
        """Return the bar that opened then, None if there is none."""
        place = int(np.searchsorted(self._times[: self._length], time))
        if place >= self._length or self._times[place] != time:
            return None
        return Row(time, *(float(value) for value in self._prices[:, place]))

    def replace(self, row: Row) -> bool:
        """Put a bar in the place of the one that opened then; False if there is none, or the same.

        Columns handed out before keep what they were.
        """
        if self.row_at(row.time) in (None, row):
            return False
        place = int(np.searchsorted(self._times[: self._length], row.time))
        self._prices = self._prices.copy()
        self._prices[:, place] = row[1:]
        self._bars = None
        return True

    def forget(self, keep: int) -> None:
        """Forget all but the newest bars."""
        if self._length > keep:
            gone = self._length - keep
            self.__init__(self.bars.between(gone, self._length), self.offset + gone)  # type: ignore[misc]

    def time_at(self, number: int) -> int:
        """Return the opening time of a bar; of one that is forgotten, that of the oldest kept."""
        return int(self._times[max(number - self.offset, 0)])

    def number_after(self, time: int) -> int:
        """Return the number of the first bar that opened after a time."""
        return self.offset + int(np.searchsorted(self._times[: self._length], time, side="right"))

    def _make_room(self) -> None:
        room = len(self._times) * 3 // 2
        times, prices = np.empty(room, np.int64), np.empty((5, room))
        times[: self._length] = self._times[: self._length]
        prices[:, : self._length] = self._prices[:, : self._length]
        self._times, self._prices = times, prices


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(microseconds: int) -> datetime:
    """Return a time as a `datetime`."""
    return datetime.fromtimestamp(microseconds / MICROSECONDS, UTC)


def microseconds(time: datetime) -> int:
    """Return a time as microseconds since 1970 UTC."""
    passed = time - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * MICROSECONDS + passed.microseconds


def microseconds_of(text: str) -> int:
    """Return what `stamp` was made of."""
    return microseconds(datetime.fromisoformat(text))


@lru_cache(maxsize=1 << 16)
def stamp(time: int) -> str:
    """Return a time as JSON has it. Remembered: bars of many symbols open at the same times."""
    return moment(time).isoformat().replace("+00:00", "Z")
