"""What patterns were worth, for any moment: the face of everything in this package.

Owns the timeframes and the words and models of the answers. All that is said "as of" a bar counts
only outcomes that ended before that bar closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading_dashboard.agents.pattern_recognition.bars import MICROSECONDS, Bars
from trading_dashboard.agents.pattern_recognition.worth.calibration import (
    Reliability,
    merged_reliability,
)
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.timeframe import TimeframeLedger
from trading_dashboard.models.market import INTERVALS
from trading_dashboard.models.patterns import PatternWorth

_MINUTE, _DAY = 60, 86_400
SECONDS = dict(
    zip(
        INTERVALS,
        (1, 5, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
         3_600, 7_200, 14_400, _DAY, 7 * _DAY, 30 * _DAY),
        strict=True,
    )
)  # fmt: skip
"""How long a bar of each timeframe is; of a month, 30 days."""

DIRECTIONS = (1, -1)


@dataclass(frozen=True, slots=True)
class WorthOf:
    """One row of the whole table: a pattern, its direction, and its worth over one horizon."""

    pattern: str
    direction: int
    worth: PatternWorth


class Ledger:
    """Outcomes of patterns over symbols and timeframes.

    Give it the symbols of a market to pool their past, or a single one for its own past only.
    Not for several threads at once.

    Args:
        patterns: Ids of all patterns it may hold, in an order that stays.
        settings: Thresholds.
    """

    def __init__(self, patterns: Sequence[str], settings: WorthSettings | None = None) -> None:
        self.patterns = tuple(patterns)
        self.index: Mapping[str, int] = {name: at for at, name in enumerate(self.patterns)}
        self.settings = settings or WorthSettings()
        self.timeframes: dict[str, TimeframeLedger] = {}

    def load(self, timeframe: str, news: Mapping[str, tuple[Bars, Occurrences]]) -> None:
        """Take in bars and occurrences of many symbols together.

        The way to begin, and after a gap: of each symbol what is newer than what is known counts.
        """
        self.timeframe(timeframe).take_in(news)

    def extend(self, symbol: str, timeframe: str, bars: Bars, occurrences: Occurrences) -> None:
        """Take in new bars of one symbol, and what was confirmed in them.

        Args:
            symbol: Whose.
            timeframe: Which.
            bars: The new bars, after at least `settings.lookback` sound ones. With fewer,
                moves that begin before them are lost, unless they are the symbol's first.
            occurrences: By numbers of `bars`; those at bars that are known already are passed over.
        """
        self.timeframe(timeframe).take_in({symbol: (bars, occurrences)})

    def last(self, symbol: str, timeframe: str) -> int | None:
        """Return the opening time of the newest bar taken in, in microseconds; None of none."""
        ledger = self.timeframes.get(timeframe)
        series = None if ledger is None else ledger.series.get(symbol)
        return None if series is None else series.base.last

    def worth(
        self, symbol: str, timeframe: str, pattern: str, direction: int, as_of: int
    ) -> list[PatternWorth]:
        """Return a pattern's worth over each horizon, as known when the bar `as_of` closed.

        Args:
            symbol: Whose base rate `confidence` starts from.
            timeframe: Which.
            pattern: Its id.
            direction: 1 or -1; of 0 there is no worth, and the list is empty.
            as_of: Opening time of the confirming bar, microseconds.

        Raises:
            KeyError: The ledger was not made for this pattern.
        """
        if direction not in DIRECTIONS:
            return []
        number, moment = self.index[pattern], self.timeframe(timeframe).moment(as_of)
        return [
            moment.worth((number, direction, horizon), symbol)
            for horizon in range(len(self.settings.horizons))
        ]

    def rows(self, timeframe: str, as_of: int) -> list[WorthOf]:
        """Return the worth of everything that has an outcome, as known when `as_of` closed."""
        ledger = self.timeframe(timeframe)
        moment = ledger.moment(as_of)
        return [
            WorthOf(self.patterns[key[0]], key[1], moment.worth(key, None))
            for key in sorted(ledger.cells)
        ]

    def tests(self, timeframe: str, as_of: int) -> int:
        """Return how many tests the adjusted p-values of that moment are corrected for."""
        return len(self.timeframe(timeframe).moment(as_of).tested)

    def reliability(
        self, timeframe: str, horizon: int | None = None, as_of: int | None = None
    ) -> Reliability:
        """Return what was said against what happened, over one horizon or all.

        With `as_of`, of what ended in stretches of 30 bars before the one it lies in.
        """
        ledger = self.timeframe(timeframe)
        chosen = [
            calibration
            for bars, calibration in zip(self.settings.horizons, ledger.calibrations, strict=True)
            if horizon in (None, bars)
        ]
        return merged_reliability(chosen, None if as_of is None else ledger.stretch_of(as_of))

    def timeframe(self, timeframe: str) -> TimeframeLedger:
        """Return the ledger of one timeframe, an empty one if nothing was taken in."""
        if timeframe not in self.timeframes:
            microseconds = SECONDS[timeframe] * MICROSECONDS
            self.timeframes[timeframe] = TimeframeLedger(microseconds, self.settings)
        return self.timeframes[timeframe]
