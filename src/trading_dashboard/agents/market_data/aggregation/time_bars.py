"""Time bars from ticks, one second to a month, aligned to exchange sessions.

Owns the answer to "which bars does this tick change", for any number of sources, each apart. Ticks
while no session is open are in no bar. No bar is invented for a time without ticks. Does not judge
ticks: a time in the future would close everything before it, so the gate must have been passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from trading_dashboard.agents.market_data.aggregation.changes import Changes
from trading_dashboard.agents.market_data.aggregation.grid import Grid
from trading_dashboard.agents.market_data.aggregation.intervals import ordered
from trading_dashboard.agents.market_data.aggregation.source_bars import SourceBars
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.models.market import INTERVALS

MAX_RECENT = 500_000
"""Closed bars kept of each source for late ticks; about 120 bytes each."""


class TimeBars:
    """Forming bars of all sources and symbols. Used from one thread at a time."""

    def __init__(
        self,
        sessions_of: Callable[[str], Sessions | None],
        intervals: Iterable[str] = INTERVALS,
        *,
        horizon_seconds: float = 120.0,
        grace_seconds: float = 2.0,
        after_close_seconds: float = 0.0,
        max_delay_seconds: float = 3600.0,
        max_recent: int = MAX_RECENT,
    ) -> None:
        """Make bars of these intervals.

        Args:
            sessions_of: The sessions of a symbol's exchange; asked when a symbol is new
                and by `renew`. None while they are not known: its ticks are in no bar until then.
            intervals: Some of `models.market.INTERVALS`.
            horizon_seconds: How far behind its symbol's newest tick a tick may be; what is older
                is rejected as ``too_late``, for all intervals alike.
            grace_seconds: How long after its end a silent bar is closed by the clock, on top of
                the delay ticks of the symbol usually come with.
            after_close_seconds: Ticks so soon after the close belong to the session's last bar,
                for exchanges whose closing auction prints after the bell.
            max_delay_seconds: The most that is waited for a delayed source.
            max_recent: Closed bars kept per source for late ticks; with more, the horizon shrinks.
        """
        self.intervals = ordered(intervals)
        self._sessions_of = sessions_of
        self._options = {
            "horizon": int(horizon_seconds * MICROSECONDS),
            "grace": int(grace_seconds * MICROSECONDS),
            "after_close": int(after_close_seconds * MICROSECONDS),
            "max_delay": int(max_delay_seconds * MICROSECONDS),
        }
        self._max_recent = max_recent
        self._grids: dict[int, Grid] = {}
        self._sources: dict[str, SourceBars] = {}

    def push(self, ticks: Ticks) -> Changes:
        """Add ticks and return what became of their bars."""
        return self._of(ticks.source).push(ticks)

    def advance(self, now: int) -> list[Changes]:
        """Close what has ended by the market's clock, in microseconds; a list entry per source."""
        changes = [source.advance(now) for source in self._sources.values()]
        return [change for change in changes if len(change)]

    def forming(self, source: str, symbol: str) -> list[Bars]:
        """Return the bars of a symbol that form now, as they are; one of each interval at most."""
        known = self._sources.get(source)
        return [] if known is None else [change.bars for change in known.forming(symbol)]

    def watch(self, source: str, symbols: Sequence[str], since: int) -> None:
        """Take note that all ticks since then will come; after an outage, call it again.

        Bars that begin earlier are not whole unless `restore` fills them. Of a symbol never named
        here, only bars that begin after its first tick are whole.
        """
        self._of(source).watch(symbols, since)

    def restore(self, bars: Bars, since: int) -> None:
        """Take stored bars into the longer ones they are part of, see `SourceBars.restore`."""
        self._of(bars.source).restore(bars, since)

    def renew(self) -> None:
        """Ask for all sessions again; once a day is enough, as calendars grow by the day."""
        self._grids.clear()
        for source in self._sources.values():
            source.renew()

    @property
    def outside_sessions(self) -> int:
        """Return how many ticks were in no bar, as no session was open or none is known."""
        return sum(source.outside for source in self._sources.values())

    @property
    def remembered(self) -> int:
        """Return how many closed bars are kept for late ticks."""
        return sum(source.remembered for source in self._sources.values())

    @property
    def too_late(self) -> int:
        """Return how many ticks were rejected as too late."""
        return sum(source.too_late for source in self._sources.values())

    def _of(self, source: str) -> SourceBars:
        if source not in self._sources:
            self._sources[source] = SourceBars(
                source, self._grid_of, self.intervals, max_recent=self._max_recent, **self._options
            )
        return self._sources[source]

    def _grid_of(self, symbol: str) -> Grid | None:
        sessions = self._sessions_of(symbol)
        if sessions is None:
            return None
        if id(sessions) not in self._grids:
            # The grid holds the sessions, so the number stays theirs.
            self._grids[id(sessions)] = Grid(sessions, self.intervals)
        return self._grids[id(sessions)]
