"""The catalogue's triangles, rectangle, channels, wedges, flags, pennants and gaps."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.shapes.kinds import (
    BULKOWSKI,
    LMW,
    MAGEE,
    Picture,
    Points,
    ShapeKind,
)

_LENGTH = ("range_min_bars", "range_max_bars")
_LINES = (
    "min_height_atr",
    "range_pivots",
    "range_max_pivots",
    "range_min_bars",
    "range_max_bars",
    "range_leg_ratio",
    "line_tolerance",
    "outside_share",
)
_TRIANGLE = (*_LINES, "converging_ratio", "flat_slope", "triangle_slope")
_WEDGE = (*_LINES, "converging_ratio", "triangle_slope", "flat_slope")
_CHANNEL = (*_LINES, "parallel_ratio", "channel_slope")
_POLE = ("pole_atr", "pole_end_atr", "pole_max_bars", "pole_speed")
_PAUSE = ("flag_min_bars", "flag_max_bars", "flag_depth", "flag_width", "flag_slope_against")
_FLAG = (*_POLE, *_PAUSE, "flag_slope", "flag_ratio")
_PENNANT = (*_POLE, *_PAUSE, "pennant_ratio")
_TREND_GAP = ("gap_atr", "gap_bars", "gap_trend_atr", "gap_efficiency", "gap_fill_bars")

_WITHIN = (
    " At least range_pivots turning points lie on the two lines (within line_tolerance of the "
    "height), and all closes but outside_share between them; the height is at least "
    "min_height_atr."
)
_EITHER = (
    " Confirmed by a close beyond either line, target one height further; wrong beyond the other."
)
_CONVERGE = " The lines converge to converging_ratio or less."


def _zigzag(upper: tuple[float, float], lower: tuple[float, float], out: float) -> Picture:
    """Draw prices between two lines, from left to right, leaving up or down to `out`."""
    places = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8)
    path: list[tuple[float, float]] = []
    for number, x in enumerate(places):
        low, high = upper if number % 2 else lower
        path.append((x, round(low + (high - low) * (x - 0.05) / 0.75, 3)))
    lines: tuple[Points, ...] = (
        ((0.05, upper[0]), (0.8, upper[1])),
        ((0.05, lower[0]), (0.8, lower[1])),
    )
    return Picture((*path, (1, out)), lines)


_BULL_FLAG = Picture(
    ((0, 0.05), (0.35, 0.75), (0.45, 0.52), (0.55, 0.68), (0.65, 0.45), (0.75, 0.61), (1, 1)),
    (((0.35, 0.75), (0.8, 0.6)), ((0.4, 0.53), (0.75, 0.42))),
)
_BULL_PENNANT = Picture(
    ((0, 0.05), (0.35, 0.78), (0.45, 0.5), (0.56, 0.72), (0.66, 0.55), (0.75, 0.66), (1, 1)),
    (((0.35, 0.78), (0.8, 0.65)), ((0.42, 0.48), (0.8, 0.6))),
)
_BREAKAWAY = Picture(
    (
        *((0, 0.3), (0.12, 0.42), (0.24, 0.28), (0.36, 0.41), (0.48, 0.3), (0.55, 0.4)),
        *((0.6, 0.62), (0.8, 0.75), (1, 0.95)),
    ),
    (((0, 0.42), (0.6, 0.42)), ((0, 0.28), (0.6, 0.28))),
    gap_after=5,
)
_RUNAWAY = Picture(
    (
        (0, 0.05),
        (0.2, 0.25),
        (0.28, 0.2),
        (0.48, 0.42),
        (0.54, 0.6),
        (0.7, 0.75),
        (0.78, 0.7),
        (1, 1),
    ),
    (((0.4, 0.42), (0.75, 0.42)), ((0.4, 0.6), (0.75, 0.6))),
    gap_after=3,
)
_EXHAUSTION = Picture(
    (
        (0, 0.05),
        (0.25, 0.3),
        (0.32, 0.26),
        (0.55, 0.6),
        (0.6, 0.8),
        (0.7, 0.84),
        (0.8, 0.55),
        (1, 0.3),
    ),
    (((0.5, 0.6), (0.85, 0.6)), ((0.5, 0.8), (0.8, 0.8))),
    gap_after=3,
)


def _range(
    name: str,
    directions: tuple[int, ...],
    words: str,
    source: str,
    settings: tuple[str, ...],
    picture: Picture,
) -> ShapeKind:
    return ShapeKind(
        id=name.lower().replace(" ", "_"),
        name=name,
        group="range",
        directions=directions,
        definition=words,
        source=source,
        spans=_LENGTH,
        settings=settings,
        picture=picture,
    )


_RANGES = (
    _range(
        "Ascending triangle",
        (1,),
        "A flat upper line (at most flat_slope heights) and a lower line that rises by "
        "triangle_slope or more."
        + _CONVERGE
        + _WITHIN
        + " Confirmed by a close above the upper line, target one height "
        "further; wrong below the lower one.",
        f"{BULKOWSKI}, ch. 47; {MAGEE}, ch. 8",
        _TRIANGLE,
        _zigzag((0.7, 0.7), (0.15, 0.55), 1),
    ),
    _range(
        "Descending triangle",
        (-1,),
        "A flat lower line (at most flat_slope heights) and an upper line that falls by "
        "triangle_slope or more."
        + _CONVERGE
        + _WITHIN
        + " Confirmed by a close below the lower line, target one height "
        "further; wrong above the upper one.",
        f"{BULKOWSKI}, ch. 48; {MAGEE}, ch. 8",
        _TRIANGLE,
        _zigzag((0.85, 0.45), (0.3, 0.3), 0),
    ),
    _range(
        "Symmetrical triangle",
        (1, -1),
        "An upper line that falls and a lower line that rises, each by more than flat_slope "
        "heights." + _CONVERGE + _WITHIN + _EITHER,
        f"{BULKOWSKI}, ch. 49; {LMW}, sec. II.A, def. 3 (TTOP, TBOT)",
        _TRIANGLE,
        _zigzag((0.9, 0.58), (0.1, 0.42), 0.95),
    ),
    _range(
        "Rectangle",
        (1, -1),
        "Two parallel lines (parallel_ratio) that drift by at most rectangle_slope heights."
        + _WITHIN
        + _EITHER,
        f"{BULKOWSKI}, ch. 37-38; {LMW}, sec. II.A, def. 4 (RTOP, RBOT)",
        (*_LINES, "parallel_ratio", "rectangle_slope"),
        _zigzag((0.7, 0.7), (0.3, 0.3), 1),
    ),
    _range(
        "Ascending channel",
        (1, -1),
        "Two parallel lines (parallel_ratio) that rise by channel_slope heights or more."
        + _WITHIN
        + _EITHER,
        f"{MAGEE}, ch. 14",
        _CHANNEL,
        _zigzag((0.45, 0.9), (0.05, 0.5), 0.3),
    ),
    _range(
        "Descending channel",
        (1, -1),
        "Two parallel lines (parallel_ratio) that fall by channel_slope heights or more."
        + _WITHIN
        + _EITHER,
        f"{MAGEE}, ch. 14",
        _CHANNEL,
        _zigzag((0.95, 0.5), (0.55, 0.1), 0.7),
    ),
    _range(
        "Rising wedge",
        (-1,),
        "Two rising lines, the upper by triangle_slope heights or more, the lower one steeper."
        + _CONVERGE
        + _WITHIN
        + " Confirmed by a close below the lower line, target one height further; wrong above "
        "the upper one.",
        f"{BULKOWSKI}, ch. 53; {MAGEE}, ch. 10",
        _WEDGE,
        _zigzag((0.5, 0.9), (0.05, 0.75), 0.35),
    ),
    _range(
        "Falling wedge",
        (1,),
        "Two falling lines, the lower by triangle_slope heights or more, the upper one steeper."
        + _CONVERGE
        + _WITHIN
        + " Confirmed by a close above the upper line, target one height further; wrong below "
        "the lower one.",
        f"{BULKOWSKI}, ch. 52; {MAGEE}, ch. 10",
        _WEDGE,
        _zigzag((0.95, 0.25), (0.5, 0.1), 0.7),
    ),
)

_POLE_WORDS = (
    "A pole, {way} by pole_atr or more within pole_max_bars and by pole_speed ATR a bar, then a "
    "pause of flag_min_bars to flag_max_bars that gives back at most flag_depth of it and is no "
    "wider than flag_width of it. "
)
_FLAG_WORDS = (
    "Its lines, through the extremes of its first and last third, are about parallel (flag_ratio) "
    "and drift with the pole by at most flag_slope widths. Confirmed by a close beyond the line "
    "on the pole's side; wrong beyond the other; target the pole's height further."
)
_PENNANT_WORDS = (
    "Its lines, through the extremes of its first and last third, converge to pennant_ratio or "
    "less. Confirmed by a close beyond the line on the pole's side; wrong beyond the other; "
    "target the pole's height further."
)


def _flag(name: str, sign: int, words: str, chapter: int, picture: Picture) -> ShapeKind:
    way = _POLE_WORDS.format(way="rising" if sign > 0 else "falling")
    return ShapeKind(
        id=name.lower().replace(" ", "_"),
        name=name,
        group="flag",
        directions=(sign,),
        definition=way + words,
        source=f"{BULKOWSKI}, ch. {chapter}; {MAGEE}, ch. 11",
        spans=("flag_min_bars", "flag_max_bars"),
        settings=_FLAG if "flag" in name else _PENNANT,
        picture=picture if sign > 0 else picture.turned_over(),
    )


_FLAGS = (
    _flag("Bull flag", 1, _FLAG_WORDS, 21, _BULL_FLAG),
    _flag("Bear flag", -1, _FLAG_WORDS, 21, _BULL_FLAG),
    _flag("Bull pennant", 1, _PENNANT_WORDS, 34, _BULL_PENNANT),
    _flag("Bear pennant", -1, _PENNANT_WORDS, 34, _BULL_PENNANT),
)


def _gap(name: str, words: str, settings: tuple[str, ...], picture: Picture) -> ShapeKind:
    return ShapeKind(
        id=name.lower().replace(" ", "_"),
        name=name,
        group="gap",
        directions=(1, -1),
        definition="No price is shared with the bar before, by gap_atr or more. " + words,
        source=f"{BULKOWSKI}, ch. 23; {MAGEE}, ch. 12",
        spans=("gap_bars", "gap_bars"),
        settings=settings,
        picture=picture,
    )


_GAPS = (
    _gap(
        "Breakaway gap",
        "The gap_bars before it are a range of at most gap_range_atr, and the gap's bar closes "
        "beyond it: confirmed then. Wrong once a close fills the gap; target the range's height "
        "further.",
        ("gap_atr", "gap_bars", "gap_range_atr", "gap_trend_atr", "gap_efficiency"),
        _BREAKAWAY,
    ),
    _gap(
        "Runaway gap",
        "The gap_bars before it are a trend in its direction: a net move of gap_trend_atr and of "
        "gap_efficiency of their height. Confirmed by a close gap_follow_atr beyond the gap bar's "
        "extreme within gap_fill_bars; wrong once a close fills the gap; the gap is half-way to "
        "the target, which lies beyond that level.",
        (*_TREND_GAP, "gap_follow_atr"),
        _RUNAWAY,
    ),
    _gap(
        "Exhaustion gap",
        "Within a trend as before a runaway gap, but filled by a close within gap_fill_bars: "
        "known and confirmed only then, against the trend. Wrong beyond the trend's extreme; "
        "target gap_retrace of the trend.",
        (*_TREND_GAP, "gap_retrace"),
        _EXHAUSTION,
    ),
)

CONTINUATIONS: tuple[ShapeKind, ...] = (*_RANGES, *_FLAGS, *_GAPS)
