"""The gate for bars as sources deliver them: what is not believed is quarantined.

Owns the order of the checks; the first one a bar fails is its reason. Knows nothing between two
calls: what came before is told by the caller. The checks that need neighbours are `bar_outliers`,
`bar_duplicates` and `splits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.market_data.quality import bar_outliers, splits
from trading_dashboard.agents.market_data.quality.bar_duplicates import unique_rows
from trading_dashboard.agents.market_data.quality.bar_grid import (
    Cadence,
    cadence_of,
    near_sessions,
    placed,
)
from trading_dashboard.agents.market_data.quality.bar_moves import Moves, moves_of
from trading_dashboard.agents.market_data.quality.bar_settings import BarSettings
from trading_dashboard.agents.market_data.quality.reasons import Reason
from trading_dashboard.agents.market_data.quality.verdicts import (
    BarVerdict,
    counted,
    places_of,
    rejected_action,
    rejected_bars,
    rejected_batch,
)
from trading_dashboard.agents.market_data.records import (
    BAR_COLUMNS,
    MICROSECONDS,
    Bars,
    CorporateEvent,
    Flags,
    Integers,
)
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.store.contract import Rejected

_TYPES: dict[str, type[np.generic]] = {
    "start": np.int64,
    "closed": np.bool_,
    "revision": np.int32,
}
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarContext:
    """What is known beside the bars.

    Attributes:
        now: Microseconds, the market's clock; bars that begin later are of the future.
        sessions: Of the symbol's exchange; without them no bar is out of place.
        actions: Corporate actions that came with the bars.
        previous_close: Of the bar before the first one, from the same source, unadjusted.
        confirmed_by: A price later than the bars that is believed, such as the newest good tick.
        has_volume: Whether the symbol's trades have a volume; None if it is to be seen from the
            bars. Indices and currencies have none.
    """

    now: int
    sessions: Sessions | None = None
    actions: Sequence[CorporateEvent] = ()
    previous_close: float | None = None
    confirmed_by: float | None = None
    has_volume: bool | None = None


class BarGate:
    """Checks bars of one source, symbol and interval at a time."""

    def __init__(self, settings: BarSettings | None = None) -> None:
        self.settings = settings or BarSettings()

    def check(self, bars: Bars, context: BarContext) -> BarVerdict:
        """Return what is believed of bars and actions, and what is not."""
        cadence = cadence_of(bars.interval)
        readable = _readable(bars)
        if readable is None or cadence is None:
            return _unreadable(bars, context)
        bars = readable
        judging = _Judging(bars)
        self._check_rows(judging, cadence, context)
        rows = places_of(~judging.is_judged)
        unique = unique_rows(bars, rows, self.settings)
        judging.add(unique.misfits, Reason.OUTLIER)
        judging.add(unique.conflicting, Reason.CONFLICTING)
        good, actions, bad_actions = self._neighbours(judging, unique.kept, cadence, context)
        bad = rejected_bars(bars, judging.judged, context.now, judging.details) + bad_actions
        return BarVerdict(
            good=bars.take(good),
            actions=actions,
            bad=bad,
            received=len(bars),
            repeated=unique.superseded,
            reordered=bool((np.diff(bars.start) < 0).any()),
            reasons=counted(bad),
        )

    def _check_rows(self, judging: _Judging, cadence: Cadence, context: BarContext) -> None:
        """Judge each row by itself and by the exchange's hours."""
        bars = judging.bars
        prices = np.stack([getattr(bars, name) for name in _PRICES])
        # NaN fails every comparison, so each test asks for what is wrong with numbers only.
        judging.flag(bars.start <= 0, Reason.NO_TIME)
        judging.flag(
            ~(np.isfinite(prices).all(axis=0) & np.isfinite(bars.volume)), Reason.NOT_FINITE
        )
        judging.flag(prices.min(axis=0, initial=np.inf) <= 0, Reason.NOT_POSITIVE)
        judging.flag(bars.volume < 0, Reason.NEGATIVE_VOLUME)
        judging.flag(bars.high < bars.low, Reason.HIGH_BELOW_LOW)
        top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
        judging.flag((top > bars.high) | (bottom < bars.low), Reason.OUTSIDE_RANGE)
        future = context.now + int(self.settings.future_seconds * MICROSECONDS)
        judging.flag(bars.start > future, Reason.IN_FUTURE)
        if context.sessions is not None and len(context.sessions):
            closed, off = self._placed(bars.start, cadence, context.sessions)
            judging.flag(closed, Reason.OUTSIDE_SESSIONS)
            judging.flag(off, Reason.NOT_ALIGNED)
        judging.flag(_flat(bars, ~judging.is_judged, context.has_volume), Reason.FLAT)

    def _placed(self, start: Integers, cadence: Cadence, sessions: Sessions) -> tuple[Flags, Flags]:
        closed, off = placed(start, cadence, sessions)
        before = int(self.settings.before_open_seconds * MICROSECONDS)
        after = int(self.settings.after_close_seconds * MICROSECONDS)
        if (before or after) and cadence.width:
            extended = closed & near_sessions(start, sessions, before, after)
            closed &= ~extended
            off |= extended & (start % cadence.width != 0)
        return closed, off

    def _neighbours(
        self, judging: _Judging, rows: Integers, cadence: Cadence, context: BarContext
    ) -> tuple[Integers, list[CorporateEvent], list[Rejected]]:
        """Judge sound rows and the actions by each other; return the good rows and actions."""
        bars = judging.bars.take(rows)

        def moves(events: Sequence[CorporateEvent] = ()) -> Moves:
            return moves_of(
                bars, cadence, context.sessions, events, context.previous_close, self.settings
            )

        actions, bad = _believed(context, bars, moves())
        net = moves(actions)
        outlier = bar_outliers.excursions(net, self.settings)
        outlier |= bar_outliers.spikes(bars, net, cadence, self.settings)
        judging.add(rows[outlier], Reason.OUTLIER)
        if outlier.any():  # the bar after an outlier is to be compared with the one before it
            rows = rows[~outlier]
            bars = judging.bars.take(rows)
            net = moves(actions)
        split = splits.unlisted(bars, net)
        for row in places_of(split).tolist():
            judging.details[int(rows[row])] = splits.ratio_words(float(net.move[row]))
        waiting = bar_outliers.unconfirmed(net, context.confirmed_by) & ~split
        judging.add(rows[split], Reason.SPLIT_NOT_LISTED)
        judging.add(rows[waiting], Reason.UNCONFIRMED)
        return rows[~(split | waiting)], actions, bad


class _Judging:
    """Which rows of a batch are judged already, and why."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.is_judged: Flags = np.zeros(len(bars), dtype=np.bool_)
        self.judged: list[tuple[Integers, Reason]] = []
        self.details: dict[int, str] = {}

    def flag(self, fails: Flags, reason: Reason) -> None:
        """Judge the rows flagged, unless they are judged already."""
        found = fails & ~self.is_judged
        if found.any():
            self.add(places_of(found), reason)

    def add(self, rows: Integers, reason: Reason) -> None:
        """Judge rows by their index."""
        if len(rows):
            self.judged.append((rows, reason))
            self.is_judged[rows] = True


def _flat(bars: Bars, sound: Flags, has_volume: bool | None) -> Flags:
    """Return bool[n]: fillers, rows without any trade."""
    flat = sound & (bars.volume == 0) & (bars.high == bars.low)
    if has_volume is None:
        has_volume = 2 * int(np.count_nonzero(bars.volume[sound] > 0)) > int(sound.sum())
    return flat if has_volume else np.zeros_like(flat)


def _believed(
    context: BarContext, bars: Bars, unadjusted: Moves
) -> tuple[list[CorporateEvent], list[Rejected]]:
    """Return the actions that fit the prices, each once, and the others as quarantined."""
    refused: list[tuple[CorporateEvent, Reason]] = []
    possible: list[CorporateEvent] = []
    for event in context.actions:
        if splits.impossible(event):
            refused.append((event, Reason.BAD_ACTION))
        elif event not in possible:
            possible.append(event)
    large = splits.too_large(possible, unadjusted)
    invisible = splits.invisible(possible, bars, unadjusted)
    refused += [(event, Reason.BAD_ACTION) for event in large]
    refused += [(event, Reason.SPLIT_NOT_VISIBLE) for event in invisible]
    actions = [event for event in possible if event not in large and event not in invisible]
    return actions, [rejected_action(event, reason, context.now) for event, reason in refused]


def _readable(bars: Bars) -> Bars | None:
    """Return the bars with columns of the right type; None if it cannot be made of them."""
    columns = {}
    for name in BAR_COLUMNS:
        kind = _TYPES.get(name, np.float64)
        try:
            column = np.asarray(getattr(bars, name))
            if column.dtype.kind not in "iufb" or column.shape != (len(bars.start),):
                return None
            columns[name] = column.astype(kind, casting="same_kind", copy=False)
        except (TypeError, ValueError):
            return None
    return Bars(source=bars.source, symbol=bars.symbol, interval=bars.interval, **columns)


def _unreadable(bars: Bars, context: BarContext) -> BarVerdict:
    shape = {name: str(np.shape(getattr(bars, name))) for name in BAR_COLUMNS}
    bad = [rejected_batch(bars.source, bars.symbol, bars.interval, context.now, shape)]
    return BarVerdict(
        good=Bars.of(bars.source, bars.symbol, bars.interval, ()),
        bad=bad,
        received=max(len(bars.start), 1),
        reasons=counted(bad),
    )
