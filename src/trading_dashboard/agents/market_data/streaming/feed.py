"""What a market is to the stream, whichever it is: a replay pulled by its clock, or one pushed.

Owns the seam between the hub and what makes the messages' content. Message bodies are the inside
of a JSON object, without braces, `seq` and `event`. All of it is called on the event loop.

Events are numbered: a number stands for all that had happened in the market by then, and grows.
Numbers of another `epoch` mean something else. A message of event `event` stands for what happened
since event `first`, inclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Protocol

from trading_dashboard.agents.market_data.streaming.outbox import Missed

Wanted = Mapping[str, Collection[str]]
"""Intervals by symbol, which somebody reads; empty where only ticks are read."""


class UpdateReceiver(Protocol):
    """Whoever hands updates on to the subscribers of a symbol."""

    def tick(self, symbol: str, body: str, merged: int, event: int, first: int) -> None:
        """Take a tick, which stands for `merged` older ones too."""

    def forming(self, symbol: str, interval: str, body: str, event: int, first: int) -> None:
        """Take the state of a bar that forms."""

    def closed(self, symbol: str, interval: str, body: str, event: int, first: int) -> None:
        """Take a bar that has closed."""

    def amended(self, symbol: str, interval: str, body: str, event: int, first: int) -> None:
        """Take a bar that had closed before and has changed."""

    def listed(self, symbol: str) -> None:
        """Take note of a symbol's state anew; all else of it has been handed over."""

    def restarted(self, symbol: str, body: str) -> None:
        """Take a reset of one symbol, after which its state is given anew."""


class MarketFeed(Protocol):
    """One market, as the stream needs it."""

    @property
    def epoch(self) -> str:
        """Return the name of this numbering of events."""

    @property
    def event(self) -> int:
        """Return the number up to which all has been handed over."""

    @property
    def trouble(self) -> str | None:
        """Return why market time stands still though it should not; None while all is well."""

    def bind(self, wake: Callable[[], None]) -> None:
        """Take what is to be called when something is due before `pause` is over."""

    # Symbols

    def symbols(self) -> Collection[str]:
        """Return every symbol there may be something of, also those not listed yet."""

    def listed(self) -> Collection[str]:
        """Return the symbols that have a state to show."""

    def resolve(self, symbol: str) -> str:
        """Return a symbol as it is known here. Raises `UnknownSymbol`."""

    def offers(self, interval: str) -> bool:
        """Return whether bars of this interval are made."""

    # Time

    def keep(self) -> None:
        """Do what keeps market time going; called at least as often as `pause` says."""

    def pause(self, wanted: Wanted) -> float | None:
        """Return the seconds until something is due, None if nothing is until a change."""

    @property
    def is_moving(self) -> bool:
        """Return whether market time passes."""

    def phase(self) -> Hashable:
        """Return what all readers are told the clock for, when it changes."""

    def clock_body(self) -> str:
        """Return the clock's state as JSON."""

    # Content

    def read(self, symbol: str, intervals: Collection[str]) -> None:
        """Take note that somebody begins to read a symbol."""

    def advance(self, wanted: Wanted, out: UpdateReceiver) -> None:
        """Hand over all of the symbols wanted that happened since the last call."""

    def jump(self) -> None:
        """Begin anew where the clock has been set to: another epoch."""

    def snapshot_body(self, symbol: str, intervals: Collection[str]) -> str:
        """Return the inside of a snapshot message, as of `event`."""

    def missed(
        self, symbol: str, intervals: Collection[str], after: int
    ) -> Sequence[Missed] | None:
        """Return the messages after an event up to `event`; None if that is too long ago."""

    def time_of(self, event: int) -> str | None:
        """Return the market time by which an event had happened, None if not known any more."""

    def now(self) -> str:
        """Return market time."""
