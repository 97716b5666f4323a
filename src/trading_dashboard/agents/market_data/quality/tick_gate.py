"""The gate for ticks: what is not believed is quarantined, what remains goes on.

Owns the order of the checks; the first one a tick fails is its reason. One gate serves all sources:
what it knows of a symbol it knows by source. Called by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trading_dashboard.agents.market_data.quality.known_symbols import UNKNOWN, KnownSymbols
from trading_dashboard.agents.market_data.quality.open_hours import OpenHours, SessionsOf
from trading_dashboard.agents.market_data.quality.price_levels import (
    PriceLevels,
    Waiting,
)
from trading_dashboard.agents.market_data.quality.reasons import Reason
from trading_dashboard.agents.market_data.quality.seen_ticks import SeenTicks
from trading_dashboard.agents.market_data.quality.tick_settings import TickSettings
from trading_dashboard.agents.market_data.quality.verdicts import (
    TickVerdict,
    places_of,
    rejected_batch,
    rejected_tick,
    rejected_ticks,
)
from trading_dashboard.agents.market_data.records import (
    MICROSECONDS,
    TICK_COLUMNS,
    Flags,
    Indices,
    Integers,
    Ticks,
)
from trading_dashboard.agents.market_data.store.contract import Rejected

EARLIEST = 631_152_000 * MICROSECONDS
"""1990: no live tick is older, whatever the settings."""
_TYPES: dict[str, type[np.generic]] = {
    "symbol": np.int32,
    "at": np.int64,
    "price": np.float64,
    "size": np.float64,
    "received": np.int64,
}

ReferenceOf = Callable[[str, str], float | None]
"""Returns the last price believed of a source's symbol, such as the previous close, if known."""


class TickGate:
    """Checks batches of ticks, one after the other."""

    def __init__(
        self,
        sessions_of: SessionsOf,
        settings: TickSettings | None = None,
        reference_of: ReferenceOf | None = None,
    ) -> None:
        """Make a gate that knows nothing yet.

        Args:
            sessions_of: Must not wait.
            settings: Its bounds.
            reference_of: Asked once for each symbol, when its first tick comes. Must not wait.
        """
        self.settings = settings or TickSettings()
        self.symbols = KnownSymbols(self.settings.max_symbols)
        self._hours = OpenHours(sessions_of, self.settings)
        self._seen = SeenTicks()
        self._levels = PriceLevels(self.settings)
        self._reference_of = reference_of
        self._waiting = 0

    def check(self, ticks: Ticks) -> TickVerdict:
        """Return what is believed of a batch, and what is not."""
        if not len(ticks.at):
            return TickVerdict(
                good=ticks, is_extended=np.empty(0, dtype=np.bool_), waiting=self._waiting
            )
        readable = _readable(ticks)
        if readable is None:
            return _unreadable(ticks, self._waiting)
        batch = _Batch(readable, self._numbered(readable))
        self._check_rows(batch)
        now = int(batch.ticks.received.max())
        closed, extended = self._hours.judge(batch.number, batch.left.at, self.symbols.names, now)
        batch.extended = extended
        if not self.settings.any_hours:
            batch.drop(closed, Reason.OUTSIDE_SESSIONS)
        late = int(self.settings.late_seconds * MICROSECONDS)
        newest = self._seen.newest_before(batch.number, batch.left.at, late)
        batch.drop(batch.left.at < newest - late, Reason.TOO_LATE)
        left = batch.left
        is_same = self._seen.find_and_add(batch.number, left.at, left.price, left.size)
        repeated = int(np.count_nonzero(is_same & (left.size == 0)))
        batch.drop(is_same & (left.size > 0), Reason.DUPLICATE)
        if repeated:
            batch.drop(is_same[~(is_same & (left.size > 0))], None)
        return self._judged(batch, repeated)

    def _judged(self, batch: _Batch, repeated: int) -> TickVerdict:
        left = batch.left
        settled = self._levels.judge(
            batch.number, left.at, left.price, left.size, (left.received, batch.extended)
        )
        bad = batch.rejected()
        bad += [self._rejected(tick, reason) for tick, reason in settled.refused]
        good, extended = left, batch.extended
        if not settled.good.all():
            good, extended = left.take(settled.good), extended[settled.good]
        if settled.released:
            good, extended = self._with_released(good, extended, settled.released)
        if self._levels.waiting or self._waiting:
            self._waiting = sum(len(ticks) for ticks in self._levels.waiting.values())
        return TickVerdict(
            good=good,
            is_extended=extended,
            bad=bad,
            received=len(batch.ticks),
            repeated=repeated,
            released=len(settled.released),
            waiting=self._waiting,
        )

    def give_up(self) -> Sequence[Rejected]:
        """Return the ticks that still wait as quarantined; to be called before the end."""
        self._waiting = 0
        return [self._rejected(tick, Reason.UNCONFIRMED) for tick in self._levels.give_up()]

    def seed(self, source: str, symbol: str, price: float) -> None:
        """Tell a symbol's last price that is believed, the last close say, if the gate has none."""
        number = self.symbols.number(source, symbol)
        if number != UNKNOWN:
            self._make_room()
            self._levels.set_level(number, price)

    def _make_room(self) -> None:
        self._levels.make_room(len(self.symbols))
        self._seen.make_room(len(self.symbols))

    def _numbered(self, ticks: Ticks) -> Indices:
        known = len(self.symbols)
        number = self.symbols.numbers(ticks.source, ticks.symbols, ticks.symbol)
        if len(self.symbols) > known:
            self._make_room()
            if self._reference_of is not None:
                for new in range(known, len(self.symbols)):
                    price = self._reference_of(*self.symbols.names[new])
                    if price is not None:
                        self._levels.set_level(new, price)
        return number

    def _check_rows(self, batch: _Batch) -> None:
        """Drop what is wrong by itself."""
        ticks, number = batch.ticks, batch.number
        at, price, size, received = ticks.at, ticks.price, ticks.size, ticks.received
        newest = received + int(self.settings.future_seconds * MICROSECONDS)
        oldest = np.maximum(received - int(self.settings.max_age_seconds * MICROSECONDS), EARLIEST)
        # NaN fails every comparison.
        ok = (price > 0) & (price < np.inf) & (size >= 0) & (size < np.inf)
        ok &= (at >= oldest) & (at <= newest) & (number >= 0)
        if ok.all():
            return
        tests = (
            (number < 0, Reason.UNKNOWN_COLUMN),
            (~(np.isfinite(price) & np.isfinite(size)), Reason.NOT_FINITE),
            (price <= 0, Reason.NOT_POSITIVE),
            (size < 0, Reason.NEGATIVE_SIZE),
            (at <= 0, Reason.NO_TIME),
            (at > newest, Reason.IN_FUTURE),
            (at < oldest, Reason.TOO_OLD),
        )
        judged = ok.copy()
        for fails, reason in tests:
            batch.judged.append((places_of(fails & ~judged), reason))
            judged |= fails
        batch.keep(ok)

    def _with_released(
        self, good: Ticks, extended: Flags, released: Sequence[Waiting]
    ) -> tuple[Ticks, Flags]:
        """Return ticks of earlier batches and then the good ones of this one."""
        symbols = list(good.symbols)
        places = {symbol: place for place, symbol in enumerate(symbols)}
        for tick in released:
            name = self.symbols.names[tick.number][1]
            if places.setdefault(name, len(symbols)) == len(symbols):
                symbols.append(name)
        first = {
            "symbol": [places[self.symbols.names[tick.number][1]] for tick in released],
            "at": [tick.at for tick in released],
            "price": [tick.price for tick in released],
            "size": [tick.size for tick in released],
            "received": [tick.received for tick in released],
        }
        columns = {
            name: np.concatenate((np.array(first[name], dtype=_TYPES[name]), getattr(good, name)))
            for name in TICK_COLUMNS
        }
        both = Ticks(source=good.source, symbols=tuple(symbols), **columns)
        was_extended = np.array([tick.is_extended for tick in released], dtype=np.bool_)
        return both, np.concatenate((was_extended, extended))

    def _rejected(self, tick: Waiting, reason: Reason) -> Rejected:
        source, symbol = self.symbols.names[tick.number]
        return rejected_tick(source, symbol, reason, tick.at, tick.price, tick.size, tick.received)


class _Batch:
    """What is left of a batch between the checks, and what was dropped."""

    def __init__(self, ticks: Ticks, number: Indices) -> None:
        self.ticks = ticks
        self.left = ticks
        self.number = number
        self.rows: Integers | None = None
        """Where `left` was in `ticks`; None for everywhere."""
        self.extended: Flags = np.empty(0, dtype=np.bool_)
        self.judged: list[tuple[Integers, Reason]] = []

    def drop(self, fails: Flags, reason: Reason | None) -> None:
        """Leave rows behind, for a reason unless there is nothing wrong with them."""
        if not fails.any():
            return
        if reason is not None:
            places = places_of(fails)
            self.judged.append((places if self.rows is None else self.rows[places], reason))
        self.keep(~fails)

    def keep(self, ok: Flags) -> None:
        """Go on with some of the rows."""
        self.rows = places_of(ok) if self.rows is None else self.rows[ok]
        self.left, self.number = self.left.take(ok), self.number[ok]
        if len(self.extended):
            self.extended = self.extended[ok]

    def rejected(self) -> list[Rejected]:
        """Return what was dropped as quarantined rows, in the order of arrival."""
        if not self.judged:
            return []
        count = len(self.ticks.symbols)
        names = [
            self.ticks.symbols[place] if 0 <= place < count else ""
            for places, _ in self.judged
            for place in self.ticks.symbol[places].tolist()
        ]
        return rejected_ticks(self.ticks, self.judged, names)


def _readable(ticks: Ticks) -> Ticks | None:
    """Return the batch with columns of the right type; None if it cannot be made of it."""
    columns = {}
    for name in TICK_COLUMNS:
        try:
            column = np.asarray(getattr(ticks, name))
            if column.dtype.kind not in "iuf" or column.shape != (len(ticks.at),):
                return None
            columns[name] = column.astype(_TYPES[name], casting="same_kind", copy=False)
        except (TypeError, ValueError):
            return None
    return Ticks(source=ticks.source, symbols=tuple(ticks.symbols), **columns)


def _unreadable(ticks: Ticks, waiting: int) -> TickVerdict:
    empty = {name: np.empty(0, dtype=kind) for name, kind in _TYPES.items()}
    shape = {name: str(np.shape(getattr(ticks, name))) for name in TICK_COLUMNS}
    return TickVerdict(
        good=Ticks(source=ticks.source, symbols=tuple(ticks.symbols), **empty),
        is_extended=np.empty(0, dtype=np.bool_),
        bad=[rejected_batch(ticks.source, "", "", 0, shape)],
        received=len(ticks.at),
        waiting=waiting,
    )
