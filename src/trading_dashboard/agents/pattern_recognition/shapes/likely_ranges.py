"""Where a series may have a pattern of two lines, asked of all its turning points at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Floats
from trading_dashboard.agents.pattern_recognition.shapes.points import (
    DEEPEST,
    Flags,
    Numbers,
    Points,
)
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.agents.pattern_recognition.shapes.track import oldest_at


@dataclass(slots=True)
class _Lines:
    """The two lines of each group, turned over where its newest point is a low.

    Attributes:
        start: Prices at the group's first point, shape ``(2, m)``: of the line of the newest point
            and of the other one.
        end: Prices at its newest point.
        worst: How far the farthest point is off its line, shape ``(m,)``.
        total: How far all of them are off together.
    """

    start: Floats
    end: Floats
    worst: Floats
    total: Floats


def may_be_ranges(
    points: Points, settings: ShapeSettings, wanted: frozenset[str]
) -> dict[int, list[int]]:
    """Return of how many turning points there may be a range, by the newest of them, most first.

    Only of points with a pattern that is wanted; others of the same point may be better readings.
    """
    point, count = _even_groups(points, settings)
    lines = _lines_of(points, point, count)
    at_start, at_end = lines.start[0] - lines.start[1], lines.end[0] - lines.end[1]
    height, atr = np.maximum(at_start, at_end), points.atr[point]
    allowed = settings.line_tolerance * height + settings.line_atr * atr + points.room
    keep = np.flatnonzero(
        (height >= settings.min_height_atr * atr - points.room)
        & (at_end >= -points.room)
        & (lines.worst <= allowed)
        & (lines.total <= (1 - settings.range_fit) * allowed * count + points.room)
    )
    point, move = point[keep], (lines.end - lines.start)[:, keep]
    is_high = points.is_high[point]
    named = _named(
        np.where(is_high, move[0], -move[1]),
        np.where(is_high, move[1], -move[0]),
        at_start[keep],
        at_end[keep],
        settings,
        points.room,
    )
    is_any = np.logical_or.reduce(list(named.values()))
    is_wanted = np.logical_or.reduce([named[name] for name in named if name in wanted])
    of_point = set(point[is_wanted].tolist())
    found: dict[int, list[int]] = {}
    groups = zip(point[is_any].tolist(), count[keep][is_any].tolist(), strict=True)
    for number, many in groups:
        if number in of_point:
            found.setdefault(number, []).insert(0, many)
    return found


def _lines_of(points: Points, point: Numbers, count: Numbers) -> _Lines:
    shape = (DEEPEST // 2, 2, len(point))
    is_in = (np.arange(DEEPEST)[:, np.newaxis] < count).reshape(shape)
    bar = points.bar[:, point]
    first = bar[count - 1, np.arange(len(point))] - bar[0]
    run = (bar - bar[0]).reshape(shape) * is_in
    price = points.price[:, point].reshape(shape) * is_in
    # First axis: the points of a line. Second: the line of the newest point, and the other one.
    many = is_in.sum(axis=0)
    middle, mean = run.sum(axis=0) / many, price.sum(axis=0) / many
    run, price = (run - middle) * is_in, (price - mean) * is_in
    slope = (run * price).sum(axis=0) / np.maximum((run * run).sum(axis=0), 1.0)
    end = mean - slope * middle
    off = np.abs(price - slope * run)
    return _Lines(end + slope * first, end, off.max(axis=(0, 1)), off.sum(axis=(0, 1)))


def _even_groups(points: Points, settings: ShapeSettings) -> tuple[Numbers, Numbers]:
    """Return the groups that are neither too short, too long, too old nor too uneven."""
    newest = points.bar[0]
    oldest = oldest_at(points.known)
    longest = np.zeros(len(points), np.intp)
    found = []
    for count in range(2, settings.range_max_pivots + 1):
        first = points.bar[count - 1]
        np.maximum(longest, points.bar[count - 2] - first, out=longest)
        if count < settings.range_pivots:
            continue
        span = newest - first
        found.append(
            (points.place >= count - 1)
            & (span >= settings.range_min_bars)
            & (span <= settings.range_max_bars)
            & (longest * (count - 1) <= settings.range_leg_ratio * span)
            & (first >= oldest)
        )
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    point, more = np.nonzero(np.array(found).T)
    return point, settings.range_pivots + more


def _named(
    rise: Floats,
    lift: Floats,
    at_start: Floats,
    at_end: Floats,
    settings: ShapeSettings,
    room: float,
) -> dict[str, Flags]:
    """Return which groups may have each name; the upper line moves by `rise`, the other `lift`."""
    height = np.maximum(at_start, at_end)
    flat, steep = settings.flat_slope * height + room, settings.triangle_slope * height - room
    drift, channel = rise + lift, 2 * settings.channel_slope * height - room
    is_parallel = np.minimum(at_start, at_end) >= settings.parallel_ratio * height - room
    closes_in = at_end <= settings.converging_ratio * at_start + room
    level = settings.rectangle_slope * height + room
    flattish = settings.flat_slope * height - room
    return {
        "rectangle": is_parallel & (np.maximum(np.abs(rise), np.abs(lift)) <= level),
        "ascending_channel": is_parallel & (drift >= channel),
        "descending_channel": is_parallel & (drift <= -channel),
        "ascending_triangle": closes_in & (np.abs(rise) <= flat) & (lift >= steep),
        "descending_triangle": closes_in & (np.abs(lift) <= flat) & (rise <= -steep),
        "symmetrical_triangle": closes_in & (rise <= -flattish) & (lift >= flattish),
        "rising_wedge": closes_in & (rise >= steep),
        "falling_wedge": closes_in & (lift <= -steep),
    }
