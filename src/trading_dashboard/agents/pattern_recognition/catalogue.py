"""All patterns by their id: what each is, whose definition that is, and its thresholds in force.

Owns putting both detectors' catalogues into one.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.candles.kinds import CandleKind
from trading_dashboard.agents.pattern_recognition.live.found import DIRECTIONS
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPES
from trading_dashboard.agents.pattern_recognition.shapes.kinds import ShapeKind
from trading_dashboard.models.errors import UnknownPattern
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings
from trading_dashboard.models.patterns import PatternKind

KINDS: dict[str, CandleKind | ShapeKind] = {
    **{kind.id: kind for kind in SHAPES},
    **{kind.id: kind for kind in CANDLES},
}
"""Chart patterns first."""


def kind_of(pattern: str) -> PatternKind:
    """Return which detector knows a pattern."""
    is_candle = isinstance(KINDS[pattern], CandleKind)
    return PatternKind.CANDLESTICK if is_candle else PatternKind.CHART


def known(pattern: str) -> str:
    """Return a pattern's id.

    Raises:
        UnknownPattern: There is none of that id.
    """
    if pattern in KINDS:
        return pattern
    near = get_close_matches(pattern, KINDS, 1, 0.5)
    raise UnknownPattern(
        f"There is no pattern '{pattern[:40]}'.",
        subject=pattern[:40],
        next_step=f"Did you mean {near[0]}?" if near else "GET /catalogue lists all.",
    )


def definitions(settings: ShapeSettings) -> list[dict[str, Any]]:
    """Return every pattern's row of the catalogue."""
    return [_definition(kind, settings) for kind in KINDS.values()]


def _definition(kind: CandleKind | ShapeKind, settings: ShapeSettings) -> dict[str, Any]:
    common = {
        "id": kind.id,
        "name": kind.name,
        "kind": kind_of(kind.id).value,
        "definition": kind.definition,
        "source": kind.source,
        "picture": f"/catalogue/{kind.id}.svg",
    }
    if isinstance(kind, CandleKind):
        own = {} if kind.penetration is None else {"penetration": kind.penetration}
        return {**common, "directions": kind.directions, "bars": str(kind.span), "settings": own}
    return {
        **common,
        "directions": [DIRECTIONS[sign] for sign in kind.directions],
        "bars": _bars(kind, settings),
        "settings": {name: _number(getattr(settings, name)) for name in kind.settings},
    }


def _bars(kind: ShapeKind, settings: ShapeSettings) -> str:
    values = [_span(name, settings) for name in kind.spans]
    return values[0] if values[0] == values[1] else " to ".join(values)


def _span(name: str, settings: ShapeSettings) -> str:
    return str(getattr(settings, name, name))


def _number(value: Any) -> float:
    return float(value[0] if isinstance(value, tuple) else value)
