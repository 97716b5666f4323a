"""Daily series in memory, and what splits and dividends do to them.

Owns the arrays of one symbol and point-in-time adjustment: at any moment of the market clock only
actions effective by then are applied, so an adjusted price never tells of a split to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from trading_dashboard.agents.market_data.demo.dataset import Action, DailyRow, Listing
from trading_dashboard.agents.market_data.demo.path import DayBar, Floats, Integers
from trading_dashboard.agents.market_data.demo.timeline import EPOCH, Instant, Timeline
from trading_dashboard.agents.market_data.market import Adjusted

SOUND_QUALITY = 100.0
FLAWED_QUALITY = 50.0


@dataclass(frozen=True, slots=True)
class EffectiveAction:
    """An action placed on the timeline.

    Attributes:
        session: Index of the ex-date's session.
        provisional: The price factor while the ex-date's session is in progress: for a dividend
            ``1 - amount / previous close`` (CRSP), which needs no price of that day.
    """

    action: Action
    session: int
    provisional: float


class DailySeries:
    """One symbol's real days, oldest first.

    Attributes:
        session: int64[n], index of each row's session in the timeline, rising.
        day: int64[n], days since 1970.
        open, high, low, close: float64[n], dollars as traded; flawed rows clamped to be coherent.
        volume: int64[n], shares.
        quality: float64[n], 0 to 100.
        flawed: The rows as they came, of those that contradict themselves, by their index.
    """

    def __init__(
        self,
        listing: Listing,
        rows: Sequence[DailyRow],
        actions: Sequence[Action],
        timeline: Timeline,
    ) -> None:
        indices = {session.day.isoformat(): i for i, session in enumerate(timeline.sessions)}
        sound = [row if not row.flaws else clamp(row) for row in rows]
        self.listing = listing
        self.session: Integers = np.array([indices[row.session] for row in rows], dtype=np.int64)
        self.day: Integers = np.array(
            [(date.fromisoformat(row.session) - EPOCH).days for row in rows], dtype=np.int64
        )
        self.open: Floats = np.array([row.open for row in sound])
        self.high: Floats = np.array([row.high for row in sound])
        self.low: Floats = np.array([row.low for row in sound])
        self.close: Floats = np.array([row.close for row in sound])
        self.volume: Integers = np.array([row.volume for row in sound], dtype=np.int64)
        self.quality: Floats = np.array(
            [FLAWED_QUALITY if row.flaws else SOUND_QUALITY for row in rows]
        )
        self.flawed = {i: row for i, row in enumerate(rows) if row.flaws}
        self.actions = tuple(self._place(action, indices) for action in actions)

    def __len__(self) -> int:
        return len(self.session)

    def closed_rows(self, instant: Instant) -> int:
        """Return how many rows, from the first, have closed by then."""
        return int(np.searchsorted(self.session, instant.last_closed, side="right"))

    def row_of(self, session: int) -> int | None:
        """Return the row of a session, None if the symbol did not trade then."""
        row = int(np.searchsorted(self.session, session))
        return row if row < len(self) and self.session[row] == session else None

    def day_bar(self, row: int) -> DayBar:
        """Return one row for the simulation."""
        return DayBar(
            float(self.open[row]),
            float(self.high[row]),
            float(self.low[row]),
            float(self.close[row]),
            int(self.volume[row]),
        )

    def effective(self, instant: Instant) -> list[EffectiveAction]:
        """Return the actions effective by then, oldest first."""
        return [action for action in self.actions if action.session <= instant.session]

    def price_factors(self, sessions: Integers, instant: Instant, adjusted: Adjusted) -> Floats:
        """Return float64[n]: what prices of those sessions are multiplied with, as of `instant`."""
        known = [] if adjusted == "none" else self.effective(instant)
        if adjusted == "splits":
            known = [item for item in known if item.action.kind == "split"]
        factors = [
            item.action.factor if item.session <= instant.last_closed else item.provisional
            for item in known
        ]
        return _products_after(sessions, [item.session for item in known], factors)

    def share_factors(self, sessions: Integers, instant: Instant) -> Floats:
        """Return float64[n]: what volumes are multiplied with for the splits since then."""
        known = [item for item in self.effective(instant) if item.action.kind == "split"]
        ratios = [item.action.ratio or 1.0 for item in known]
        return _products_after(sessions, [item.session for item in known], ratios)

    def previous_close(self, row: int) -> float | None:
        """Return the close before `row`, adjusted for what is effective on `row`'s own day."""
        if row == 0:
            return None
        close = float(self.close[row - 1])
        for item in self.actions:
            if item.session == self.session[row]:
                if item.action.ratio is not None:
                    close /= item.action.ratio
                if item.action.amount is not None:
                    close -= item.action.amount
        return round(close, 6)

    def _place(self, action: Action, indices: Mapping[str, int]) -> EffectiveAction:
        session = indices[action.ex_date]
        provisional = action.factor
        if action.amount is not None:
            before = int(np.searchsorted(self.session, session)) - 1
            provisional = 1.0 - action.amount / float(self.close[before])
        return EffectiveAction(action, session, provisional)


def clamp(row: DailyRow) -> DailyRow:
    """Return a flawed row made coherent: the range widened to what was traded, no less.

    The data set has no such row today; were one to come, its quality score says so.
    """
    prices = [price for price in (row.open, row.high, row.low, row.close) if 0 < price < np.inf]
    anchor = row.close if row.close in prices else (prices[0] if prices else 0.01)
    open_ = row.open if row.open in prices else anchor
    return DailyRow(
        row.symbol,
        row.session,
        open_,
        max([*prices, anchor]),
        min([*prices, anchor]),
        anchor,
        max(row.volume, 0),
        row.adjusted_close,
        row.flaws,
    )


def _products_after(
    sessions: Integers, effective: Sequence[int], factors: Sequence[float]
) -> Floats:
    """Return for each session the product of the factors that became effective after it."""
    from_end = np.cumprod(np.array([1.0, *reversed(factors)]))[::-1]
    result: Floats = from_end[
        np.searchsorted(np.array(effective, dtype=np.int64), sessions, "right")
    ]
    return result
