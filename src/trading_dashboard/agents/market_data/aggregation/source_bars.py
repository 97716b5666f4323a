"""The running bars of one source: all its symbols and intervals in one array.

Owns what becomes of a batch: which bars it forms, closes and amends. A bar is closed once its
symbol's watermark has reached its end; this one rule holds for ticks and for the clock, so that
the same ticks give the same bars however they are split into batches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from trading_dashboard.agents.market_data.aggregation import arrivals
from trading_dashboard.agents.market_data.aggregation import rows as rowlib
from trading_dashboard.agents.market_data.aggregation.arrivals import Arrivals
from trading_dashboard.agents.market_data.aggregation.changes import NO_ROWS, Changes
from trading_dashboard.agents.market_data.aggregation.grid import Bounds, Grid
from trading_dashboard.agents.market_data.aggregation.recent import MAX_SLOTS, RecentRows
from trading_dashboard.agents.market_data.aggregation.rows import NEVER, RowParts, Rows
from trading_dashboard.agents.market_data.records import Bars, Flags, Integers, Ticks
from trading_dashboard.agents.market_data.store.contract import Rejected

FAR = np.iinfo(np.int64).max
FIRST_SYMBOLS = 64
UNPLACED = -1


class SourceBars:
    """Bars of one source. Times are microseconds; not for several threads at once."""

    def __init__(
        self,
        source: str,
        grid_of: Callable[[str], Grid | None],
        intervals: Sequence[str],
        *,
        horizon: int,
        grace: int,
        after_close: int,
        max_delay: int,
        max_recent: int,
    ) -> None:
        self.source = source
        self.outside = 0
        """Ticks left out since the start because no session was open, or none is known."""
        self.too_late = 0
        self._grid_of = grid_of
        self._intervals = intervals
        self._horizon, self._grace = horizon, grace
        self._after_close, self._max_delay = after_close, max_delay
        self._symbols: list[str] = []
        self._index: dict[str, int] = {}
        self._indexed: tuple[tuple[str, ...], Integers] = ((), np.zeros(0, dtype=np.int64))
        self._grids: list[Grid] = []
        self._grid: Integers = np.full(FIRST_SYMBOLS, UNPLACED)
        """By symbol: index of its grid."""
        self._unplaced: list[int] = []
        """Symbols whose sessions are not known yet."""
        self._watermark: Integers = np.full(FIRST_SYMBOLS, NEVER)
        self._floor: Integers = np.full(FIRST_SYMBOLS, NEVER)
        """By symbol: what is before was restored from the store and cannot be amended here."""
        self._since: Integers = np.full(FIRST_SYMBOLS, FAR)
        """By symbol: everything since then was seen."""
        self._delay: Integers = np.full(FIRST_SYMBOLS, FAR)
        """By symbol: the least time a tick took to get here; delayed sources close bars later."""
        self._state = rowlib.empty(FIRST_SYMBOLS * len(intervals))
        self._recent = RecentRows(len(intervals), max_recent)

    def __len__(self) -> int:
        return len(self._symbols)

    @property
    def remembered(self) -> int:
        """Return how many closed bars are kept for late ticks."""
        return len(self._recent)

    # What happens

    def watch(self, symbols: Sequence[str], since: int) -> None:
        """Take note that every tick of the symbols made since then will be pushed."""
        self._since[self._indices(tuple(symbols))] = since

    def push(self, ticks: Ticks) -> Changes:
        """Add ticks and return what became of their bars."""
        placed = self._placed(ticks)
        rejected: tuple[Rejected, ...] = ()
        if len(placed.at):
            placed, rejected = self._without_too_late(ticks, placed)
        if not len(placed.at):
            return self._changes(NO_ROWS, rejected)
        ends = np.append(np.flatnonzero(np.diff(placed.symbol)), len(placed.symbol) - 1)
        firsts = np.append(0, ends[:-1] + 1)
        latest = np.maximum.reduceat(placed.at, firsts)
        symbols = placed.symbol[firsts]
        self._note_start(ticks, placed, firsts, symbols)
        self._watermark[symbols] = np.maximum(self._watermark[symbols], latest)
        return self._changes(self._merge(self._rows_of(placed)), rejected)

    def advance(self, now: int) -> Changes:
        """Close the bars whose end has passed by the clock, with the grace and usual delay."""
        count = len(self._symbols)
        delay = self._delay[:count]
        reached = np.where(
            delay == FAR, NEVER, now - self._grace - np.minimum(delay, self._max_delay)
        )
        np.maximum(self._watermark[:count], reached, out=self._watermark[:count])
        state = self._state[: count * len(self._intervals)]
        until = np.repeat(self._watermark[:count], len(self._intervals))
        is_due = (state["begin"] != NEVER) & ~state["closed"] & (state["end"] <= until)
        state["closed"][is_due] = True
        return self._changes(state.take(np.flatnonzero(is_due)))

    def forming(self, symbol: str) -> Changes:
        """Return the bars of a symbol that form now, as they are."""
        index = self._index.get(symbol)
        if index is None:
            return self._changes(NO_ROWS)
        width = len(self._intervals)
        rows = self._state[index * width : (index + 1) * width]
        return self._changes(rows[(rows["begin"] != NEVER) & ~rows["closed"]])

    def restore(self, bars: Bars, since: int) -> None:
        """Take closed bars of the past into the longer bars they are part of; tells nobody.

        To go on in the middle of longer bars after a restart: days of the month, then minutes of
        the day, then seconds of the minute, without overlap. `since` is where they begin.
        """
        symbol = self._indices((bars.symbol,))
        if self._grid[symbol[0]] == UNPLACED:
            raise ValueError(f"the sessions of {bars.symbol} are not known yet")
        grid = self._grids[int(self._grid[symbol[0]])]
        begin, session = grid.begin_of(bars.interval, bars.start)
        own = self._intervals.index(bars.interval)
        is_known = (session >= 0) & bars.closed
        if not is_known.any():
            return
        bars, begin, session = bars.take(is_known), begin[is_known], session[is_known]
        bounds = grid.bounds(begin, session)
        parts = RowParts(
            np.repeat(symbol, len(bars)), begin, session, begin, bounds.end[own] - 1,
            bars.open, bars.high, bars.low, bars.close, bars.volume,
            np.ones(len(bars), dtype=np.int64),
        )  # fmt: skip
        rows, _ = rowlib.combined(parts, bounds)
        self._since[symbol] = min(int(self._since[symbol[0]]), since)
        until = int(bounds.end[own][-1])
        self._floor[symbol] = max(int(self._floor[symbol[0]]), until)
        self._watermark[symbol] = max(int(self._watermark[symbol[0]]), until)
        self._merge(rows[rows["slot"] % len(self._intervals) > own], is_told=False)

    def renew(self) -> None:
        """Ask for every symbol's sessions again, as calendars grow by the day."""
        self._grids = []
        self._unplaced = list(range(len(self._symbols)))
        self._place_symbols()

    # A batch

    def _placed(self, ticks: Ticks) -> Arrivals:
        """Return the ticks within sessions, by symbol."""
        symbol = self._indices(ticks.symbols)[ticks.symbol]
        at, session = ticks.at, np.full(len(ticks), -1, dtype=np.int64)
        used = self._grid[symbol]
        for index in np.unique(used[used >= 0]).tolist():
            part = used == index
            if part.all():
                session, at = self._grids[index].place(ticks.at, self._after_close)
            else:
                at = at.copy() if at is ticks.at else at
                found = self._grids[index].place(ticks.at[part], self._after_close)
                session[part], at[part] = found
        inside = np.flatnonzero(session >= 0)
        self.outside += len(ticks) - len(inside)
        row = inside[arrivals.by_symbol(symbol[inside])]
        symbol, at = symbol[row], at[row]
        met = arrivals.met(symbol, at, self._watermark[symbol])
        return Arrivals(row, symbol, at, session[row], ticks.price[row], ticks.size[row], met)

    def _without_too_late(
        self, ticks: Ticks, placed: Arrivals
    ) -> tuple[Arrivals, tuple[Rejected, ...]]:
        # A symbol's first tick meets NEVER, from which nothing can be taken away.
        limit = np.maximum(placed.met, NEVER + self._horizon) - self._horizon
        limit = np.maximum(limit, self._floor[placed.symbol])
        late = placed.at < np.maximum(limit, self._recent.forgotten_until)
        if not late.any():
            return placed, ()
        self.too_late += int(np.count_nonzero(late))
        rejected = tuple(
            _too_late(ticks, int(row), int(until))
            for row, until in zip(placed.row[late], limit[late], strict=True)
        )
        return placed.take(~late), rejected

    def _rows_of(self, placed: Arrivals) -> Rows:
        """Return the batch's own bars."""
        timed = placed.by_time()
        parts, part_of = timed.parts()
        rows, taken_by = rowlib.combined(parts, self._bounds(parts.symbol, parts.at, parts.session))
        late = np.flatnonzero(timed.at < timed.met)
        if len(late):
            ends = self._bounds(timed.symbol[late], timed.at[late], timed.session[late]).end
            is_late = ends <= timed.met[late]
            amended = taken_by[:, part_of[late]][is_late]
            rows["late"] = np.bincount(amended, minlength=len(rows))
        return rows

    def _bounds(self, symbol: Integers, at: Integers, session: Integers) -> Bounds:
        used = self._grid[symbol]
        if (used == used[0]).all():
            return self._grids[int(used[0])].bounds(at, session)
        shape = (len(self._intervals), len(at))
        bounds = Bounds(*(np.empty(shape, dtype=np.int64) for _ in range(3)))
        for index in np.unique(used).tolist():
            part = used == index
            found = self._grids[index].bounds(at[part], session[part])
            bounds.begin[:, part], bounds.end[:, part] = found.begin, found.end
            bounds.label[:, part] = found.label
        return bounds

    def _merge(self, rows: Rows, *, is_told: bool = True) -> Rows:
        """Merge a batch's bars into the state and return the new state of all that changed."""
        current = self._state.take(rows["slot"])
        is_same = rows["begin"] == current["begin"]
        is_newer = rows["begin"] > current["begin"]
        if is_same.all():
            rowlib.merge(rows, current)
        else:
            same = np.flatnonzero(is_same)
            rowlib.merge_at(rows, same, current.take(same))
        slot = rows["slot"]
        is_last = np.ones(len(rows), dtype=np.bool_)
        np.not_equal(slot[1:], slot[:-1], out=is_last[:-1])
        replaced = self._replaced(rows, current, is_same, is_newer)
        older = np.flatnonzero(~is_same & ~is_newer)
        if len(older):
            self._amend(rows, older)
        symbol = slot // len(self._intervals)
        rows["closed"] = rows["end"] <= self._watermark[symbol]
        rows["whole"] = rows["begin"] >= self._since[symbol]
        is_current = is_last & (is_same | is_newer)
        if is_current.all():
            rowlib.put(self._state, rows)
        else:
            rowlib.put(self._state, rows.take(np.flatnonzero(is_current)))
        told = replaced.take(np.flatnonzero(~replaced["closed"]))
        told["closed"] = True
        if is_told:
            past = rows.take(np.flatnonzero(~is_current))
            self._remember(np.concatenate((replaced, past)))
        return np.concatenate((told, rows)) if len(told) else rows

    def _replaced(self, rows: Rows, current: Rows, is_same: Flags, is_newer: Flags) -> Rows:
        """Return the bars of the state that end here, as they were."""
        follows = np.zeros(len(rows), dtype=np.bool_)
        np.equal(rows["slot"][1:], rows["slot"][:-1], out=follows[1:])
        after_it = np.zeros(len(rows), dtype=np.bool_)
        after_it[1:] = (is_same | is_newer)[:-1]
        is_first_newer = is_newer & ~(follows & after_it) & (current["begin"] != NEVER)
        return current.take(np.flatnonzero(is_first_newer))

    def _amend(self, rows: Rows, older: Integers) -> None:
        """Add what is remembered of closed bars to the late ticks for them."""
        known, is_known = self._recent.find(rows.take(older))
        rowlib.merge_at(rows, older[is_known], known.take(np.flatnonzero(is_known)))

    def _remember(self, closed: Rows) -> None:
        count = len(self._symbols)
        oldest = np.maximum(self._watermark[:count], NEVER + self._horizon) - self._horizon
        closed["closed"] = True
        self._recent.add(closed, oldest)

    def _note_start(
        self, ticks: Ticks, placed: Arrivals, firsts: Integers, symbols: Integers
    ) -> None:
        """Take note of first ticks, and of how long ticks took to get here."""
        is_new = self._since[symbols] == FAR
        self._since[symbols[is_new]] = placed.at[firsts][is_new]
        taken = np.maximum(ticks.received[placed.row] - ticks.at[placed.row], 0)
        least = np.minimum.reduceat(taken, firsts)
        self._delay[symbols] = np.minimum(self._delay[symbols], least)

    def _changes(self, rows: Rows, rejected: tuple[Rejected, ...] = ()) -> Changes:
        return Changes(self.source, self._index, self._intervals, rows, rejected)

    # Symbols

    def _indices(self, symbols: tuple[str, ...]) -> Integers:
        """Return where symbols are in the state; new ones get a place."""
        if symbols != self._indexed[0]:
            for symbol in symbols:
                if symbol not in self._index:
                    self._add_symbol(symbol)
            found = [self._index[symbol] for symbol in symbols]
            self._indexed = (symbols, np.array(found, dtype=np.int64))
        if self._unplaced:
            self._place_symbols()
        return self._indexed[1]

    def _add_symbol(self, symbol: str) -> None:
        index = len(self._symbols)
        if (index + 1) * len(self._intervals) > MAX_SLOTS:
            raise ValueError(f"{index} symbols of {self.source} are the most bars are made of")
        if index == len(self._watermark):
            self._grow(2 * index)
        self._symbols.append(symbol)
        self._index[symbol] = index
        self._unplaced.append(index)

    def _place_symbols(self) -> None:
        """Ask for the sessions that are not known yet."""
        still = []
        for index in self._unplaced:
            grid = self._grid_of(self._symbols[index])
            self._grid[index] = UNPLACED
            if grid is None:
                still.append(index)
                continue
            if grid not in self._grids:
                self._grids.append(grid)
            self._grid[index] = self._grids.index(grid)
        self._unplaced = still

    def _grow(self, capacity: int) -> None:
        more = capacity - len(self._watermark)
        for name, value in (("_grid", UNPLACED), ("_watermark", NEVER), ("_floor", NEVER),
                            ("_since", FAR), ("_delay", FAR)):  # fmt: skip
            old: Integers = getattr(self, name)
            setattr(self, name, np.concatenate((old, np.full(more, value, dtype=np.int64))))
        state = rowlib.empty(capacity * len(self._intervals))
        state[: len(self._state)] = self._state
        self._state = state


def _too_late(ticks: Ticks, row: int, until: int) -> Rejected:
    symbol = ticks.symbols[int(ticks.symbol[row])]
    at, received = int(ticks.at[row]), int(ticks.received[row])
    price, size = float(ticks.price[row]), float(ticks.size[row])
    return Rejected(
        source=ticks.source,
        symbol=symbol,
        interval="",
        at=at,
        received=received,
        reason="too_late",
        detail=f"It is {(until - at) / 1e6:.1f} s older than the oldest bar that can be amended.",
        row=json.dumps({"symbol": symbol, "at": at, "price": price, "size": size}),
    )
