"""Which sessions a symbol has, answered from memory once they were asked for.

Owns the way from a symbol to its calendar. Whoever may wait calls `learn` first; whoever may not
(the gate, the bars) is told None until then.
"""

from __future__ import annotations

from collections.abc import Iterable

from trading_dashboard.agents.market_data.live.ports import InThread, MarketClock
from trading_dashboard.agents.market_data.sessions import Calendars, Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument

MAX_SYMBOLS = 50_000
KEPT_MICROS = 60_000_000
"""So long sessions are answered from memory before the calendars are asked again."""


class Hours:
    """Sessions by symbol."""

    def __init__(self, calendars: Calendars, clock: MarketClock, in_thread: InThread) -> None:
        self._calendars = calendars
        self._clock = clock
        self._in_thread = in_thread
        self._calendar_of: dict[str, str] = {}
        self._sessions: dict[str, Sessions] = {}
        self._learnt_at: dict[str, int] = {}

    async def learn(self, instrument: Instrument) -> Sessions:
        """Return an instrument's sessions, at most a minute old; the calendars renew them."""
        name, now = instrument.calendar, self._clock.micros()
        sessions = self._sessions.get(name)
        # Every question about a symbol comes here: a thread each time would cost it a millisecond.
        if sessions is None or not 0 <= now - self._learnt_at[name] < KEPT_MICROS:
            sessions = await self._in_thread(lambda: self._calendars.sessions(name))
            self._sessions[name], self._learnt_at[name] = sessions, now
        if len(self._calendar_of) < MAX_SYMBOLS:
            self._calendar_of[instrument.symbol] = name
        return sessions

    def of(self, symbol: str) -> Sessions | None:
        """Return a symbol's sessions, None if they were not learnt yet."""
        name = self._calendar_of.get(symbol)
        return None if name is None else self._sessions.get(name)

    def open_among(self, symbols: Iterable[str]) -> list[str]:
        """Return the symbols whose market is open now; a calendar is looked at once for all."""
        is_open: dict[str, bool] = {}
        found = []
        for symbol in symbols:
            name = self._calendar_of.get(symbol)
            sessions = None if name is None else self._sessions.get(name)
            if name is None or sessions is None:
                continue
            if name not in is_open:
                is_open[name] = self._clock.is_open(sessions)
            if is_open[name]:
                found.append(symbol)
        return found

    def is_open(self, symbol: str) -> bool:
        """Return whether a symbol's market is open now; one that is not known is not."""
        sessions = self.of(symbol)
        return sessions is not None and self._clock.is_open(sessions)
