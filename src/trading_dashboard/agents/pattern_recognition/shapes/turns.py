"""The catalogue's reversal patterns, with cup and handle. Bottoms are tops turned over."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.shapes.kinds import (
    BULKOWSKI,
    LMW,
    MAGEE,
    ONEIL,
    Picture,
    ShapeKind,
)

_LENGTH = ("reversal_min_bars", "reversal_max_bars")
_SHARED = (
    "min_height_atr",
    "reversal_min_bars",
    "reversal_max_bars",
    "reversal_trend",
    "leg_balance",
)
_PEAKS = (*_SHARED, "peak_tolerance")
_HEAD = (*_SHARED, "head_prominence", "shoulder_spread", "shoulder_height", "neckline_slope")
_CUP = (
    "min_height_atr",
    "cup_min_bars",
    "cup_max_bars",
    "cup_rim_spread",
    "cup_trend",
    "cup_round",
    "cup_misfit",
    "handle_min_bars",
    "handle_share",
    "handle_depth",
)

_DOUBLE = (
    "Two {peaks} of one level (within peak_tolerance of the height) with a {valley} between them, "
    "after a {rise} that came from beyond the {valley} by reversal_trend heights. The height, "
    "from the {peaks} to the {valley}, is at least min_height_atr; the two halves are balanced "
    "(leg_balance). Confirmed by a close {beyond} the {valley}; wrong beyond the {peaks}; target "
    "one height further."
)
_TRIPLE = (
    "Three {peaks} of one level (each within peak_tolerance of the height of their mean) with two "
    "{valley}s between them that differ by at most triple_valley_spread, after a {rise} that came "
    "from beyond the {valley}s by reversal_trend heights. Confirmed by a close {beyond} the "
    "farther {valley}; wrong beyond the {peaks}; target one height further."
)
_SHOULDERS = (
    "Three {peaks}, the middle one standing out over both others by head_prominence of the "
    "height; the shoulders differ by at most shoulder_spread and are shoulder_height away from "
    "the neckline, which joins the {valley}s between them and is tilted by at most "
    "neckline_slope; both halves take about the same time (leg_balance). Confirmed by a close "
    "{beyond} the neckline; wrong beyond the right shoulder; target the height of the head over "
    "the neckline further."
)
_BOWL = (
    "After a {rise} of cup_trend depths two rims of one level (cup_rim_spread) with a round "
    "{valley} between them: closes are near a parabola (cup_misfit) and at least cup_round of the "
    "bars in the third farthest from the rims. The handle after the second rim takes "
    "handle_min_bars to handle_share of the cup's bars and gives back at most handle_depth of its "
    "depth. Confirmed by a close {beyond} the rims; wrong beyond the handle's limit; target the "
    "cup's depth further."
)
_TOP_WORDS = {"peaks": "peaks", "valley": "valley", "rise": "rise", "beyond": "below"}
_BOTTOM_WORDS = {"peaks": "troughs", "valley": "peak", "rise": "fall", "beyond": "above"}

_DOUBLE_TOP = Picture(
    ((0, 0.1), (0.25, 0.85), (0.45, 0.4), (0.68, 0.85), (0.9, 0.3), (1, 0.1)),
    (((0.2, 0.4), (1, 0.4)), ((0.2, 0.85), (0.75, 0.85))),
)
_TRIPLE_TOP = Picture(
    ((0, 0.1), (0.16, 0.85), (0.3, 0.4), (0.45, 0.85), (0.6, 0.43), (0.74, 0.85), (1, 0.1)),
    (((0.12, 0.4), (1, 0.4)), ((0.12, 0.85), (0.8, 0.85))),
)
_HEAD_TOP = Picture(
    ((0, 0.05), (0.18, 0.62), (0.3, 0.36), (0.48, 0.95), (0.66, 0.36), (0.8, 0.62), (1, 0.05)),
    (((0.1, 0.36), (1, 0.36)),),
)
_CUP_UP = Picture(
    (
        *((0, 0.2), (0.12, 0.75), (0.2, 0.45), (0.3, 0.27), (0.42, 0.2), (0.54, 0.27)),
        *((0.64, 0.45), (0.72, 0.75), (0.8, 0.58), (0.86, 0.6), (1, 1)),
    ),
    (((0.08, 0.75), (1, 0.75)),),
)


def _top(words: str) -> str:
    return words.format_map(_TOP_WORDS)


def _bottom(words: str) -> str:
    return words.format_map(_BOTTOM_WORDS)


TURNS: tuple[ShapeKind, ...] = (
    ShapeKind(
        id="double_top",
        name="Double top",
        group="reversal",
        directions=(-1,),
        definition=_top(_DOUBLE),
        source=f"{BULKOWSKI}, ch. 17-20; {LMW}, sec. II.A, def. 5 (DTOP)",
        spans=_LENGTH,
        settings=_PEAKS,
        picture=_DOUBLE_TOP,
    ),
    ShapeKind(
        id="double_bottom",
        name="Double bottom",
        group="reversal",
        directions=(1,),
        definition=_bottom(_DOUBLE),
        source=f"{BULKOWSKI}, ch. 13-16; {LMW}, sec. II.A, def. 5 (DBOT)",
        spans=_LENGTH,
        settings=_PEAKS,
        picture=_DOUBLE_TOP.turned_over(),
    ),
    ShapeKind(
        id="triple_top",
        name="Triple top",
        group="reversal",
        directions=(-1,),
        definition=_top(_TRIPLE),
        source=f"{BULKOWSKI}, ch. 51; {MAGEE}, ch. 9",
        spans=_LENGTH,
        settings=(*_PEAKS, "triple_valley_spread"),
        picture=_TRIPLE_TOP,
    ),
    ShapeKind(
        id="triple_bottom",
        name="Triple bottom",
        group="reversal",
        directions=(1,),
        definition=_bottom(_TRIPLE),
        source=f"{BULKOWSKI}, ch. 50; {MAGEE}, ch. 9",
        spans=_LENGTH,
        settings=(*_PEAKS, "triple_valley_spread"),
        picture=_TRIPLE_TOP.turned_over(),
    ),
    ShapeKind(
        id="head_and_shoulders",
        name="Head and shoulders",
        group="reversal",
        directions=(-1,),
        definition=_top(_SHOULDERS),
        source=f"{BULKOWSKI}, ch. 26; {LMW}, sec. II.A, def. 1 (HS)",
        spans=_LENGTH,
        settings=_HEAD,
        picture=_HEAD_TOP,
    ),
    ShapeKind(
        id="inverse_head_and_shoulders",
        name="Inverse head and shoulders",
        group="reversal",
        directions=(1,),
        definition=_bottom(_SHOULDERS),
        source=f"{BULKOWSKI}, ch. 24; {LMW}, sec. II.A, def. 1 (IHS)",
        spans=_LENGTH,
        settings=_HEAD,
        picture=_HEAD_TOP.turned_over(),
    ),
    ShapeKind(
        id="cup_and_handle",
        name="Cup and handle",
        group="cup",
        directions=(1,),
        definition=_BOWL.format(rise="rise", valley="bottom", beyond="above"),
        source=f"{ONEIL}, ch. 2; {BULKOWSKI}, ch. 9",
        spans=("cup_min_bars", "cup_max_bars"),
        settings=_CUP,
        picture=_CUP_UP,
    ),
    ShapeKind(
        id="inverse_cup_and_handle",
        name="Inverse cup and handle",
        group="cup",
        directions=(-1,),
        definition=_BOWL.format(rise="fall", valley="top", beyond="below"),
        source=f"{BULKOWSKI}, ch. 10",
        spans=("cup_min_bars", "cup_max_bars"),
        settings=_CUP,
        picture=_CUP_UP.turned_over(),
    ),
)
