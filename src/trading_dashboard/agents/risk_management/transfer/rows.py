"""What a file of positions holds: its columns, its bounds, its rows, what is wrong with them.

Owns the vocabulary that reading and writing share, and how a text that a spreadsheet would run as a
formula is written: with an apostrophe before it, which reading takes off again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trading_dashboard.models.risk.account import ImportProblem

Format = Literal["csv", "json"]

COLUMNS = ("symbol", "quantity", "average_cost", "currency", "opened_at")
"""In the order they are written."""
COST_ALIAS = "price"
"""May stand in the place of ``average_cost``."""
KNOWN_COLUMNS = (*COLUMNS, COST_ALIAS)
REQUIRED = ("symbol", "quantity")

MAX_BYTES = 262_144
"""Twice what as many rows as may be need; reading is not free."""
MAX_ROWS = 2_000
WHOLE_FILE = 0
"""The row of a problem that is about the file or its heading."""
_SHOWN = 60

_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""The last four are full-width forms of the first four; spreadsheets run them, too."""
_RISKY = re.compile(f"'*[{re.escape(_FORMULA)}]")
_ESCAPED = re.compile(f"'+[{re.escape(_FORMULA)}]")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One position to be taken into the account.

    Attributes:
        row: 1-based, the heading not counted.
        quantity: Short below zero, never zero.
        average_cost: Per unit, in `currency`.
        opened_at: Aware UTC; None if the file does not say.
    """

    row: int
    symbol: str
    quantity: Decimal
    average_cost: Decimal
    currency: str
    opened_at: datetime | None


class Number(str):
    """A number of a JSON file, still as it was written, so that nothing is rounded."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it was found: texts by column. A column that is not there is missing or empty."""

    row: int
    cells: Mapping[str, str]


@dataclass(slots=True)
class Findings:
    """Collects what is wrong."""

    problems: list[ImportProblem] = field(default_factory=list)

    def add(
        self, row: int, column: str | None, observed: object, problem: str, next_step: str
    ) -> None:
        """Note one problem; what was observed is shown short and without control characters."""
        shown = shown_as(observed)
        self.problems.append(
            ImportProblem(
                row=row, column=column, observed=shown, problem=problem, next_step=next_step
            )
        )

    def about_file(self, observed: object, problem: str, next_step: str) -> None:
        """Note a problem of the whole file."""
        self.add(WHOLE_FILE, None, observed, problem, next_step)


def shown_as(observed: object) -> str:
    """Return a text that is safe to show: bounded, no control characters, no broken letters."""
    text = str(observed)
    cut = text[:_SHOWN] + ("…" if len(text) > _SHOWN else "")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in cut
    )


def as_text(value: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if _RISKY.match(value) else value


def from_text(cell: str) -> str:
    """Return the text that `as_text` made a cell of."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def starts_formula(text: str) -> bool:
    """Tell whether a spreadsheet would run it."""
    return text[:1] in _FORMULA if text else False
