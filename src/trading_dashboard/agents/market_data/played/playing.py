"""What is played on its way to who reads: to what is known, to the stream, to a recording of it.

Owns the order of that, and beginning anew when the clock was set. Paces nothing: the player does.
"""

from __future__ import annotations

from contextlib import aclosing

from trading_dashboard.agents.market_data.played.knowledge import Knowledge
from trading_dashboard.agents.market_data.recording.heard import Heard, Past
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.recording.player import RecordingPlayer
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.models.errors import UnknownSymbol


class Playing:
    """Plays one recording to the end, and again from wherever its clock is set to."""

    def __init__(self, knowledge: Knowledge, library: Library) -> None:
        self.knowledge = knowledge
        self.player: RecordingPlayer
        """Set once: it is made with this object's own methods."""
        self.feed: LiveFeed
        self.hub: StreamHub
        self._library = library
        self._forming: dict[tuple[str, str], Bars] = {}
        self._newest: dict[str, Ticks] = {}

    # What is asked

    def forming(self, symbol: str, interval: str) -> Bars | None:
        """Return the bar that forms, None if none does."""
        return self._forming.get((symbol, interval))

    def resolve(self, symbol: str) -> str:
        """Return a symbol as it is written. Raises `UnknownSymbol`."""
        name = self.knowledge.resolve(symbol)
        if name is None:
            raise UnknownSymbol(
                f"Symbol '{symbol[:32]}' is not in the recording up to now.",
                subject=symbol[:32],
                observed=f"{len(self.knowledge.instruments)} symbols",
                next_step="GET /symbols lists those that are.",
            )
        return name

    # What is heard

    async def run(self) -> None:
        """Play, for ever."""
        async with aclosing(self.player.play()) as playing:  # type: ignore[type-var]
            async for heard in playing:
                self._learn(heard)
                batch = heard.batch
                if isinstance(batch, Ticks):
                    self.feed.publish(batch)
                elif isinstance(batch, Bars):
                    self.feed.publish_bars(batch)
                if not isinstance(batch, Past):
                    self._library.hear(batch, heard.at)

    def catch_up(self, heard: Heard | None) -> None:
        """Take what was heard before the position; at its end tell what there is by then."""
        if heard is not None:
            self._learn(heard)
            if isinstance(heard.batch, Ticks):
                newest = heard.batch
                self._newest.update(dict.fromkeys(newest.symbols, newest))
            return
        for symbol, ticks in self._newest.items():
            mine = ticks.symbol == ticks.symbols.index(symbol)
            self.feed.publish(ticks.take(mine))
        for bars in self._forming.values():
            self.feed.publish_bars(bars)
        self._newest.clear()

    def begin_anew(self) -> None:
        """Forget all that was heard: the clock was set."""
        self.knowledge.forget()
        self._forming.clear()
        self._newest.clear()
        self.feed.restart()
        self.hub.jumped()

    def _learn(self, heard: Heard) -> None:
        batch = heard.batch
        self.knowledge.take(batch, heard.at)
        if isinstance(batch, Bars) and len(batch):
            key = (batch.symbol, batch.interval)
            last = batch.take(slice(len(batch) - 1, None))
            if not last.closed[0]:
                self._forming[key] = last
            elif key in self._forming and self._forming[key].start[0] <= last.start[0]:
                del self._forming[key]
