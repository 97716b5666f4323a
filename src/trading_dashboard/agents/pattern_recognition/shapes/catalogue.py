"""Every chart pattern: what it is in words, whose definition that is, and how to draw it."""

from __future__ import annotations

from collections.abc import Mapping

from trading_dashboard.agents.pattern_recognition.shapes.continuations import CONTINUATIONS
from trading_dashboard.agents.pattern_recognition.shapes.kinds import Group, ShapeKind
from trading_dashboard.agents.pattern_recognition.shapes.turns import TURNS

SHAPES: tuple[ShapeKind, ...] = (*TURNS, *CONTINUATIONS)
SHAPE_IDS = frozenset(kind.id for kind in SHAPES)
GROUPS: Mapping[str, Group] = {kind.id: kind.group for kind in SHAPES}
