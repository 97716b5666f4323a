"""A market whose updates are pushed: live sources, or a recording played back.

Owns the newest price and bars of each symbol, the pace of updates and the numbering of events.
Ticks and bars come checked (`publish`, `publish_bars`), on the event loop, from the one source that
serves the symbol; those of any other are not shown, because series are never mixed.
"""

from __future__ import annotations

import heapq
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from trading_dashboard.agents.market_data.aggregation.activity_bars import is_activity
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks
from trading_dashboard.agents.market_data.streaming.feed import UpdateReceiver, Wanted
from trading_dashboard.agents.market_data.streaming.live_state import (
    Change,
    SymbolState,
    bar_rows,
    bar_text,
    price_text,
)
from trading_dashboard.agents.market_data.streaming.outbox import Missed
from trading_dashboard.agents.market_data.streaming.ring import Ring
from trading_dashboard.models.errors import UnknownSymbol

MIN_STEP_SECONDS = 0.05
"""Ticks and forming bars of a symbol come no closer together than this."""
SWEEP_SECONDS = 5.0
MAX_TIMES = 600
"""Seconds of which it is known which events had happened."""
MAX_SYMBOLS = 50_000

Clock = Callable[[], Mapping[str, Any]]
Details = Callable[[str, str], Mapping[str, Any]]
Forming = Callable[[str, str], Iterable[Bars]]
Resolve = Callable[[str], str]


class LiveFeed:
    """The newest state of a pushed market, and what has changed since it was last handed over."""

    def __init__(
        self,
        clock: Clock,
        *,
        resolve: Resolve | None = None,
        details: Details | None = None,
        forming: Forming | None = None,
        intervals: Collection[str] | None = None,
        has_activity: bool = False,
        replay: bool = False,
        intraday: str = "real",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a feed without symbols.

        Args:
            clock: Returns a body shaped like `ClockState`.
            resolve: Returns a symbol as it is known, or raises `UnknownSymbol`; by default only
                symbols that have come are known.
            details: Returns what a price says beside what ticks tell, such as `previous_close`
                and `quality_score`, given source and symbol. Called for each price.
            forming: Returns the bars that form of a source's symbol. With it only the bars of
                series that are `followed` need to be pushed.
            intervals: Bars that are made; None if that is not known here.
            has_activity: Whether bars by ticks, volume and turnover are made for who reads them.
            replay: Whether it is the past.
            intraday: `real`, or how prices within a day came to be.
            monotonic: Wall time of the pace.
        """
        self._clock = clock
        self._resolve = resolve
        self._details = details
        self._forming = forming
        self._intervals = None if intervals is None else frozenset(intervals)
        self._has_activity = has_activity
        self._label = {"replay": replay, "intraday": intraday}
        self._monotonic = monotonic
        self._epoch = secrets.token_hex(8)
        self._event = 0
        self._micros = 0
        self._states: dict[str, SymbolState] = {}
        self._changes: deque[Change] = deque()
        self._dirty: dict[str, SymbolState] = {}
        """What has news, by symbol."""
        self._held: list[tuple[float, str]] = []
        """When each of these may be shown again: a heap."""
        self._times: deque[tuple[int, str]] = deque(maxlen=MAX_TIMES)
        self._timed_at = 0.0
        self._swept_at = monotonic()
        self._is_sweeping = False
        self._now: tuple[float, Mapping[str, Any]] | None = None
        self._ring = Ring(monotonic)
        self._wake: Callable[[], None] = lambda: None
        self.ignored = 0
        """Ticks and bars of sources that do not serve their symbol."""

    # What is pushed

    def serve(self, symbol: str, source: str) -> bool:
        """Show a symbol from this source from now on; return whether another one served it.

        Who reads it begins anew with it.
        """
        state = self._states.get(symbol)
        if state is None:
            self._state(symbol, source)
        elif state.source != source:
            self._states[symbol] = SymbolState(symbol, source)
            self._dirty.pop(symbol, None)
            self._changes = deque(item for item in self._changes if item.symbol != symbol)
            self._changes.append(Change(symbol, None, "restarted", ""))
            self._wake()
            return True
        return False

    def publish(self, ticks: Ticks) -> None:
        """Take good ticks; the newest of each symbol is shown."""
        if not len(ticks):
            return
        counts = np.bincount(ticks.symbol, minlength=len(ticks.symbols))
        sizes = np.bincount(ticks.symbol, weights=ticks.size, minlength=len(ticks.symbols))
        newest = np.full(len(ticks.symbols), -1, dtype=np.int64)
        newest[ticks.symbol] = np.arange(len(ticks))
        present = np.flatnonzero(counts)
        at, price = ticks.at[newest[present]].tolist(), ticks.price[newest[present]].tolist()
        for index, when, value in zip(present.tolist(), at, price, strict=True):
            state = self._state(ticks.symbols[index], ticks.source)
            count = int(counts[index])
            if state is None:
                self.ignored += count
                continue
            state.take_price(value, when, count, float(sizes[index]))
            self._has_news(state)
        self._wake()

    def publish_bars(self, bars: Bars) -> None:
        """Take bars that form, have closed, or were amended (`revision` says how often)."""
        state = self._state(bars.symbol, bars.source)
        if state is None:
            self.ignored += len(bars)
            return
        for row in bar_rows(bars):
            kind = state.take_bar(bars.interval, row)
            if kind is None:
                continue
            if kind == "forming":
                state.is_forming.add(bars.interval)
                self._has_news(state)
            else:
                text = bar_text(bars.symbol, bars.source, bars.interval, row)
                self._changes.append(Change(bars.symbol, bars.interval, kind, text))
        self._wake()

    def followed(self) -> Collection[tuple[str, str]]:
        """Return the symbols and intervals whose bars are shown to somebody, or may be at once.

        The day is in every price.
        """
        kept = self._ring.symbols().items()
        return {(symbol, name) for symbol, intervals in kept for name in (*intervals, "1d")}

    def restart(self) -> None:
        """Begin anew: a recording's clock was set. The hub's `jumped` follows."""
        self._now = None
        self._states.clear()
        self._changes.clear()
        self._dirty.clear()
        self._held.clear()
        self._ring = Ring(self._monotonic)
        self._times.clear()
        self._epoch = secrets.token_hex(8)

    # What the hub asks

    @property
    def epoch(self) -> str:
        """Return the name of this numbering: of this process, until it begins anew."""
        return self._epoch

    @property
    def event(self) -> int:
        """Return the number of the newest event handed over."""
        return self._event

    @property
    def trouble(self) -> str | None:
        """Nothing keeps the time of a live market from passing."""
        return None

    def bind(self, wake: Callable[[], None]) -> None:
        """Take what is called when something was pushed."""
        self._wake = wake

    def symbols(self) -> Collection[str]:
        """Return the symbols something has come of."""
        return self._states.keys()

    def listed(self) -> Collection[str]:
        """Return the symbols that have a price."""
        return [symbol for symbol, state in self._states.items() if state.has_price]

    def resolve(self, symbol: str) -> str:
        """Return a symbol as it is known. Raises `UnknownSymbol`."""
        if self._resolve is not None:
            return self._resolve(symbol)
        name = symbol.strip().upper()
        if name in self._states:
            return name
        raise UnknownSymbol(
            f"Symbol '{name[:32]}' is not known.",
            subject=name[:32],
            observed=f"{len(self._states)} symbols",
            next_step="GET /symbols finds what the sources have.",
        )

    def offers(self, interval: str) -> bool:
        """Return whether bars of this interval are made."""
        if self._intervals is None or interval in self._intervals:
            return True
        return self._has_activity and is_activity(interval)

    def keep(self) -> None:
        """Let go of what is kept for nobody; note the time now and then."""
        now = self._monotonic()
        if now - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = now
            self._is_sweeping = True
        if now - self._timed_at >= 1.0 and (not self._times or self._times[-1][0] != self._event):
            self._timed_at = now
            self._times.append((self._event, self.now()))

    def pause(self, wanted: Wanted) -> float | None:  # noqa: ARG002
        """Return the seconds until an update held back for its pace may go."""
        if not self._held:
            return None
        return max(self._held[0][0] - self._monotonic(), 0.0)

    @property
    def is_moving(self) -> bool:
        """Return whether market time passes."""
        body = self._time()
        return not body["paused"] and not body["finished"]

    def phase(self) -> Hashable:
        """Return what readers are told the clock for, when it changes."""
        body = self._time()
        return body["market"], body["session"], body["paused"], body["finished"], body["speed"]

    def clock_body(self) -> str:
        """Return the clock's state as JSON."""
        self._now = None
        return orjson.dumps(self._time()).decode()

    def advance(self, wanted: Wanted, out: UpdateReceiver) -> None:
        """Hand over what was pushed, as far as its pace allows."""
        if self._is_sweeping:
            self._is_sweeping = False
            for symbol, intervals in wanted.items():
                self._ring.read(symbol, intervals, self._event)
            self._ring.sweep()
        while self._changes:
            self._change(self._changes.popleft(), out)
        now = self._monotonic()
        if self._dirty:
            self._micros = self._now_micros()
        while self._held and self._held[0][0] <= now:
            _, symbol = heapq.heappop(self._held)
            if (state := self._dirty.pop(symbol, None)) is not None:
                self._show(state, out)
                state.next_at = now + MIN_STEP_SECONDS

    def read(self, symbol: str, intervals: Collection[str]) -> None:
        """Begin to keep what a reader would miss if it went away for a moment."""
        state = self._states.get(symbol)
        if self._forming is not None and state is not None:
            new = {name for name in (*intervals, "1d") if not self._ring.keeps(symbol, name)}
            state.forget_bars(new)
            for bars in self._forming(state.source, symbol) if new else ():
                if bars.interval in new:
                    for row in bar_rows(bars):
                        state.take_bar(bars.interval, row)
        self._ring.read(symbol, intervals, self._event)

    def jump(self) -> None:
        """Nothing more is needed than `restart` has done."""

    def snapshot_body(self, symbol: str, intervals: Collection[str]) -> str:
        """Return a symbol's state."""
        state = self._states[symbol]
        self._micros = self._now_micros()
        forming = ",".join(f'"{interval}":{state.forming_text(interval)}' for interval in intervals)
        price = self._price(state)
        return f'"type":"snapshot","symbol":{state.name},"price":{price},"bars":{{{forming}}}'

    def missed(
        self, symbol: str, intervals: Collection[str], after: int
    ) -> Sequence[Missed] | None:
        """Return what came after an event, and the bars that form."""
        found = self._ring.after(symbol, intervals, after)
        if found is None:
            return None
        state = self._states[symbol]
        forming = [
            Missed(event, event, f'"event":{event},{state.forming_body(interval)}')
            for interval in intervals
            if (event := state.forming_events.get(interval, 0)) > after
        ]
        return [*found, *forming]

    def time_of(self, event: int) -> str | None:
        """Return a time by which not more than this event had happened."""
        known = [at for number, at in self._times if number <= event]
        return known[-1] if known else None

    def now(self) -> str:
        """Return market time."""
        now = self._time()["now"]
        return now if isinstance(now, str) else now.isoformat()

    # Private

    def _state(self, symbol: str, source: str) -> SymbolState | None:
        """Return a symbol's state, None if another source serves it."""
        state = self._states.get(symbol)
        if state is None and len(self._states) < MAX_SYMBOLS:
            state = self._states[symbol] = SymbolState(symbol, source)
        return state if state is not None and state.source == source else None

    def _has_news(self, state: SymbolState) -> None:
        if state.symbol not in self._dirty:
            self._dirty[state.symbol] = state
            heapq.heappush(self._held, (state.next_at, state.symbol))

    def _change(self, change: Change, out: UpdateReceiver) -> None:
        symbol, interval = change.symbol, change.interval
        self._event += 1
        if interval is None:
            state = self._states[symbol]
            if state.has_price:
                # What has come of it already is in the snapshot that its readers get now.
                state.is_fresh = False
                state.take_merged()
            self._ring.restart(symbol, self._event)
            body = orjson.dumps({"symbol": symbol, "start": None, "end": self.now()}).decode()
            out.restarted(symbol, f'"type":"reset","reason":"source_changed",{body[1:-1]}')
            return
        if self._ring.keeps(symbol, interval):
            self._ring.add(symbol, self._event, f'"event":{self._event},{change.text}', interval)
        hand = out.closed if change.kind == "closed" else out.amended
        hand(symbol, interval, change.text, self._event, self._event)

    def _show(self, state: SymbolState, out: UpdateReceiver) -> None:
        """Hand over a symbol's newest price and the bars that form."""
        symbol = state.symbol
        merged = state.take_merged()
        # Numbered also where nobody reads it: who comes back must not take it for nothing.
        self._event += 1
        if merged is not None and state.is_fresh:
            state.is_fresh = False
            self._ring.restart(symbol, self._event)
            out.listed(symbol)
        elif merged is not None and self._ring.keeps(symbol):
            text = f'"type":"tick","symbol":{state.name},"price":{self._price(state)}'
            conflated = f',"conflated":{merged}' if merged else ""
            self._ring.add(symbol, self._event, f'"event":{self._event},{text}{conflated}')
            out.tick(symbol, text, merged, self._event, self._event)
        for interval in state.is_forming:
            self._event += 1
            state.forming_events[interval] = self._event
            if self._ring.keeps(symbol, interval):
                body = state.forming_body(interval)
                out.forming(symbol, interval, body, self._event, self._event)
        state.is_forming.clear()

    def _price(self, state: SymbolState) -> str:
        details = {} if self._details is None else self._details(state.source, state.symbol)
        return price_text(state, self._label, details, self._micros)

    def _now_micros(self) -> int:
        return int(datetime.fromisoformat(self.now()).timestamp() * MICROSECONDS)

    def _time(self) -> Mapping[str, Any]:
        """Return the clock's body, a moment old at most: it is asked for each update."""
        at = self._monotonic()
        if self._now is None or at - self._now[0] >= MIN_STEP_SECONDS:
            self._now = at, self._clock()
        return self._now[1]
