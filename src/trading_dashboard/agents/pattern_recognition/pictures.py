"""Pictures of patterns, as SVG in the reader's own colours.

Owns the drawing. A chart pattern is its catalogue's schematic, a candlestick pattern an example
that its detector itself takes for one (`candle_examples`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from trading_dashboard.agents.pattern_recognition.candle_examples import EXAMPLES, Candle
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPES
from trading_dashboard.agents.pattern_recognition.shapes.kinds import Picture

WIDTH, HEIGHT, EDGE = 160, 100, 8
_SHAPES = {kind.id: kind.picture for kind in SHAPES}
_BODY = 0.6
"""Share of a bar's room that its body takes."""
_MOST_ROOM = 22.0


@lru_cache(maxsize=256)
def picture_of(pattern: str) -> str:
    """Return the drawing of a pattern that is in the catalogue."""
    picture = _SHAPES.get(pattern)
    content = _schematic(picture) if picture is not None else _candles(EXAMPLES[pattern])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'fill="none" stroke="currentColor">{"".join(content)}</svg>'
    )


def _schematic(picture: Picture) -> Iterable[str]:
    for line in picture.lines:
        yield _polyline(line, 'class="line" stroke-width="1" stroke-dasharray="4 3"')
    cut = len(picture.path) if picture.gap_after is None else picture.gap_after + 1
    for part in (picture.path[:cut], picture.path[cut:]):
        if part:
            yield _polyline(part, 'class="price" stroke-width="2" stroke-linejoin="round"')


def _polyline(points: Sequence[tuple[float, float]], style: str) -> str:
    placed = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline {style} fill="none" stroke="currentColor" points="{placed}"/>'


def _candles(bars: Sequence[Candle]) -> Iterable[str]:
    room = min((WIDTH - 2 * EDGE) / len(bars), _MOST_ROOM)
    first = (WIDTH - room * len(bars)) / 2
    top, bottom = max(bar[1] for bar in bars), min(bar[2] for bar in bars)
    scale = (HEIGHT - 2 * EDGE) / (top - bottom)

    def at(price: float) -> float:
        return EDGE + (top - price) * scale

    for place, (opened, high, low, close) in enumerate(bars):
        middle, half = first + room * (place + 0.5), room * _BODY / 2
        upper, lower = at(max(opened, close)), at(min(opened, close))
        fill = "none" if close >= opened else "currentColor"
        yield _stroke(middle, at(high), upper)
        yield _stroke(middle, lower, at(low))
        yield (
            f'<rect class="body" x="{middle - half:.1f}" y="{upper:.1f}" width="{2 * half:.1f}" '
            f'height="{max(lower - upper, 0.5):.1f}" fill="{fill}" stroke="currentColor"/>'
        )


def _stroke(x: float, start: float, end: float) -> str:
    return f'<line class="shadow" x1="{x:.1f}" y1="{start:.1f}" x2="{x:.1f}" y2="{end:.1f}"/>'


def _x(share: float) -> float:
    return EDGE + share * (WIDTH - 2 * EDGE)


def _y(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)
