"""Double and triple tops and bottoms, head and shoulders and inverse, from one zigzag.

All are written for tops. A bottom is the same of prices turned over, so `sign` is 1 for tops and -1
for bottoms, and every price is multiplied by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot
from trading_dashboard.agents.pattern_recognition.shapes.candidate import (
    Candidate,
    fit_of,
    level,
    line_through,
)
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.sums import added
from trading_dashboard.agents.pattern_recognition.shapes.track import Columns

Pattern = Callable[[tuple[Pivot, ...], float, float, ShapeSettings], Candidate | None]
"""Takes turning points, the price of the one before, and the least height."""
ReversalKind = tuple[Pattern, int]
"""With how many turning points it looks at."""


def find_reversal(
    pivots: Sequence[Pivot],
    columns: Columns,
    settings: ShapeSettings,
    kinds: Sequence[ReversalKind] | None = None,
) -> Candidate | None:
    """Return what the newest pivot completes: at most one of head and shoulders, triple, double.

    `kinds` are the only ones to look for, in the order of `REVERSALS`; all if None.
    """
    if len(pivots) < 4:
        return None
    newest = pivots[-1]
    smallest = settings.min_height_atr * columns.atr_at(newest.known_at)
    if smallest <= 0:
        return None
    for find, count in REVERSALS if kinds is None else kinds:
        if len(pivots) <= count:
            continue
        group = tuple(pivots[-count:])
        span = newest.bar - group[0].bar
        if settings.reversal_min_bars <= span <= settings.reversal_max_bars:
            found = find(group, pivots[-count - 1].price, smallest, settings)
            if found is not None:
                return found
    return None


def _double(
    group: tuple[Pivot, ...], before: float, smallest: float, settings: ShapeSettings
) -> Candidate | None:
    first, valley, second = group
    sign = 1 if second.is_high else -1
    top = (first.price + second.price) / 2
    height = sign * (top - valley.price)
    if height < smallest or sign * (valley.price - before) < settings.reversal_trend * height:
        return None
    apart = abs(first.price - second.price) / (settings.peak_tolerance * height)
    if apart > 1 or not _balanced(group, settings):
        return None
    neckline = level("neckline", first.bar, second.known_at, valley.price)
    tops = level("level", first.bar, second.bar, top)
    name = "double_top" if sign > 0 else "double_bottom"
    return _candidate(name, sign, group, neckline, tops, height, fit_of(apart), settings)


def _triple(
    group: tuple[Pivot, ...], before: float, smallest: float, settings: ShapeSettings
) -> Candidate | None:
    sign = 1 if group[-1].is_high else -1
    peaks, valleys = group[::2], group[1::2]
    top = added(peak.price for peak in peaks) / 3
    lowest = min(sign * valley.price for valley in valleys)
    height = sign * top - lowest
    if height < smallest or lowest - sign * before < settings.reversal_trend * height:
        return None
    apart = max(abs(peak.price - top) for peak in peaks) / (settings.peak_tolerance * height)
    uneven = abs(valleys[0].price - valleys[1].price) / height
    if apart > 1 or uneven > settings.triple_valley_spread or not _balanced(peaks, settings):
        return None
    neckline = level("neckline", group[0].bar, group[-1].known_at, sign * lowest)
    tops = level("level", group[0].bar, group[-1].bar, top)
    name = "triple_top" if sign > 0 else "triple_bottom"
    return _candidate(name, sign, group, neckline, tops, height, fit_of(apart), settings)


def _head_and_shoulders(
    group: tuple[Pivot, ...], before: float, smallest: float, settings: ShapeSettings
) -> Candidate | None:
    left, _, head, _, right = group
    sign = 1 if right.is_high else -1
    armpits = group[1::2]
    neckline = line_through(armpits, "neckline", left.bar, right.known_at)
    height = sign * (head.price - neckline.at(head.bar))
    if height < smallest or not _balanced((left, head, right), settings):
        return None
    lowest = min(sign * armpit.price for armpit in armpits)
    if lowest - sign * before < settings.reversal_trend * height / 2:
        return None
    shoulders = (sign * left.price, sign * right.price)
    stands_out = (sign * head.price - max(shoulders)) / height
    uneven = abs(left.price - right.price) / height
    tilt = abs(armpits[0].price - armpits[1].price) / height
    least = min(sign * (side.price - neckline.at(side.bar)) for side in (left, right)) / height
    is_shaped = (
        stands_out >= settings.head_prominence
        and uneven <= settings.shoulder_spread
        and tilt <= settings.neckline_slope
        and least >= settings.shoulder_height
    )
    if not is_shaped:
        return None
    name = "head_and_shoulders" if sign > 0 else "inverse_head_and_shoulders"
    fit = fit_of(uneven / settings.shoulder_spread, tilt / max(settings.neckline_slope, 1e-9))
    return _candidate(name, sign, group, neckline, neckline, height, fit, settings)


def _balanced(points: Sequence[Pivot], settings: ShapeSettings) -> bool:
    """Return whether the middle one of three points is about as far from one as from the other."""
    first, middle, last = points
    sooner, later = middle.bar - first.bar, last.bar - middle.bar
    return min(sooner, later) >= settings.leg_balance * max(sooner, later)


def _candidate(
    name: str,
    sign: int,
    group: tuple[Pivot, ...],
    neckline: Line,
    tops: Line,
    height: float,
    fit: float,
    settings: ShapeSettings,
) -> Candidate:
    """Return a pattern that breaks through its neckline and is wrong beyond its last peaks."""
    last = group[-1]
    span = last.bar - group[0].bar
    has_head = "head" in name
    highest = max(sign * peak.price for peak in group[::2])
    wrong = last.price if has_head else sign * highest
    limit = level("level", group[0].bar, last.known_at, wrong)
    return Candidate(
        pattern=name,
        direction=-sign,
        pivots=group,
        lines=(neckline,) if has_head else (neckline, tops),
        above=limit if sign > 0 else neckline,
        below=neckline if sign > 0 else limit,
        height=height,
        fit=fit,
        touches=len(group),
        expires=last.known_at + int(settings.forming_share * span),
        stop=wrong,
    )


REVERSALS: tuple[ReversalKind, ...] = ((_head_and_shoulders, 5), (_triple, 5), (_double, 3))
"""In the order in which they are looked for."""
REVERSAL_PIVOTS = 6
"""So many that end with the newest are enough."""
