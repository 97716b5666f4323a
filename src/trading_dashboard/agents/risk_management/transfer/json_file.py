"""Rows out of a JSON file: a list of objects, alone or as ``{"positions": [...]}``.

Owns the file's shape. Numbers stay as they were written; what they mean is `reading`'s part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from trading_dashboard.agents.risk_management.transfer.rows import (
    COST_ALIAS,
    KNOWN_COLUMNS,
    MAX_ROWS,
    Findings,
    Number,
    RawRow,
    shown_as,
)

_SHAPE = 'Write {"positions": [{"symbol": "AAPL", "quantity": "10", "average_cost": "150"}]}.'


class _Object(dict[str, Any]):
    """An object that remembers keys that came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        self.twice = sorted({key for key, _ in pairs if key in seen or seen.add(key)})  # type: ignore[func-returns-value]


def read_json(text: str, findings: Findings) -> list[RawRow]:
    """Return the rows of a JSON text; what is wrong with its shape goes to `findings`."""
    try:
        found = json.loads(
            text,
            parse_float=Number,
            parse_int=Number,
            parse_constant=Number,
            object_pairs_hook=_Object,
        )
    except json.JSONDecodeError as error:
        findings.about_file(
            f"{error.msg}: line {error.lineno}, column {error.colno}",
            "The file is not JSON.",
            "Mend it there, or import CSV.",
        )
        return []
    except RecursionError:
        findings.about_file("", "The file has lists within lists without end.", _SHAPE)
        return []
    listed = _listed(found, findings)
    if len(listed) > MAX_ROWS:
        findings.about_file(f"{len(listed)} rows", "The file has too many rows.", "Split it.")
        return []
    rows = (_row(number, item, findings) for number, item in enumerate(listed, start=1))
    return [row for row in rows if row is not None]


# Private


def _listed(found: Any, findings: Findings) -> list[Any]:
    if isinstance(found, _Object):
        for key in sorted(set(found) - {"positions"}):
            findings.about_file(key, f"The key {shown_as(key)} is not known.", "Remove it.")
        if found.twice:
            findings.about_file(", ".join(found.twice), "A key is there twice.", "Keep one.")
        found = found.get("positions")
    if not isinstance(found, list):
        findings.about_file(_kind(found), "The file has no list of positions.", _SHAPE)
        return []
    return found


def _row(number: int, item: Any, findings: Findings) -> RawRow | None:
    if not isinstance(item, _Object):
        findings.add(number, None, _kind(item), "The row is not an object.", _SHAPE)
        return None
    before = len(findings.problems)
    for key in item.twice:
        findings.add(number, shown_as(key), key, "The key is there twice.", "Keep one.")
    if COST_ALIAS in item and "average_cost" in item:
        findings.add(number, COST_ALIAS, item[COST_ALIAS], "It has average_cost, too.", "Keep one.")
    cells = {}
    for key, value in item.items():
        if key not in KNOWN_COLUMNS:
            near = get_close_matches(key, KNOWN_COLUMNS, 1, 0.6)
            step = f"Rename it to {near[0]}, or remove it." if near else "Remove it."
            findings.add(number, shown_as(key), key, "The key is not known.", step)
        elif isinstance(value, str):
            cells[key] = value if isinstance(value, Number) else value.strip()
        elif value is not None:
            step = "Write a text or a number."
            findings.add(number, key, _kind(value), "The value is neither text nor number.", step)
    return RawRow(number, cells) if len(findings.problems) == before else None


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list) else shown_as(value)
