"""`/historical` by real sources: a question for bars, answered from one kept series.

Owns range, paging, adjusting and the words that say what is missing. Reading and asking is
`history`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from trading_dashboard.agents.market_data.live.answers import REAL
from trading_dashboard.agents.market_data.live.clock import EPOCH, iso
from trading_dashboard.agents.market_data.live.history import Found
from trading_dashboard.agents.market_data.live.ports import InThread, KeptActions, MarketClock
from trading_dashboard.agents.market_data.live.ranges import DAY, TimeRange, reach, stretch_of
from trading_dashboard.agents.market_data.market import BarsAnswer, BarsQuestion, Body, Columns
from trading_dashboard.agents.market_data.paging import page_after, page_token
from trading_dashboard.agents.market_data.records import CorporateEvent
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import Instrument

if TYPE_CHECKING:
    import pyarrow as pa


QUICK_BARS = 2_000
"""No more than these are finished on the event loop."""


class Finish(Protocol):
    """Turns kept bars into what is answered: adjusted, scored, with the forming bar if wanted."""

    def __call__(
        self,
        table: pa.Table,
        instrument: Instrument,
        sessions: Sessions,
        source: str,
        question: BarsQuestion,
        events: Sequence[CorporateEvent],
    ) -> Columns:
        """Return columns as `BarsAnswer` has them."""


class PastReader(Protocol):
    """Reads stretches of series."""

    async def read(
        self,
        instrument: Instrument,
        sessions: Sessions,
        interval: str,
        wanted: TimeRange,
        now: int,
        *,
        limit: int,
        newest: bool,
        source: str | None = None,
    ) -> Found:
        """Return the bars of a stretch, up to `limit` of them. Raises `SourceFailure`."""


class LivePast:
    """Answers questions for bars and corporate actions."""

    def __init__(
        self,
        history: PastReader,
        archive: KeptActions,
        clock: MarketClock,
        finish: Finish,
        in_thread: InThread,
        label: Body = REAL,
    ) -> None:
        """Take the parts; `label` is what every answer says beside its source."""
        self._label = label
        self._history = history
        self._archive = archive
        self._clock = clock
        self._finish = finish
        self._in_thread = in_thread

    async def bars(
        self, instrument: Instrument, sessions: Sessions, question: BarsQuestion
    ) -> BarsAnswer:
        """Return bars up to now.

        Raises:
            InvalidRange: The dates or the page make no sense.
            SourceFailure: No source answers, and nothing is kept.
        """
        now = self._clock.micros()
        question = replace(question, symbol=instrument.symbol)
        wanted, newest = self._wanted(question, sessions, now)
        found = await self._history.read(
            instrument, sessions, question.interval, wanted, now,
            limit=question.limit + 2, newest=newest, source=question.source,
        )  # fmt: skip

        def finished() -> tuple[Columns, str | None]:
            table = found.table
            if not question.include_partial and not _are_closed(table):
                # Before it is cut: a bar that forms takes nobody's place.
                table = table.filter(table.column("closed"))
            table, next_page = _page(table, question, newest=newest)
            source, events = found.source, found.events
            return self._finish(table, instrument, sessions, source, question, events), next_page

        # A way to a thread and back costs more than finishing a few bars. Adjusting reads days.
        is_quick = not found.events and found.table.num_rows <= QUICK_BARS
        columns, next_page = finished() if is_quick else await self._in_thread(finished)
        return BarsAnswer(head=self._head(question, found, next_page, now), table=columns)

    async def actions(self, instrument: Instrument, source: str) -> list[Body]:
        """Return bodies shaped like `CorporateAction`, effective by now, oldest first."""
        today = self._clock.micros() // DAY
        events = await self._in_thread(lambda: self._archive.actions(source, instrument.symbol))
        return [_event_body(event) for event in events if event.ex_day <= today]

    def _wanted(
        self, question: BarsQuestion, sessions: Sessions, now: int
    ) -> tuple[TimeRange, bool]:
        """Return the stretch to read, and whether the newest bars of it are wanted."""
        after = page_after(question)
        wanted = stretch_of(sessions, question.interval, question.start, question.end, now)
        if question.page is None:
            begin = max(
                wanted.start, reach(sessions, question.interval, question.limit, wanted.end)
            )
            return TimeRange(begin, wanted.end), True
        if after is not None:
            return TimeRange(max(wanted.start, after + 1), wanted.end), False
        return wanted, False

    def _head(self, question: BarsQuestion, found: Found, page: str | None, now: int) -> Body:
        return {
            "symbol": question.symbol,
            "interval": question.interval,
            "next_page": page,
            "as_of": iso(now),
            "source": found.source,
            **self._label,
            "complete": found.failure is None,
            "note": None if found.failure is None else _note(found),
        }


def _note(found: Found) -> str:
    return f"Only what is kept of {found.source} is here: {found.failure}"


def _are_closed(table: pa.Table) -> bool:
    """Return whether there is nothing to leave out; a copy of a million bars is not for nothing."""
    return bool(table.column("closed").to_numpy().all())


def _page(table: pa.Table, question: BarsQuestion, *, newest: bool) -> tuple[pa.Table, str | None]:
    """Return no more bars than the limit, and the page after them."""
    surplus = table.num_rows - question.limit
    if surplus <= 0:
        return table, None
    if newest:
        return table.slice(surplus), None
    kept = table.slice(0, question.limit)
    last = kept.column("start")[-1].as_py()
    return kept, page_token(question, last)


def _event_body(event: CorporateEvent) -> Body:
    return {
        "symbol": event.symbol,
        "ex_date": (EPOCH + timedelta(days=event.ex_day)).isoformat(),
        "kind": "split" if event.ratio is not None else "dividend",
        "ratio": event.ratio,
        "amount": event.amount,
        "source": event.source,
    }
