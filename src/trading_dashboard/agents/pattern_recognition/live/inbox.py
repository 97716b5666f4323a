"""What the stream of market data has brought and nobody has dealt with yet.

Owns what each kind of message means for the agent, and the bounds of what waits. It asks nothing
and computes nothing; `follower` deals with what waits here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import date

from trading_dashboard.agents.pattern_recognition.live.found import Key
from trading_dashboard.agents.pattern_recognition.live.series import Row, microseconds, moment
from trading_dashboard.models.market import Bar, ClockState
from trading_dashboard.models.market_api import (
    BarUpdate,
    ClockUpdate,
    MarketMessage,
    MarketRefusal,
    MarketReset,
    SymbolSnapshot,
)

MAX_HELD = 512
"""Bars of one series that wait for its history; of more, history is read again instead."""

logger = logging.getLogger(__name__)


def row_of(bar: Bar) -> Row:
    """Return a bar of the stream as a row."""
    time = microseconds(bar.timestamp)
    return Row(time, bar.open, bar.high, bar.low, bar.close, bar.volume)


def day_of(row: Row) -> date:
    """Return the day a bar belongs to: that of its opening time, UTC."""
    return moment(row.time).date()


class Inbox:
    """Bars that may be looked at, and what has to be done before others may."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.clock: ClockState | None = None
        self.heard_at: float | None = None
        """When the stream last said anything, by the machine's clock."""
        self.wake = asyncio.Event()
        self.rows: list[tuple[Key, Row]] = []
        """May be looked at now, in their order."""
        self.restart: str | None = None
        """Everything has to begin anew, and why."""
        self.has_reconnected = False
        """Market data may be another one now: its clock and source have to be asked for."""
        self.symbols_to_begin: dict[str, None] = {}
        """Are there now and were not, or are another source's: their history has to be read."""
        self.behind: dict[Key, None] = {}
        """Bars were missed: what came since the newest one has to be read."""
        self.unchecked: dict[str, date] = {}
        """A new day has begun: whether a split became effective has to be asked for."""
        self._wanted: frozenset[str] | None = None
        self._known: set[str] = set()
        self._held: dict[Key, list[Row]] = {}
        self._ready: set[Key] = set()
        self._catching_up: set[Key] = set()
        self._checked: dict[str, date] = {}
        self._monotonic = monotonic

    # Who is followed

    def follow(self, symbols: Iterable[str], only: Iterable[str] | None) -> None:
        """Follow these from the start; later `only` those named, or any if None."""
        self._wanted = None if only is None else frozenset(only)
        self._known = set(symbols)
        self.rows.clear()
        self._held.clear()
        self._ready.clear()
        self._catching_up.clear()
        self.behind.clear()
        self.unchecked.clear()
        self._checked.clear()
        self.restart = None
        self.symbols_to_begin = dict.fromkeys(symbols)

    @property
    def known(self) -> frozenset[str]:
        """Return the symbols that are followed."""
        return frozenset(self._known)

    def begins(self, key: Key) -> None:
        """Hold a series' bars until `is_ready`: its history is being read."""
        self._ready.discard(key)
        self._held[key] = []

    def is_ready(self, key: Key) -> bool:
        """Let a series' bars through; False if some were lost and history must be read again."""
        held = self._held.pop(key, [])
        if len(held) >= MAX_HELD:
            return False
        self._ready.add(key)
        for row in held:
            self._put(key, row)
        return True

    def checked(self, symbol: str, day: date) -> None:
        """Let a symbol's bars of a day through: its splits are known."""
        self._checked[symbol] = day
        self.unchecked.pop(symbol, None)
        self._let_through([key for key in self._held if key[0] == symbol])

    def catches_up(self, key: Key) -> None:
        """Hold a series' bars until `caught_up`: those before them are being read."""
        self.behind.pop(key, None)
        self._catching_up.add(key)

    def caught_up(self, key: Key) -> None:
        """Let a series' bars through."""
        self._catching_up.discard(key)
        self._let_through([key])

    def knows_who_it_is(self) -> None:
        """Let bars through that came since market data was started again."""
        self.has_reconnected = False
        self._let_through(list(self._held))

    def _let_through(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key in self._ready:
                for row in self._held.pop(key, []):
                    self._put(key, row)

    # What comes

    def take(self, message: MarketMessage) -> None:
        """Note what a message means."""
        self.heard_at = self._monotonic()
        if isinstance(message, BarUpdate):
            self._take_bar(message)
        elif isinstance(message, ClockUpdate):
            self.clock = message.clock
            self._note_day(message.clock)
        elif isinstance(message, MarketReset):
            self._take_reset(message)
        elif isinstance(message, SymbolSnapshot):
            self._take_symbol(message.symbol)
        elif isinstance(message, MarketRefusal):
            logger.warning("Market data refused a subscription: %s", message.error.get("message"))

    @property
    def has_work(self) -> bool:
        """Return whether anything waits."""
        return bool(
            self.rows
            or self.restart
            or self.has_reconnected
            or self.symbols_to_begin
            or self.behind
            or self.unchecked
        )

    # Private

    def _take_bar(self, message: BarUpdate) -> None:
        key = (message.symbol, str(message.interval))
        if not message.bar.closed or message.symbol not in self._known:
            return
        if message.conflated:
            self.behind[key] = None
        self._put(key, row_of(message.bar))
        self.wake.set()

    def _put(self, key: Key, row: Row) -> None:
        # A bar after a gap waits: looked at first, it would make those of the gap too late.
        is_gap = self.has_reconnected or key in self.behind or key in self._catching_up
        if key in self._ready and not is_gap and self._is_checked(key, row):
            self.rows.append((key, row))
            return
        held = self._held.setdefault(key, [])
        if len(held) < MAX_HELD:
            held.append(row)
        elif key in self._ready:
            self.behind[key] = None

    def _is_checked(self, key: Key, row: Row) -> bool:
        if key in self._held:
            return False  # what came before it still waits
        day, checked = day_of(row), self._checked.get(key[0])
        if checked is None or day <= checked:
            return True
        self.unchecked[key[0]] = day
        return False

    def _note_day(self, clock: ClockState) -> None:
        """Have splits asked for as soon as a session begins, not when its first bar waits."""
        if clock.session is not None:
            for symbol, checked in self._checked.items():
                if checked < clock.session:
                    self.unchecked[symbol] = clock.session
        if self.unchecked:
            self.wake.set()

    def _take_reset(self, message: MarketReset) -> None:
        if message.symbol is None:
            if message.reason == "reconnected":
                self.has_reconnected = True
            else:
                self.restart = message.reason
                self.rows.clear()
        elif message.symbol in self._known:
            own = [key for key in self._ready if key[0] == message.symbol]
            if message.reason == "gap":
                self.behind.update(dict.fromkeys(own))
            else:
                self._ready.difference_update(own)
                self.rows = [row for row in self.rows if row[0][0] != message.symbol]
                self.symbols_to_begin[message.symbol] = None
        self.wake.set()

    def _take_symbol(self, symbol: str) -> None:
        is_wanted = self._wanted is None or symbol in self._wanted
        if symbol not in self._known and is_wanted:
            self._known.add(symbol)
            self.symbols_to_begin[symbol] = None
            self.wake.set()
