"""What a start reads back of the journal beside the book: limits, the gate, the world, the curve.

Called in the thread that has the store, before anything is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.gate.memory import GATE_KINDS
from trading_dashboard.agents.risk_management.live.account import TIMELESS
from trading_dashboard.agents.risk_management.live.worlds import TELLING, World, newest_world
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.account import Fill, JournalEntry, JournalKind

PAGE = 1_000
MAX_CURVE = 1_000
"""Sessions of the equity curve."""
_FLOWS = frozenset(
    {JournalKind.CASH_MOVED, JournalKind.POSITION_IMPORTED, JournalKind.POSITION_CLEARED}
)


class Curve:
    """Equity at each session's start since money or holdings were last brought in or taken out.

    What is brought in is no gain: a curve over it would tell false drawdowns.
    """

    def __init__(self) -> None:
        self._points: dict[str, float] = {}

    def take(self, entry: JournalEntry) -> None:
        """Take an entry, oldest first."""
        if entry.kind in _FLOWS:
            self._points.clear()
        elif entry.kind is JournalKind.DAY_STARTED and entry.data.get("equity") is not None:
            self._points[str(entry.data["session"])] = float(entry.data["equity"])
            if len(self._points) > MAX_CURVE:
                del self._points[next(iter(self._points))]

    @property
    def points(self) -> tuple[float, ...]:
        """Return equity, oldest first."""
        return tuple(self._points.values())


@dataclass(slots=True)
class Remembered:
    """What the journal says beside the book."""

    book: Book
    limits: list[JournalEntry] = field(default_factory=list)
    """All changes, oldest first."""
    gate: list[JournalEntry] = field(default_factory=list)
    world: World | None = None
    newest_at: datetime | None = None
    """Market time of the newest thing the account has done."""
    curve: Curve = field(default_factory=Curve)
    fills: list[Fill] = field(default_factory=list)
    """Of the session in progress, oldest first."""


def remember(store: AccountStore) -> Remembered:
    """Return what a start needs.

    Raises:
        AccountStoreError: The store cannot be read.
    """
    book = store.load()
    found = Remembered(book)
    found.limits = _oldest_first(store, [JournalKind.LIMIT_CHANGED])
    found.gate = store.journal(limit=1, kinds=GATE_KINDS).entries
    begun = store.journal(limit=1, kinds=TELLING).entries
    found.world = newest_world(begun)
    timed = [kind for kind in JournalKind if kind not in TIMELESS]
    # What came before the newest start of a session may be of another run of a replay.
    found.newest_at = store.newest_at(begun[0].seq if begun else 0, timed)
    kinds = [*_FLOWS, JournalKind.DAY_STARTED]
    for entry in reversed(store.journal(limit=PAGE, kinds=kinds).entries):
        found.curve.take(entry)
    if book.day is not None:
        start = datetime.combine(book.day.session, time.min, UTC)
        found.fills = list(reversed(list(_since(store, start))))
    return found


def _oldest_first(store: AccountStore, kinds: Sequence[JournalKind]) -> list[JournalEntry]:
    entries: list[JournalEntry] = []
    before: int | None = None
    while True:
        page = store.journal(before, PAGE, kinds)
        entries += page.entries
        before = page.next_before
        if before is None:
            return entries[::-1]


def _since(store: AccountStore, start: datetime) -> Iterator[Fill]:
    """Yield the fills since a market time, newest first."""
    before: str | None = None
    while True:
        page = store.fills(before, PAGE)
        fills: Iterable[Fill] = page.fills
        for fill in fills:
            if fill.at < start:
                return
            yield fill
        before = page.next_before
        if before is None:
            return
