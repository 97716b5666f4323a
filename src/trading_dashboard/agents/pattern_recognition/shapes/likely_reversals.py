"""Where a series may have a reversal pattern, asked of all its turning points at once."""

from __future__ import annotations

import numpy as np

from trading_dashboard.agents.pattern_recognition.shapes.points import Flags, Numbers, Points
from trading_dashboard.agents.pattern_recognition.shapes.reversals import REVERSALS, ReversalKind
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

_NAMES = (
    frozenset({"head_and_shoulders", "inverse_head_and_shoulders"}),
    frozenset({"triple_top", "triple_bottom"}),
    frozenset({"double_top", "double_bottom"}),
)
_KINDS = [
    [kind for place, kind in enumerate(REVERSALS) if bits >> place & 1]
    for bits in range(1 << len(REVERSALS))
]


def may_be_reversals(
    points: Points, settings: ShapeSettings, wanted: frozenset[str]
) -> dict[int, list[ReversalKind]]:
    """Return which kinds each point may complete, those that come first among them.

    Only of points with a kind that is wanted; others may come before it.
    """
    flags = (_shoulders(points, settings), _triples(points, settings), _doubles(points, settings))
    bits = flags[0] + 2 * flags[1].astype(np.intp) + 4 * flags[2]
    is_wanted = sum(1 << place for place, names in enumerate(_NAMES) if names & wanted)
    numbers = np.flatnonzero(bits & is_wanted)
    return {
        number: _KINDS[one]
        for number, one in zip(numbers.tolist(), bits[numbers].tolist(), strict=True)
    }


def _doubles(points: Points, settings: ShapeSettings) -> Flags:
    last, valley, first, before = points.price[:4]
    height = (first + last) / 2 - valley
    return np.asarray(
        (points.place >= 3)
        & (height >= settings.min_height_atr * points.atr - points.room)
        & (np.abs(first - last) <= settings.peak_tolerance * height + points.room)
        & (valley - before >= settings.reversal_trend * height - points.room)
        & _is_long(points, 2, settings)
        & _are_balanced(points.bar[:3], settings)
    )


def _triples(points: Points, settings: ShapeSettings) -> Flags:
    last, valley, middle, other, first, before = points.price[:6]
    top = (first + middle + last) / 3
    lowest = np.minimum(valley, other)
    height = top - lowest
    level = settings.peak_tolerance * height + points.room
    return np.asarray(
        (points.place >= 5)
        & (height >= settings.min_height_atr * points.atr - points.room)
        & (np.abs(valley - other) <= settings.triple_valley_spread * height + points.room)
        & (np.abs(last - top) <= level)
        & (np.abs(middle - top) <= level)
        & (np.abs(first - top) <= level)
        & (lowest - before >= settings.reversal_trend * height - points.room)
        & _is_long(points, 4, settings)
        & _are_balanced(points.bar[:5:2], settings)
    )


def _shoulders(points: Points, settings: ShapeSettings) -> Flags:
    right, armpit, head, other, left, before = points.price[:6]
    at_right, at_armpit, at_head, at_other, at_left, _ = points.bar[:6]
    slope = (armpit - other) / np.maximum(at_armpit - at_other, 1)
    height = head - other - slope * (at_head - at_other)
    over_right = right - other - slope * (at_right - at_other)
    over_left = left - other - slope * (at_left - at_other)
    least = settings.shoulder_height * height - points.room
    lowest = np.minimum(armpit, other)
    return np.asarray(
        (points.place >= 5)
        & (head - np.maximum(left, right) >= settings.head_prominence * height - points.room)
        & (height >= settings.min_height_atr * points.atr - points.room)
        & (np.abs(left - right) <= settings.shoulder_spread * height + points.room)
        & (np.abs(armpit - other) <= settings.neckline_slope * height + points.room)
        & (over_right >= least)
        & (over_left >= least)
        & (lowest - before >= settings.reversal_trend * height / 2 - points.room)
        & _is_long(points, 4, settings)
        & _are_balanced(points.bar[:5:2], settings)
    )


def _is_long(points: Points, back: int, settings: ShapeSettings) -> Flags:
    span = points.bar[0] - points.bar[back]
    return np.asarray((span >= settings.reversal_min_bars) & (span <= settings.reversal_max_bars))


def _are_balanced(bar: Numbers, settings: ShapeSettings) -> Flags:
    later, sooner = bar[0] - bar[1], bar[1] - bar[2]
    # Without room: bars are whole numbers, and the product is rounded as the recogniser's is.
    return np.asarray(np.minimum(later, sooner) >= settings.leg_balance * np.maximum(later, sooner))
