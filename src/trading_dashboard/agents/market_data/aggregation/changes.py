"""What became of bars: which are forming, which closed, and which a late tick amended.

Owns the answer of every aggregation. It stays one array until somebody looks: with hundreds of
symbols and all intervals, a batch of ticks touches thousands of bars of which few are watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.aggregation.rows import ROW, Rows, revisions
from trading_dashboard.agents.market_data.records import Bars, Flags
from trading_dashboard.agents.market_data.store.contract import Rejected


@dataclass(frozen=True, slots=True)
class BarChange:
    """New states of bars of one source, symbol and interval, oldest first.

    A row that is not closed is the bar as it forms; a closed one with a revision above 0 was
    published before and is amended by ticks that came late.

    Attributes:
        whole: bool[n], False where the bar began before its symbol was watched, so that ticks are
            missing; not fit to be kept.
    """

    bars: Bars
    whole: Flags

    @property
    def is_amended(self) -> Flags:
        """Return bool[n]: closed before, and changed by a late tick."""
        amended: Flags = self.bars.closed & (self.bars.revision > 0)
        return amended


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of bars; those `amended` and `incomplete` are among the `closed`."""

    closed: int
    amended: int
    incomplete: int


class Changes:
    """Changed bars of one source; iterating yields a `BarChange` per symbol and interval."""

    def __init__(
        self,
        source: str,
        symbols: Mapping[str, int],
        intervals: Sequence[str],
        rows: Rows,
        rejected: tuple[Rejected, ...] = (),
    ) -> None:
        self.source = source
        self.rejected = rejected
        """Ticks too late for any bar."""
        self.rows = rows
        self._symbols = symbols
        self._intervals = intervals

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[BarChange]:
        if not len(self.rows):
            return
        rows = self.rows.take(np.lexsort((self.rows["begin"], self.rows["slot"])))
        slots = rows["slot"]
        firsts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
        columns = {name: np.ascontiguousarray(rows[name]) for name in _COPIED}
        columns["start"] = np.ascontiguousarray(rows["label"])
        columns["revision"] = revisions(rows)
        whole = np.ascontiguousarray(rows["whole"])
        ends = np.append(firsts[1:], len(rows)).tolist()
        names = list(self._symbols)  # by number, as they were added
        for slot, first, end in zip(slots[firsts].tolist(), firsts.tolist(), ends, strict=True):
            symbol, interval = divmod(slot, len(self._intervals))
            bars = Bars(
                source=self.source,
                symbol=names[symbol],
                interval=self._intervals[interval],
                **{name: column[first:end] for name, column in columns.items()},
            )
            yield BarChange(bars, whole[first:end])

    def closed(self) -> Changes:
        """Return those fit to be kept: closed, amended ones included, and whole."""
        return self._where(self.rows["closed"] & self.rows["whole"])

    def counts(self) -> Counts:
        """Return how many closed, were amended and are incomplete."""
        closed = self.rows.take(np.flatnonzero(self.rows["closed"]))
        return Counts(
            closed=len(closed),
            amended=int(np.count_nonzero(revisions(closed) > 0)),
            incomplete=int(np.count_nonzero(~closed["whole"])),
        )

    def of(self, symbol: str, interval: str) -> Changes:
        """Return those of one series."""
        return self.among([(symbol, interval)])

    def among(self, series: Iterable[tuple[str, str]]) -> Changes:
        """Return those of some series, (symbol, interval); cheap however much has changed."""
        wanted = [
            self._symbols[symbol] * len(self._intervals) + self._intervals.index(interval)
            for symbol, interval in series
            if symbol in self._symbols and interval in self._intervals
        ]
        return self._where(np.isin(self.rows["slot"], wanted))

    def _where(self, part: Flags) -> Changes:
        return Changes(
            self.source, self._symbols, self._intervals, self.rows.take(np.flatnonzero(part)), ()
        )


def gathered(changes: Sequence[Changes]) -> list[Bars]:
    """Return the newest state of each bar, one batch per series, for the store.

    All changes must come from the same aggregation of one source.
    """
    if not changes:
        return []
    first = changes[0]
    rows = np.concatenate([item.rows for item in changes])
    order = np.lexsort((np.arange(len(rows)), rows["begin"], rows["slot"]))
    rows = rows.take(order)
    is_last = np.ones(len(rows), dtype=np.bool_)
    is_last[:-1] = (rows["slot"][1:] != rows["slot"][:-1]) | (
        rows["begin"][1:] != rows["begin"][:-1]
    )
    newest = Changes(
        first.source, first._symbols, first._intervals, rows.take(np.flatnonzero(is_last))
    )
    return [change.bars for change in newest]


_COPIED = ("open", "high", "low", "close", "volume", "closed")
NO_ROWS: Rows = np.zeros(0, dtype=ROW)
