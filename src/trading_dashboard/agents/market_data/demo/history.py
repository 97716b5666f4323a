"""`/historical`: which bars a question asks for, as of one moment of the market clock.

Owns range, limit, paging and the cut at the clock. Everything is computed for the `Instant` passed
in; no bar that ends after it is marked closed, none that starts after it exists.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trading_dashboard.agents.market_data.demo import bars as barlib
from trading_dashboard.agents.market_data.demo.bars import DAY_SECONDS, DayBars
from trading_dashboard.agents.market_data.demo.dataset import SOURCE
from trading_dashboard.agents.market_data.demo.intraday import Intraday
from trading_dashboard.agents.market_data.demo.path import Floats, Integers
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.timeline import EPOCH, Instant, Timeline, iso
from trading_dashboard.agents.market_data.market import (
    Adjusted,
    BarsAnswer,
    BarsQuestion,
)
from trading_dashboard.agents.market_data.paging import page_after, page_token

_DECIMALS = 6


class History:
    """Answers questions about one market's past."""

    def __init__(self, timeline: Timeline, intraday: Intraday) -> None:
        self._timeline = timeline
        self._intraday = intraday

    def answer(self, question: BarsQuestion, series: DailySeries, instant: Instant) -> BarsAnswer:
        """Return the bars that a question asks for.

        Raises:
            InvalidRange: `page` is none of ours, or of another question.
        """
        after = page_after(question)
        bars = self._select(question, series, instant, after)
        next_page = None
        if question.page is not None and len(bars) > question.limit:
            bars = bars.take(slice(0, question.limit))
            next_page = page_token(question, int(bars.start[-1]))
        elif question.page is None:
            bars = bars.take(slice(max(len(bars) - question.limit, 0), None))
        adjusted_close = np.round(self._adjusted_close(question, series, instant, bars), _DECIMALS)
        head = {
            "symbol": series.listing.symbol,
            "start_date": question.start.isoformat() if question.start else None,
            "end_date": question.end.isoformat() if question.end else None,
            "interval": question.interval,
            "next_page": next_page,
            "as_of": iso(instant.now),
            "source": SOURCE,
            "replay": True,
            "intraday": "simulated",
        }
        return BarsAnswer(head=head, table=barlib.as_columns(bars, adjusted_close))

    def cost(self, question: BarsQuestion) -> int:
        """Return about how many sessions must be simulated to answer."""
        width = barlib.SECONDS.get(question.interval)
        if width is None:
            return 1
        return question.limit * width // 23_400 + 1

    def daily(
        self, series: DailySeries, instant: Instant, adjusted: Adjusted, rows: slice | None = None
    ) -> DayBars:
        """Return the closed daily bars and the one in progress, if any."""
        closed = series.closed_rows(instant)
        part = slice(0, closed) if rows is None else slice(rows.start, min(rows.stop, closed))
        sessions = series.session[part]
        prices = series.price_factors(sessions, instant, adjusted)
        volume = series.volume[part]
        if adjusted != "none":
            shares = series.share_factors(sessions, instant)
            volume = np.rint(volume * shares).astype(np.int64)
        past = DayBars(
            series.day[part] * DAY_SECONDS,
            sessions,
            _scaled(series.open[part], prices),
            _scaled(series.high[part], prices),
            _scaled(series.low[part], prices),
            _scaled(series.close[part], prices),
            volume,
            series.quality[part],
            np.ones(len(sessions), dtype=np.bool_),
        )
        running = self._running_day(series, instant)
        wants_running = rows is None or rows.start <= closed < rows.stop
        return barlib.concat([past, running]) if running is not None and wants_running else past

    # Private

    def _select(
        self, question: BarsQuestion, series: DailySeries, instant: Instant, after: int | None
    ) -> DayBars:
        rows = self._rows(question, series, instant)
        if question.interval in barlib.DAILY:
            found = self._grouped(question, series, instant, rows)
        else:
            found = self._intraday_bars(question, series, instant, rows, after)
        keep = np.ones(len(found), dtype=np.bool_)
        if after is not None:
            keep &= found.start > after
        if not question.include_partial:
            keep &= found.closed
        return found.take(keep)

    def _rows(self, question: BarsQuestion, series: DailySeries, instant: Instant) -> slice:
        """Return the symbol's rows within the dates, the one in progress included."""
        reached = int(np.searchsorted(series.session, instant.session, side="right"))
        first, last = 0, reached
        if question.start is not None:
            first = int(np.searchsorted(series.day, (question.start - EPOCH).days))
        if question.end is not None:
            last = int(np.searchsorted(series.day, (question.end - EPOCH).days, side="right"))
        return slice(first, max(min(last, reached), first))

    def _grouped(
        self, question: BarsQuestion, series: DailySeries, instant: Instant, rows: slice
    ) -> DayBars:
        """Return daily, weekly or monthly bars; a group is whole or has its first day in range."""
        if question.interval != "1d" and rows.stop > rows.start:
            keys = barlib.group_keys(series.day, question.interval)
            first = int(np.searchsorted(keys, keys[rows.start]))
            last = int(np.searchsorted(keys, keys[rows.stop - 1], side="right"))
            rows = slice(first, last)
        days = self.daily(series, instant, question.adjusted, rows)
        if not len(days):
            return days
        next_day = (self._timeline.day_after(int(days.session[-1])) - EPOCH).days
        return barlib.group_days(days, question.interval, next_day)

    def _intraday_bars(
        self,
        question: BarsQuestion,
        series: DailySeries,
        instant: Instant,
        rows: slice,
        after: int | None,
    ) -> DayBars:
        """Return the sessions' bars, no more sessions than the limit needs."""
        width = barlib.SECONDS[question.interval]
        forward = question.page is not None
        order: Iterator[int] = iter(range(rows.start, rows.stop))
        if not forward:
            order = reversed(range(rows.start, rows.stop))
        parts: list[DayBars] = []
        count = 0
        for row in order:
            session = self._timeline.sessions[int(series.session[row])]
            if after is not None and session.close_at <= after:
                continue
            part = self._session_bars(question, series, instant, row, width)
            if after is not None:
                part = part.take(part.start > after)
            parts.append(part)
            count += int(part.closed.sum())
            if count > question.limit:
                break
        return barlib.concat(parts if forward else parts[::-1])

    def _session_bars(
        self, question: BarsQuestion, series: DailySeries, instant: Instant, row: int, width: int
    ) -> DayBars:
        found = self._intraday.bars(series.listing.symbol, row, width)
        index = int(series.session[row])
        if index > instant.last_closed:
            found = self._until(found, series, instant, row, width)
        if question.adjusted == "none":
            return found
        sessions: Integers = np.array([index], dtype=np.int64)
        price = series.price_factors(sessions, instant, question.adjusted)
        shares = series.share_factors(sessions, instant)
        return DayBars(
            found.start,
            found.session,
            _scaled(found.open, price),
            _scaled(found.high, price),
            _scaled(found.low, price),
            _scaled(found.close, price),
            np.rint(found.volume * shares).astype(np.int64),
            found.quality,
            found.closed,
        )

    def _until(
        self, found: DayBars, series: DailySeries, instant: Instant, row: int, width: int
    ) -> DayBars:
        """Return a running session's bars up to the clock, the last one as far as it has got."""
        done = int(instant.offset) // width
        path = self._intraday.path(series.listing.symbol, row)
        last = min(int(instant.offset), len(path) - 1)
        forming = barlib.slice_bar(path, done * width, last)
        return barlib.concat(
            [
                found.take(slice(0, done)),
                _one_bar(int(found.start[done]), instant.session, forming, float(found.quality[0])),
            ]
        )

    def _running_day(self, series: DailySeries, instant: Instant) -> DayBars | None:
        row = None if instant.finished else series.row_of(instant.session)
        if row is None:
            return None
        path = self._intraday.path(series.listing.symbol, row)
        at = min(int(instant.offset), len(path) - 1)
        values = (
            float(path.price[0]),
            float(path.high[at]),
            float(path.low[at]),
            float(path.price[at]),
            int(path.traded[at]),
        )
        start = int(series.day[row]) * DAY_SECONDS
        return _one_bar(start, instant.session, values, float(series.quality[row]))

    def _adjusted_close(
        self, question: BarsQuestion, series: DailySeries, instant: Instant, bars: DayBars
    ) -> Floats:
        factors = series.price_factors(bars.session, instant, "all")
        already = series.price_factors(bars.session, instant, question.adjusted)
        return np.where(factors == already, bars.close, bars.close / already * factors)


def _one_bar(
    start: int, session: int, values: tuple[float, float, float, float, int], quality: float
) -> DayBars:
    open_, high, low, close, volume = values
    return DayBars(
        np.array([start], dtype=np.int64),
        np.array([session], dtype=np.int64),
        np.array([open_]),
        np.array([high]),
        np.array([low]),
        np.array([close]),
        np.array([volume], dtype=np.int64),
        np.array([quality]),
        np.zeros(1, dtype=np.bool_),
    )


def _scaled(prices: Floats, factors: Floats) -> Floats:
    """Return adjusted prices; untouched where the factor is one, so that raw stays exact."""
    return np.where(factors == 1.0, prices, np.round(prices * factors, _DECIMALS))
