"""History and scores of a recording, as far as the player's clock has come.

Owns how the bars that were heard become what `live.past` and `/quality` answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trading_dashboard.agents.market_data.live.history import Found
from trading_dashboard.agents.market_data.live.ports import InThread
from trading_dashboard.agents.market_data.live.ranges import TimeRange
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.played.knowledge import SCORED_INTERVAL, Knowledge
from trading_dashboard.agents.market_data.quality.gaps import Series, completeness
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.recording.player import RecordingPlayer
from trading_dashboard.agents.market_data.records import (
    BAR_COLUMNS,
    MICROSECONDS,
    Bars,
    CorporateEvent,
)
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument
from trading_dashboard.agents.market_data.store.arrow import to_arrow

if TYPE_CHECKING:
    import pyarrow as pa

SETTLED_MICROS = 120 * MICROSECONDS

Forming = Callable[[str, str], Bars | None]
Actions = Callable[[str, str], Sequence[CorporateEvent]]


class PlayedHistory:
    """Implements `PastReader` and daily bars for adjusting, by a recording."""

    def __init__(
        self, player: RecordingPlayer, forming: Forming, actions: Actions, in_thread: InThread
    ) -> None:
        """Take the player.

        `forming` returns the bar of a symbol and interval that forms, `actions` the events of a
        source's symbol that are known by now.
        """
        self._player = player
        self._forming = forming
        self._actions = actions
        self._in_thread = in_thread

    async def read(
        self,
        instrument: Instrument,
        sessions: Sessions,  # noqa: ARG002
        interval: str,
        wanted: TimeRange,
        now: int,
        *,
        limit: int,
        newest: bool,
        source: str | None = None,
    ) -> Found:
        """Return the bars of a stretch, up to `limit` of them."""
        name, player = instrument.symbol, self._player
        forming = self._forming(name, interval)
        if source not in (None, player.name):
            forming, wanted = None, TimeRange(wanted.start, wanted.start)
        bars = await self._in_thread(
            lambda: player.past.bars(name, interval, wanted.start, wanted.end, now)
        )
        table = table_of(bars)
        if forming is not None and _follows(forming, bars, wanted):
            import pyarrow as pa

            table = pa.concat_tables([table, table_of(forming)])
        surplus = max(table.num_rows - limit, 0)
        table = table.slice(surplus) if newest else table.slice(0, limit)
        events = self._actions(player.name, name)
        return Found(source=player.name, table=table, events=events, failure=None)

    def bars(self, source: str, symbol: str, interval: str) -> pa.Table:  # noqa: ARG002
        """Return all closed bars known by now. Blocks."""
        player = self._player
        return table_of(player.past.bars(symbol, interval, 0, 2**62, player.clock.now()))


class PlayedScores:
    """Implements `Scores`: how much of what is due was heard since the recording began."""

    def __init__(
        self,
        player: RecordingPlayer,
        knowledge: Knowledge,
        sessions_of: Callable[[str], Sessions | None],
    ) -> None:
        """Take what was heard, and who knows the sessions of symbols."""
        self._player = player
        self._knowledge = knowledge
        self._sessions_of = sessions_of
        self._scorer = Scorer(clock=lambda: player.clock.now() / MICROSECONDS)

    def quality(self, symbol: str) -> Sequence[Body]:
        """Return the score of a symbol."""
        self._look(symbol)
        return self._scorer.quality(symbol)

    def report(self) -> Sequence[Body]:
        """Return the scores of all symbols."""
        for symbol in list(self._knowledge.instruments):
            self._look(symbol)
        return self._scorer.report()

    def total(self, source: str, symbol: str) -> float | None:
        """Return the score found last, None if there is none yet."""
        return self._scorer.total(source, symbol)

    def _look(self, symbol: str) -> None:
        player, sessions = self._player, self._sessions_of(symbol)
        if sessions is None:
            return
        # A minute that has just ended may be told with the next batch.
        now, first = player.clock.now() - SETTLED_MICROS, player.clock.first
        if now <= first:
            return
        series = Series(source=player.name, symbol=symbol, interval=SCORED_INTERVAL)
        heard = self._knowledge.scored(symbol)
        found = completeness(series, heard, sessions, (first, now), now=now)
        if found.expected:
            self._scorer.note_completeness(series, found)


def table_of(bars: Bars) -> pa.Table:
    """Return bars as a table of the archive."""
    return to_arrow({name: getattr(bars, name) for name in BAR_COLUMNS})


def _follows(forming: Bars, bars: Bars, wanted: TimeRange) -> bool:
    start = int(forming.start[0])
    is_newer = not len(bars) or start > int(np.max(bars.start))
    return is_newer and wanted.start <= start < wanted.end
