"""What the engine knows, as plain lists and numbers that survive JSON exactly, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from trading_dashboard.agents.pattern_recognition.detections import (
    Change,
    Formed,
    Line,
    Pivot,
    ShapeDetection,
)
from trading_dashboard.agents.pattern_recognition.shapes.candidate import Candidate
from trading_dashboard.agents.pattern_recognition.shapes.life import Living
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings
from trading_dashboard.models.patterns import PatternState

VERSION = 1
"""Of the form; another one is not read."""


def pivot_row(pivot: Pivot) -> list[Any]:
    """Return a pivot as a row."""
    return [pivot.bar, pivot.price, pivot.is_high, pivot.known_at]


def _line_row(line: Line) -> list[Any]:
    return [line.role, line.start, line.start_price, line.end, line.end_price]


def _columns(thing: Any) -> dict[str, Any]:
    """Return the fields of a candidate, detection or what was formed, ready for JSON."""
    state: dict[str, Any] = {}
    names = thing._fields if isinstance(thing, Formed) else [field.name for field in fields(thing)]
    for name in names:
        value = getattr(thing, name)
        match value:
            case Line():
                state[name] = _line_row(value)
            case Formed():
                state[name] = _columns(value)
            case list() | tuple():
                state[name] = [_row(one) for one in value]
            case _:
                state[name] = value
    return state


def _row(one: Pivot | Line | Change) -> list[Any]:
    match one:
        case Pivot():
            return pivot_row(one)
        case Line():
            return _line_row(one)
        case Change():
            return [one.state.value, one.bar, one.price]


def _pivots(rows: list[Any]) -> tuple[Pivot, ...]:
    return tuple(Pivot(*row) for row in rows)


def _lines(rows: list[Any]) -> tuple[Line, ...]:
    return tuple(Line(*row) for row in rows)


def _formed(state: dict[str, Any]) -> Formed:
    rest = {"pivots": _pivots(state["pivots"]), "lines": _lines(state["lines"])}
    return Formed(**{**state, **rest})


def detection_state(detection: ShapeDetection) -> dict[str, Any]:
    """Return a detection, ready for JSON."""
    return _columns(detection)


def detection_from(state: dict[str, Any]) -> ShapeDetection:
    """Return the detection that `detection_state` was given."""
    formed = state["formed"]
    changes = [Change(PatternState(name), bar, price) for name, bar, price in state["changes"]]
    rest = {
        "pivots": _pivots(state["pivots"]),
        "lines": _lines(state["lines"]),
        "changes": changes,
        "formed": None if formed is None else _formed(formed),
    }
    return ShapeDetection(**{**state, **rest})


def living_state(living: Living) -> dict[str, Any]:
    """Return an open detection with what decides about it, ready for JSON."""
    return {
        "candidate": _columns(living.candidate),
        "detection": detection_state(living.detection),
        "expires": living.expires,
    }


def living_from(state: dict[str, Any], settings: ShapeSettings) -> Living:
    """Return the open detection that `living_state` was given."""
    row = state["candidate"]
    candidate = Candidate(
        **{
            **row,
            "pivots": _pivots(row["pivots"]),
            "lines": _lines(row["lines"]),
            "above": Line(*row["above"]),
            "below": Line(*row["below"]),
        }
    )
    living = Living(candidate, candidate.start, settings)
    living.detection = detection_from(state["detection"])
    living.expires = state["expires"]
    return living
