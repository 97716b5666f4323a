"""What is kept of market data, whatever keeps it.

Owns the seam behind which DuckDB is today and PostgreSQL may be tomorrow: what is written in one
acknowledged step, and what can be asked. Every method blocks and may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row that was not believed: kept, with the reason, and never served as good.

    Attributes:
        interval: Of a bar; empty for a tick or a quote.
        at: Microseconds since 1970 UTC, None if the row had no time that can be read.
        reason: A stable code, such as ``high_below_low``; `detail` is for people.
        row: The row as it came, JSON, at most 2,000 characters.
    """

    source: str
    symbol: str
    interval: str
    at: int | None
    received: int
    reason: str
    detail: str
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch [start, end) of open hours without data that should have been there.

    Attributes:
        interval: Of the bars missing; empty where the live stream was silent.
        cause: Why, as far as known.
        filled_at: When it was filled from the source, None while it is not.
        attempts: How often filling was tried.
    """

    source: str
    symbol: str
    interval: str
    start: int
    end: int
    cause: Literal[
        "agent_down", "source_down", "source_silent", "not_delivered", "quarantined", "not_stored"
    ]
    detail: str = ""
    found_at: int = 0
    filled_at: int | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What is put on disk in one step: all of it or nothing."""

    ticks: Sequence[Ticks] = ()
    bars: Sequence[Bars] = ()
    """A bar replaces the one of the same source, symbol, interval and start."""
    actions: Sequence[CorporateEvent] = ()
    rejected: Sequence[Rejected] = ()
    gaps: Sequence[Gap] = ()
    """A gap replaces the one of the same source, symbol, interval and start."""
    notes: Mapping[str, str] | None = None
    """Small texts by key, such as the quotas used today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesInfo:
    """One stored series."""

    source: str
    symbol: str
    interval: str
    first: int
    last: int
    rows: int


class Archive(Protocol):
    """The store. `write` returns when what was given would survive `kill -9` and a power cut."""

    def write(self, writing: Writing) -> None:
        """Put it on disk, or nothing of it. Raises `StoreUnusable`, on a full disk, say."""

    def bars(
        self,
        source: str,
        symbol: str,
        interval: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> pa.Table:
        """Return bars that open in [start, end), oldest first, columns as in `Bars`.

        With a limit the first ones, or the newest ones.
        """

    def ticks(self, source: str, symbol: str, start: int, end: int) -> pa.Table:
        """Return ticks made in [start, end), oldest first: at, price, size, received."""

    def series(self, symbol: str | None = None) -> Sequence[SeriesInfo]:
        """Return what is stored, of one symbol or of all."""

    def actions(self, source: str, symbol: str) -> Sequence[CorporateEvent]:
        """Return splits and dividends, oldest first."""

    def rejected(
        self, symbol: str | None = None, source: str | None = None, *, limit: int = 100
    ) -> Sequence[Rejected]:
        """Return the rows rejected last, newest first."""

    def rejected_counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many rows were rejected, by source and symbol."""

    def gaps(self, symbol: str | None = None, *, limit: int = 1000) -> Sequence[Gap]:
        """Return gaps, newest first."""

    def note(self, key: str) -> str | None:
        """Return what was noted under a key."""

    def noted(self, begins_with: str, *, limit: int) -> Mapping[str, str]:
        """Return up to so many notes whose key begins with a text."""

    def backup(self, path: Path) -> None:
        """Write a whole copy while others read and write."""

    def close(self) -> None:
        """Write what is pending and give the file back."""
