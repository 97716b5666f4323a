"""Every threshold of the chart patterns, with its bounds and what it means.

Lengths are in bars, distances in average true ranges (ATR, Wilder 1978, 14 bars) or as shares of
the pattern's height, so that a pattern is the same at any price and in any timeframe.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


def _share(default: float, low: float, high: float, meaning: str) -> float:
    value: float = Field(default=default, ge=low, le=high, description=meaning)
    return value


def _bars(default: int, low: int, high: int, meaning: str) -> int:
    value: int = Field(default=default, ge=low, le=high, description=meaning)
    return value


Scale = Annotated[float, Field(ge=0.5, le=20)]


class ShapeSettings(BaseModel):
    """Thresholds of the chart patterns; the defaults are those all measurements are made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Pivots
    pivot_scales: tuple[Scale, ...] = Field(
        default=(2.5, 3.5, 5.0),
        min_length=1,
        max_length=6,
        description="Zigzag reversals in ATR, one zigzag for each: a turn is known when price "
        "has gone back so far.",
    )

    # Life
    breakout_atr: float = _share(
        1.3, 0, 3, "How far beyond the breakout level, in ATR, a close must be to confirm."
    )
    forming_share: float = _share(
        1.0, 0.1, 5, "A pattern expires while forming after this many times its own length."
    )
    confirmed_share: float = _share(
        2.0, 0.1, 10, "A confirmed pattern expires after this many times its own length."
    )
    confirmed_min_bars: int = _bars(
        20, 1, 500, "A confirmed pattern is given at least so many bars to reach its target."
    )
    overlap_share: float = _share(
        0.5, 0.1, 1, "Patterns that share this much of the new one's bars are the same event."
    )
    volume_bars: int = _bars(20, 1, 200, "Bars before the breakout its volume is compared with.")
    volume_factor: float = _share(
        1.2, 0, 10, "Volume of the breakout over that average, from which it confirms."
    )
    min_height_atr: float = _share(
        3.0, 0.5, 20, "Least height in ATR; flags, pennants and gaps have bounds of their own."
    )

    # Double and triple tops and bottoms, head and shoulders
    peak_tolerance: float = _share(
        0.15, 0.01, 0.5, "How far peaks of one level may be apart, as a share of the height."
    )
    reversal_min_bars: int = _bars(10, 3, 100, "Least bars from the first peak to the last.")
    reversal_max_bars: int = _bars(160, 20, 400, "Most bars from the first peak to the last.")
    reversal_trend: float = _share(
        0.3, 0, 5, "How far the trend must have come from beyond the valley, in heights."
    )
    leg_balance: float = _share(
        0.33, 0, 1, "Shortest part between neighbouring peaks over the longest, in bars."
    )
    triple_valley_spread: float = _share(
        0.35, 0, 1, "How far the two valleys of a triple top may differ, in heights."
    )
    head_prominence: float = _share(
        0.22, 0.02, 0.9, "How far the head stands out over both shoulders, in heights."
    )
    shoulder_spread: float = _share(0.22, 0.01, 1, "How far the shoulders may differ, in heights.")
    shoulder_height: float = _share(
        0.25, 0, 0.9, "Least height of a shoulder over the neckline, in heights."
    )
    neckline_slope: float = _share(
        0.3, 0, 1, "How far the neckline may rise or fall between its points, in heights."
    )

    # Triangles, rectangle, channels, wedges
    range_pivots: int = _bars(
        6, 4, 10, "Least turning points on both lines together: three on each."
    )
    range_leg_ratio: float = _share(
        1.7, 1, 10, "Longest way between neighbouring turning points, in bars, over the mean."
    )
    range_max_pivots: int = _bars(9, 5, 12, "Most turning points looked back on.")
    range_min_bars: int = _bars(24, 8, 200, "Least bars from the first turning point to the last.")
    range_max_bars: int = _bars(250, 20, 400, "Most bars from the first turning point to the last.")
    line_tolerance: float = _share(
        0.05, 0.01, 0.5, "How far a turning point may be off its line, as a share of the height."
    )
    line_atr: float = _share(
        0.5, 0, 3, "How much farther it may be off, in ATR: bars scatter around any line."
    )
    range_fit: float = _share(
        0.5, 0, 1, "Least fit: 1 less the mean distance of turning points, in what is tolerated."
    )
    outside_share: float = _share(
        0.04, 0, 0.5, "Share of closes that may be outside the lines by more than the tolerance."
    )
    flat_slope: float = _share(
        0.13, 0, 0.5, "A triangle's line is flat if it moves at most this much, in heights."
    )
    triangle_slope: float = _share(
        0.24, 0.01, 2, "A triangle's other line, or a wedge's, moves at least so much, in heights."
    )
    converging_ratio: float = _share(
        0.68, 0.1, 1, "Lines converge if the distance at the end is at most this of that at first."
    )
    parallel_ratio: float = _share(
        0.74, 0.1, 1, "Lines are parallel if the smaller distance is at least this of the larger."
    )
    rectangle_slope: float = _share(
        0.22,
        0,
        1,
        "Most a rectangle's lines may move from its first turning point to the last, in heights.",
    )
    channel_slope: float = _share(
        0.5,
        0.05,
        10,
        "Least a channel drifts from its first turning point to the last, in heights.",
    )

    # Flags and pennants
    pole_atr: float = _share(5.0, 1, 50, "Least height of the pole, in ATR at its foot.")
    pole_max_bars: int = _bars(14, 2, 100, "Most bars of the pole.")
    pole_speed: float = _share(
        0.7, 0.05, 10, "Least height of the pole per bar, in ATR at its foot."
    )
    pole_end_atr: float = _share(
        1.25, 0.5, 5, "The pole has ended once price has gone back so far, in ATR."
    )
    flag_min_bars: int = _bars(12, 5, 100, "Least bars of a flag or pennant.")
    flag_max_bars: int = _bars(30, 5, 200, "Most bars of a flag or pennant.")
    flag_depth: float = _share(
        0.5, 0.05, 1, "Most a flag or pennant gives back, as a share of the pole."
    )
    flag_width: float = _share(0.5, 0.02, 1, "Widest a flag or pennant may be, in poles.")
    flag_tolerance: float = _share(
        0.5, 0.02, 2, "How far bars of the pause may reach over its lines, in widths."
    )
    flag_slope: float = _share(
        0.25, -1, 3, "Most a flag may drift in the pole's direction, in widths."
    )
    flag_slope_against: float = _share(
        1.2, 0, 10, "Most a flag or pennant may drift against the pole, in widths."
    )
    flag_swing: float = _share(
        0.4, 0.05, 1, "A swing within the pause turns by at least this share of its whole range."
    )
    flag_swings: int = _bars(
        3, 0, 10, "Least swings of the pause: fewer is a leg back, no flag or pennant."
    )
    pennant_ratio: float = _share(
        0.72,
        0.05,
        1,
        "A pennant narrows: closes of its last two fifths are off their line by at "
        "most this share of those of its first two.",
    )
    flag_ratio: float = _share(1.8, 1, 10, "The same, at most, of a flag: more is a broadening.")

    # Cup and handle
    cup_min_bars: int = _bars(30, 10, 300, "Least bars from rim to rim.")
    cup_max_bars: int = _bars(200, 20, 330, "Most bars from rim to rim.")
    cup_rim_spread: float = _share(0.25, 0.01, 1, "How far the rims may differ, in depths.")
    cup_trend: float = _share(0.5, 0, 5, "Least rise to the first rim, in depths of the cup.")
    cup_round: float = _share(
        0.42, 0, 1, "Least share of bars in the lowest third: a V has a third, a parabola 0.58."
    )
    cup_misfit: float = _share(
        0.13, 0.01, 1, "Root mean square distance of closes from a parabola, in depths, at most."
    )
    handle_min_bars: int = _bars(4, 1, 50, "Least bars of the handle.")
    handle_share: float = _share(0.6, 0.05, 1, "Most bars of the handle, as a share of the cup's.")
    handle_depth: float = _share(0.5, 0.05, 1, "Most the handle gives back, in depths of the cup.")

    # Gaps
    gap_atr: float = _share(0.5, 0.05, 10, "Least width of a gap, in ATR of the bar before.")
    gap_bars: int = _bars(20, 5, 200, "Bars before the gap that say range or trend.")
    gap_range_atr: float = _share(
        5.0, 0.5, 30, "Tallest those bars may be to be a range, in ATR: breakaway."
    )
    gap_trend_atr: float = _share(
        4.0, 0.5, 50, "Least net move of those bars to be a trend, in ATR: runaway, exhaustion."
    )
    gap_efficiency: float = _share(
        0.6, 0, 1, "Least net move over their height (Kaufman's efficiency, by range)."
    )
    gap_follow_atr: float = _share(
        1.0, 0, 10, "A runaway gap is confirmed by a close so far beyond the gap bar's extreme."
    )
    gap_fill_bars: int = _bars(10, 1, 100, "A gap filled within so many bars was exhaustion.")
    gap_retrace: float = _share(
        0.5, 0.05, 2, "Target of an exhaustion gap: this share of the trend before it."
    )
