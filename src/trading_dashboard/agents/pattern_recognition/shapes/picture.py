"""Draws a chart pattern's schematic as SVG, in the colour of the text around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from trading_dashboard.agents.pattern_recognition.shapes.kinds import ShapeKind

WIDTH, HEIGHT, MARGIN = 240, 140, 10


def draw(kind: ShapeKind) -> str:
    """Return a small SVG document; it uses ``currentColor``, so it fits light and dark pages."""
    picture = kind.picture
    cut = picture.gap_after
    parts = [picture.path] if cut is None else [picture.path[: cut + 1], picture.path[cut + 1 :]]
    lines = "".join(
        _polyline(line, 'stroke-dasharray="5 4" stroke-width="1.25" opacity="0.6"')
        for line in picture.lines
    )
    prices = "".join(_polyline(part, 'stroke-width="2.25"') for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'width="{WIDTH}" height="{HEIGHT}"><title>{escape(kind.name)}</title>'
        '<g fill="none" stroke="currentColor" stroke-linejoin="round" stroke-linecap="round">'
        f"{lines}{prices}</g></svg>"
    )


def _polyline(points: Sequence[tuple[float, float]], style: str) -> str:
    return f'<polyline points="{" ".join(_places(points))}" {style}/>'


def _places(points: Iterable[tuple[float, float]]) -> Iterable[str]:
    for x, y in points:
        across = MARGIN + x * (WIDTH - 2 * MARGIN)
        down = MARGIN + (1 - y) * (HEIGHT - 2 * MARGIN)
        yield f"{across:.1f},{down:.1f}"
