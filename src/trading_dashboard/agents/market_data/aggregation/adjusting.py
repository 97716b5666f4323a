"""Raw bars made comparable over splits and dividends, as of a moment.

Owns the arithmetic. Only events effective by the moment are applied, so an adjusted price never
tells of a split to come. An event is effective from the session of its ex-date on.

A split of r new shares for one divides earlier prices by r and multiplies earlier volumes by it. A
dividend D multiplies earlier prices by ``1 - D / C``, with C the last close before the ex-date
(CRSP; also what most providers do), or by ``C' / (C' + D)`` with C' the close of the ex-date itself
(the data set of the demo), which is known only once that session is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from trading_dashboard.agents.market_data.aggregation.grid import DAY
from trading_dashboard.agents.market_data.market import Adjusted
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Floats, Integers
from trading_dashboard.agents.market_data.sessions import Sessions

DividendBasis = Literal["previous_close", "ex_close"]


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment, in sessions.

    Attributes:
        day: Days since 1970 of the session in progress, or of the last one.
        is_over: That session has closed.
    """

    day: int
    is_over: bool

    @classmethod
    def at(cls, sessions: Sessions, now: int) -> AsOf:
        """Return where `now`, in microseconds, is among the sessions."""
        index = int(np.searchsorted(sessions.open_at, now, side="right")) - 1
        if index < 0:
            return cls(int(np.iinfo(np.int64).min), is_over=True)
        return cls(int(sessions.day[index]), is_over=now >= int(sessions.close_at[index]))


class Adjustments:
    """One symbol's factors as of a moment."""

    def __init__(
        self,
        events: Sequence[CorporateEvent],
        daily: Bars,
        as_of: AsOf,
        *,
        dividends: DividendBasis = "previous_close",
    ) -> None:
        """Prepare the factors.

        Args:
            events: The symbol's splits and dividends, in any order.
            daily: Its raw daily bars, closed ones count; they tell what a dividend was worth.
            as_of: Later events are left out.
            dividends: Which close a dividend is compared with.
        """
        closed = daily.take(daily.closed)
        self._as_of = as_of
        self._basis: DividendBasis = dividends
        self._days: Integers = closed.start // DAY
        self._closes: Floats = closed.close
        known = sorted(
            (event for event in events if event.ex_day <= as_of.day), key=lambda event: event.ex_day
        )
        self._splits = [event for event in known if event.ratio is not None]
        self._ex_days = [event.ex_day for event in known]
        self._factors = [self._factor(event) for event in known]

    def price_factors(self, days: Integers, adjusted: Adjusted) -> Floats:
        """Return float64[n]: what prices of those sessions are multiplied with."""
        if adjusted == "none":
            return np.ones(len(days))
        if adjusted == "all":
            return _products_after(days, self._ex_days, self._factors)
        return _products_after(days, self._split_days, [1.0 / ratio for ratio in self._ratios])

    def share_factors(self, days: Integers) -> Floats:
        """Return float64[n]: what volumes of those sessions are multiplied with."""
        return _products_after(days, self._split_days, self._ratios)

    def apply(self, bars: Bars, days: Integers, adjusted: Adjusted) -> Bars:
        """Return the bars adjusted; `days` has the session of each, in days since 1970.

        Bars longer than a day may span an event: adjust days, then group them with `resample`.
        Raises ValueError for such bars.
        """
        if adjusted == "none":
            return bars
        if bars.interval in ("1w", "1M"):
            raise ValueError(f"adjust daily bars and then group them, not bars of {bars.interval}")
        price = self.price_factors(days, adjusted)
        return replace(
            bars,
            open=bars.open * price,
            high=bars.high * price,
            low=bars.low * price,
            close=bars.close * price,
            volume=bars.volume * self.share_factors(days),
        )

    @property
    def _split_days(self) -> list[int]:
        return [event.ex_day for event in self._splits]

    @property
    def _ratios(self) -> list[float]:
        return [event.ratio for event in self._splits if event.ratio is not None]

    def _factor(self, event: CorporateEvent) -> float:
        if event.ratio is not None:
            return 1.0 / event.ratio
        amount = event.amount or 0.0
        on_it = int(np.searchsorted(self._days, event.ex_day))
        is_known = event.ex_day < self._as_of.day or self._as_of.is_over
        has_close = on_it < len(self._days) and self._days[on_it] == event.ex_day
        if self._basis == "ex_close" and is_known and has_close:
            close = float(self._closes[on_it])
            return close / (close + amount)
        if on_it == 0:
            return 1.0  # nothing before it to adjust
        return 1.0 - amount / float(self._closes[on_it - 1])


def session_days(bars: Bars, sessions: Sessions) -> Integers:
    """Return int64[n]: the session of each bar in days since 1970, for `Adjustments.apply`.

    Of a bar outside the sessions, the next one's: an event is effective before its open.
    """
    if bars.interval in ("1d", "1w", "1M"):
        return bars.start // DAY
    following = np.searchsorted(sessions.close_at, bars.start, side="right")
    days: Integers = sessions.day[np.minimum(following, len(sessions) - 1)]
    return days


def _products_after(days: Integers, ex_days: Sequence[int], factors: Sequence[float]) -> Floats:
    """Return for each session the product of the factors that became effective after it."""
    from_end = np.cumprod(np.array([1.0, *reversed(factors)]))[::-1]
    result: Floats = from_end[np.searchsorted(np.array(ex_days, dtype=np.int64), days, "right")]
    return result
