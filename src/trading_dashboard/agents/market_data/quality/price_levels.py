"""The price level of each symbol, how much it usually moves, and jumps that wait for confirmation.

Owns the judgement of prices that are sound by themselves. The usual move is an exponentially
weighted mean of absolute log returns from tick to tick, each cut at the limit, so that outliers do
not teach it much. Symbols without a jump are judged as arrays; those with one tick by tick
(`_Settling`), as long as the jump is open.

A jump, larger than `jump_factor` usual moves and `jump_floor`, waits. Back at the old level, it
was an outlier: refused. When ticks of three different times agree on the new level, that is the
level: they are released, and with them those that lie between the old level and the new one; the
others are refused. So a fat finger is never served, and a crash is served whole, at its third tick.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from trading_dashboard.agents.market_data.quality.known_symbols import grown
from trading_dashboard.agents.market_data.quality.reasons import Reason
from trading_dashboard.agents.market_data.quality.tick_settings import TickSettings
from trading_dashboard.agents.market_data.records import (
    MICROSECONDS,
    Flags,
    Floats,
    Indices,
    Integers,
)

_LONG_PAUSE_SECONDS = 60.0
"""Longer pauses between ticks count as this in what is usual."""


@dataclass(slots=True)
class Waiting:
    """A tick that waits for others; `row` is its place in the batch, -1 once that is over."""

    row: int
    number: int
    at: int
    price: float
    size: float
    received: int
    is_extended: bool

    @property
    def level(self) -> float:
        """Return the price's logarithm."""
        return math.log(self.price)


@dataclass(slots=True)
class Settled:
    """What became of the ticks of one batch, and of those that waited before it."""

    good: Flags
    """bool[n] of the batch."""
    released: list[Waiting] = field(default_factory=list)
    """Of earlier batches."""
    refused: list[tuple[Waiting, Reason]] = field(default_factory=list)
    """Of this batch and earlier ones."""


class PriceLevels:
    """Levels by the number of the symbol."""

    def __init__(self, settings: TickSettings) -> None:
        self.settings = settings
        self.level: Floats = np.zeros(0)
        """Logarithm of the newest price believed, NaN without one."""
        self.level_at: Integers = np.zeros(0, dtype=np.int64)
        self.usual: Floats = np.zeros(0)
        """Usual absolute log return from tick to tick."""
        self.pause: Floats = np.zeros(0)
        """Usual seconds from tick to tick."""
        self.waiting: dict[int, list[Waiting]] = {}
        self._has_waiting: Flags = np.zeros(0, dtype=np.bool_)

    def make_room(self, symbols: int) -> None:
        """Have a place for so many symbols."""
        self.level = grown(self.level, symbols, math.nan)
        self.level_at = grown(self.level_at, symbols, 0)
        self.usual = grown(self.usual, symbols, 0.0)
        self.pause = grown(self.pause, symbols, 1.0)
        self._has_waiting = grown(self._has_waiting, symbols, False)

    def judge(
        self,
        number: Indices,
        at: Integers,
        price: Floats,
        size: Floats,
        extra: tuple[Integers, Flags],
    ) -> Settled:
        """Return what is believed of ticks that are sound by themselves.

        Columns are of n rows; `extra` is when they were received, and whether in extended hours.
        """
        settled = Settled(np.ones(len(at), dtype=np.bool_))
        if not len(at):
            return settled
        order = _order(number, at)
        sorted_number, sorted_at = number[order], at[order]
        level = np.log(price[order])
        is_first = np.ones(len(order), dtype=np.bool_)
        is_first[1:] = sorted_number[1:] != sorted_number[:-1]
        firsts = np.flatnonzero(is_first)
        symbols = sorted_number[firsts]
        moves, pauses = self._moves(level, sorted_at, firsts, symbols)
        usual_limit = np.maximum(
            self.settings.jump_floor, self.settings.jump_factor * self.usual[symbols]
        )
        lengths = np.diff(firsts, append=len(order))
        limit = np.repeat(usual_limit, lengths)
        allowed = self._extended(limit, pauses, np.repeat(self.pause[symbols], lengths))
        # NaN, where there is no level yet, is not within anything.
        is_odd = np.logical_or.reduceat(~(moves <= allowed), firsts) | self._has_waiting[symbols]
        if is_odd.any():
            for place in np.flatnonzero(is_odd).tolist():
                rows = order[firsts[place] : firsts[place] + lengths[place]]
                self._settle(int(symbols[place]), rows, at, price, size, extra, settled)
        calm = ~is_odd
        if calm.any():
            self._learn(symbols, firsts, lengths, calm, np.minimum(moves, limit), pauses)
            lasts = (firsts + lengths - 1)[calm]
            self._move_to(symbols[calm], level[lasts], sorted_at[lasts])
        return settled

    def set_level(self, number: int, price: float) -> None:
        """Take a price from elsewhere for the level, if there is none yet."""
        if math.isnan(self.level[number]) and math.isfinite(price) and price > 0:
            self.level[number] = math.log(price)

    def give_up(self) -> Iterable[Waiting]:
        """Return all that wait, and let them wait no more."""
        waiting = [tick for ticks in self.waiting.values() for tick in ticks]
        self.waiting.clear()
        self._has_waiting.fill(False)
        return waiting

    def limit(self, number: int) -> float:
        """Return the largest move that is no jump, after no pause."""
        usual = self.settings.jump_factor * float(self.usual[number])
        return max(self.settings.jump_floor, usual)

    def allowed(self, number: int, at: int) -> float:
        """Return the largest move from the level that needs no confirmation at that time."""
        limit = self.limit(number)
        pause = abs(at - int(self.level_at[number])) / MICROSECONDS
        longer = limit * math.sqrt(1 + pause / float(self.pause[number]))
        return max(limit, min(self.settings.jump_cap, longer))

    def _extended(self, limit: Floats, pauses: Floats, usual_pause: Floats) -> Floats:
        longer = limit * np.sqrt(1 + pauses / usual_pause)
        return np.maximum(limit, np.minimum(self.settings.jump_cap, longer))

    def _moves(
        self, level: Floats, at: Integers, firsts: Integers, symbols: Indices
    ) -> tuple[Floats, Floats]:
        """Return each tick's absolute log return and seconds from the one before of its symbol."""
        before, before_at = np.empty_like(level), np.empty_like(at)
        before[1:], before_at[1:] = level[:-1], at[:-1]
        before[firsts], before_at[firsts] = self.level[symbols], self.level_at[symbols]
        return np.abs(level - before), np.abs(at - before_at) / MICROSECONDS

    def _learn(
        self,
        symbols: Indices,
        firsts: Integers,
        lengths: Integers,
        calm: Flags,
        moves: Floats,
        pauses: Floats,
    ) -> None:
        keep = 1 - self.settings.memory
        from_end = np.repeat(firsts + lengths, lengths) - 1 - np.arange(len(moves))
        weights = self.settings.memory * keep ** from_end.astype(np.float64)
        rest = keep ** lengths[calm].astype(np.float64)
        known = symbols[calm]
        moved = np.add.reduceat(weights * moves, firsts)[calm]
        paused = np.add.reduceat(weights * np.minimum(pauses, _LONG_PAUSE_SECONDS), firsts)[calm]
        self.usual[known] = rest * self.usual[known] + moved
        self.pause[known] = np.maximum(rest * self.pause[known] + paused, 1e-6)

    def _move_to(self, symbols: Indices, level: Floats, at: Integers) -> None:
        newer = at >= self.level_at[symbols]
        self.level[symbols[newer]] = level[newer]
        self.level_at[symbols[newer]] = at[newer]

    def _settle(
        self,
        number: int,
        rows: Integers,
        at: Integers,
        price: Floats,
        size: Floats,
        extra: tuple[Integers, Flags],
        settled: Settled,
    ) -> None:
        """Judge the ticks of one symbol one by one."""
        settling = _Settling(self, number, settled)
        columns = (at, price, size, *extra)
        for row, *fields in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            settling.take(Waiting(row, number, *fields))
        if settling.waiting:
            self.waiting[number] = settling.waiting
            for tick in settling.waiting:
                if tick.row >= 0:
                    settled.good[tick.row] = False
                    tick.row = -1
        else:
            self.waiting.pop(number, None)
        self._has_waiting[number] = bool(settling.waiting)


class _Settling:
    """The ticks of one symbol, one by one, while a jump is open."""

    def __init__(self, levels: PriceLevels, number: int, settled: Settled) -> None:
        self._levels = levels
        self._number = number
        self._settled = settled
        self.waiting = levels.waiting.get(number, [])

    def take(self, tick: Waiting) -> None:
        levels, number = self._levels, self._number
        level = float(levels.level[number])
        if math.isnan(level):
            # An indication has no followers to wait for: somebody asked for a price.
            if tick.size == 0 and not self.waiting:
                self._believe(tick)
            else:
                self._wait(tick)
            return
        move = abs(tick.level - level)
        if move > levels.allowed(number, tick.at):
            self._wait(tick)
            return
        if self.waiting and tick.at > self.waiting[0].at:
            self._refuse(self.waiting, Reason.OUTLIER)
            self.waiting = []
        self._learn(min(move, levels.limit(number)))
        self._believe(tick)

    def _wait(self, tick: Waiting) -> None:
        self.waiting.append(tick)
        band = self._levels.limit(self._number)
        agreeing = {other.at for other in self.waiting if abs(other.level - tick.level) <= band}
        if len(agreeing) >= self._levels.settings.confirmations:
            self._confirm(tick, band)
        elif len(self.waiting) > self._levels.settings.max_waiting:
            self._refuse([self.waiting.pop(0)], Reason.UNCONFIRMED)

    def _confirm(self, tick: Waiting, band: float) -> None:
        """Take the tick's level; what waits is believed if it lies on the way there."""
        old = float(self._levels.level[self._number])
        old = tick.level if math.isnan(old) else old
        lowest, highest = min(old, tick.level) - band, max(old, tick.level) + band
        waiting, self.waiting = self.waiting, []
        refused = [other for other in waiting if not lowest <= other.level <= highest]
        self._refuse(refused, Reason.OUTLIER)
        for other in waiting:
            if lowest <= other.level <= highest:
                self._believe(other)
        self._levels.level[self._number] = tick.level

    def _believe(self, tick: Waiting) -> None:
        if tick.row < 0:
            self._settled.released.append(tick)
        levels, number = self._levels, self._number
        if tick.at >= levels.level_at[number] or math.isnan(levels.level[number]):
            levels.level[number] = tick.level
            levels.level_at[number] = max(tick.at, int(levels.level_at[number]))

    def _refuse(self, ticks: Iterable[Waiting], reason: Reason) -> None:
        refused = list(ticks)
        for tick in refused:
            self._settled.refused.append((tick, reason))
            if tick.row >= 0:
                self._settled.good[tick.row] = False
        if refused:
            # What jumps all the time, a price of few ticks say, is usual in the end.
            self._learn(self._levels.limit(self._number))

    def _learn(self, move: float) -> None:
        memory = self._levels.settings.memory
        usual = self._levels.usual
        usual[self._number] += memory * (move - usual[self._number])


def _order(number: Indices, at: Integers) -> Integers:
    """Return the rows by symbol, then time, then arrival."""
    # Sorting 16-bit numbers is several times as fast.
    small = number.astype(np.uint16) if int(number.max()) < 65_536 else number
    if (at[1:] >= at[:-1]).all():
        return np.argsort(small, kind="stable")
    by_time = np.argsort(at, kind="stable")
    return by_time[np.argsort(small[by_time], kind="stable")]
