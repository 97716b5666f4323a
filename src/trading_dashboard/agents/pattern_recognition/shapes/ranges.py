"""Triangles, rectangle, channels and wedges: two lines, told apart by their slopes alone.

With the height h the larger of the distances between the lines at the first and the last turning
point, and each line's move from first to last in h, every pair of lines has one name or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from trading_dashboard.agents.pattern_recognition.detections import Line, Pivot
from trading_dashboard.agents.pattern_recognition.shapes.candidate import (
    Candidate,
    fit_of,
    line_through,
)
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import Columns, oldest_at

BETTER = 0.05
DIRECTIONS = {
    "ascending_triangle": 1,
    "descending_triangle": -1,
    "symmetrical_triangle": 0,
    "rectangle": 0,
    "ascending_channel": 0,
    "descending_channel": 0,
    "rising_wedge": -1,
    "falling_wedge": 1,
}


def find_range(
    pivots: Sequence[Pivot],
    columns: Columns,
    settings: ShapeSettings,
    bar: int,
    counts: Iterable[int] | None = None,
) -> Candidate | None:
    """Return the pattern of the most turning points that end at the newest one.

    `counts` are the only numbers of turning points to look at, the largest first; all if None.
    """
    smallest = settings.min_height_atr * columns.atr_at(bar)
    if smallest <= 0:
        return None
    last, oldest, best = pivots[-1].bar, oldest_at(bar), None
    if counts is None:
        most = min(len(pivots), settings.range_max_pivots)
        counts = range(most, settings.range_pivots - 1, -1)
    for count in counts:
        group = tuple(pivots[-count:])
        span = last - group[0].bar
        if span < settings.range_min_bars:
            break
        longest = max([later.bar - sooner.bar for sooner, later in pairwise(group)])
        uneven = longest * (count - 1) > settings.range_leg_ratio * span
        if span > settings.range_max_bars or uneven or group[0].bar < oldest:
            continue
        found = _between_lines(group, smallest, columns, settings, bar)
        if found is not None and (
            best is None or found.fit > best.fit + BETTER * (best.touches - count)
        ):
            best = found
    return best


def _between_lines(
    group: tuple[Pivot, ...], smallest: float, columns: Columns, settings: ShapeSettings, bar: int
) -> Candidate | None:
    first, last = group[0].bar, group[-1].bar
    peaks, valleys = (group[::2], group[1::2]) if group[0].is_high else (group[1::2], group[::2])
    upper = line_through(peaks, "upper", first, last)
    lower = line_through(valleys, "lower", first, last)
    at_start, at_end = upper.start_price - lower.start_price, upper.end_price - lower.end_price
    height = max(at_start, at_end)
    if height < smallest or at_end <= 0:
        return None
    name = _name(upper, lower, at_start, at_end, settings)
    if name is None:
        return None
    allowed = settings.line_tolerance * height + settings.line_atr * columns.atr_at(bar)
    off = [abs(pivot.price - upper.at(pivot.bar)) / allowed for pivot in peaks]
    off += [abs(pivot.price - lower.at(pivot.bar)) / allowed for pivot in valleys]
    fit = fit_of(*off)
    if (
        max(off) > 1
        or fit < settings.range_fit
        or not _contains(upper, lower, allowed, columns, settings, bar)
    ):
        return None
    expires = bar + int(settings.forming_share * (last - first))
    if at_end < settings.converging_ratio * at_start:
        expires = min(expires, last + int((last - first) * at_end / (at_start - at_end)))
    return Candidate(
        pattern=name,
        direction=DIRECTIONS[name],
        pivots=group,
        lines=(upper, lower),
        above=upper,
        below=lower,
        height=height,
        fit=fit,
        touches=len(group),
        expires=expires,
    )


def _name(
    upper: Line, lower: Line, at_start: float, at_end: float, settings: ShapeSettings
) -> str | None:
    height = max(at_start, at_end)
    rise = (upper.end_price - upper.start_price) / height
    lift = (lower.end_price - lower.start_price) / height
    if min(at_start, at_end) >= settings.parallel_ratio * height:
        return _parallel(rise, lift, settings)
    if at_end > settings.converging_ratio * at_start:
        return None
    return _converging(rise, lift, settings)


def _parallel(rise: float, lift: float, settings: ShapeSettings) -> str | None:
    """`rise` of the upper line, `lift` of the lower one, in heights."""
    drift = (rise + lift) / 2
    if max(abs(rise), abs(lift)) <= settings.rectangle_slope:
        return "rectangle"
    if abs(drift) < settings.channel_slope:
        return None
    return "ascending_channel" if drift > 0 else "descending_channel"


def _converging(rise: float, lift: float, settings: ShapeSettings) -> str | None:
    """`rise` of the upper line, `lift` of the lower one, in heights."""
    flat, steep = settings.flat_slope, settings.triangle_slope
    if abs(rise) <= flat and lift >= steep:
        return "ascending_triangle"
    if abs(lift) <= flat and rise <= -steep:
        return "descending_triangle"
    if rise < -flat and lift > flat:
        return "symmetrical_triangle"
    if rise >= steep:
        return "rising_wedge"
    return "falling_wedge" if lift <= -steep else None


def _contains(
    upper: Line, lower: Line, allowed: float, columns: Columns, settings: ShapeSettings, bar: int
) -> bool:
    """Return whether closes since the first turning point are inside, but for a few."""
    first = upper.start
    run = upper.end - first
    closes = columns.closes(first, bar + 1)
    top, bottom = upper.start_price + allowed, lower.start_price - allowed
    climb = (upper.end_price - upper.start_price) / run
    lift = (lower.end_price - lower.start_price) / run
    left = int(settings.outside_share * len(closes))
    for close in closes:
        if close > top or close < bottom:
            left -= 1
            if left < 0:
                return False
        top += climb
        bottom += lift
    return True
