"""Rows out of a CSV file: encoding, separator, heading, quotes.

Owns what is about the file and its cells' places; what cells mean is `reading`'s part.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from trading_dashboard.agents.risk_management.transfer.rows import (
    COLUMNS,
    COST_ALIAS,
    KNOWN_COLUMNS,
    MAX_ROWS,
    REQUIRED,
    Findings,
    RawRow,
    shown_as,
)

_SEPARATORS = (",", ";", "\t")
_HEADING = ",".join(COLUMNS)
_BROKEN = re.compile("[\udc80-\udcff]")
_WORDS = {"ticker": "symbol", "shares": "quantity", "qty": "quantity", "cost": "average_cost"}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What was found.

    Attributes:
        separator: The one its heading has.
        has_shape: The heading can be used; without it, no row can.
    """

    rows: list[RawRow]
    separator: str
    has_shape: bool


def decoded(data: bytes, findings: Findings) -> str | None:
    """Return the text of a file, bytes that are not UTF-8 as lone surrogates; None if hopeless."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        findings.about_file(
            "UTF-16", "The file is encoded in UTF-16.", "Save it as CSV UTF-8, or JSON in UTF-8."
        )
        return None
    return data.decode("utf-8-sig", errors="surrogateescape")


def is_broken(text: str) -> bool:
    """Tell whether it has bytes that are not UTF-8."""
    return _BROKEN.search(text) is not None


def read_csv(text: str, findings: Findings) -> CsvFile:
    """Return the rows of a CSV text; what is wrong with its shape goes to `findings`."""
    separator = _separator(text)
    records = _records(text, separator, findings)
    heading = next(records, (0, None))[1]
    if not heading:
        findings.about_file("", "The file has no heading.", f"Begin it with the line {_HEADING}.")
        return CsvFile([], separator, has_shape=False)
    columns = _columns(heading, findings)
    if columns is None:
        return CsvFile([], separator, has_shape=False)
    rows = []
    for number, cells in records:
        if number > MAX_ROWS:
            findings.about_file(
                f"more than {MAX_ROWS} rows", "The file has too many rows.", "Split it."
            )
            return CsvFile([], separator, has_shape=False)
        if cells is not None and any(cell.strip() for cell in cells):
            row = _row(number, cells, columns, separator, findings)
            if row is not None:
                rows.append(row)
    return CsvFile(rows, separator, has_shape=True)


# Private


def _separator(text: str) -> str:
    """Return the separator the first line has most of; a comma if it has none."""
    found = Counter(re.sub('"[^"]*"', "", text.lstrip().partition("\n")[0]))
    return max(_SEPARATORS, key=lambda one: found[one])


def _records(
    text: str, separator: str, findings: Findings
) -> Iterator[tuple[int, Sequence[str] | None]]:
    """Yield each row's number, the heading's being 0, and its cells; None if they cannot be told.

    Empty lines are rows, so that numbers agree with what a spreadsheet shows.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = -1
    while True:
        number += 1
        began = reader.line_num + 1
        try:
            cells: Sequence[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem, step = _explained(str(error), began)
            findings.add(number, None, str(error), problem, step)
            cells = None
        if number == 0 and cells == [] and reader.line_num:
            number = -1  # Empty lines before the heading are no rows.
            continue
        yield number, cells


def _explained(error: str, line: int) -> tuple[str, str]:
    if "unexpected end" in error:
        return (
            f"A quote opened in line {line} or later is not closed; the rest was not read.",
            'Close it, or write a quote inside a cell twice: "".',
        )
    if "limit" in error:
        return "A cell is too long.", "Look for a quote that is not closed."
    return (
        f"The quotes in line {line} do not pair.",
        'Put the whole cell in quotes, and write a quote inside it twice: "".',
    )


def _columns(heading: Sequence[str], findings: Findings) -> list[str] | None:
    """Return the column each place of a row belongs to; None if rows cannot be told with it."""
    before = len(findings.problems)
    names = ["_".join(cell.strip().casefold().split()) for cell in heading]
    while names and not names[-1]:
        names.pop()
    if not set(names) & set(KNOWN_COLUMNS):
        shown = ", ".join(shown_as(cell) for cell in heading)
        findings.about_file(
            shown, "The first line is not a heading.", f"Begin the file with the line {_HEADING}."
        )
        return None
    for name, times in Counter(names).items():
        if name not in KNOWN_COLUMNS:
            findings.add(0, shown_as(name), name, "The column is not known.", _rename(name))
        elif times > 1:
            findings.add(0, name, name, f"The column is there {times} times.", "Keep one.")
    for name in REQUIRED:
        if name not in names:
            findings.add(0, name, "", "The column is missing.", f"Add {name} to the heading.")
    _check_cost(names, findings)
    return names if len(findings.problems) == before else None


def _check_cost(names: Sequence[str], findings: Findings) -> None:
    cost = "average_cost"
    if cost in names and COST_ALIAS in names:
        findings.add(
            0, COST_ALIAS, COST_ALIAS, f"Both {cost} and {COST_ALIAS} are there.", "Keep one."
        )
    elif cost not in names and COST_ALIAS not in names:
        findings.add(0, cost, "", "The column is missing.", f"Add {cost} to the heading.")


def _rename(name: str) -> str:
    near = _WORDS.get(name) or next(iter(get_close_matches(name, KNOWN_COLUMNS, 1, 0.6)), None)
    return f"Rename it to {near}, or remove it." if near else "Remove it."


def _row(
    number: int, cells: Sequence[str], columns: Sequence[str], separator: str, findings: Findings
) -> RawRow | None:
    kept = list(cells)
    while len(kept) > len(columns) and not kept[-1].strip():
        kept.pop()
    if len(kept) > len(columns):
        step = "Remove what is too much, or put the cell in quotes."
        if separator == ",":
            step = "If numbers have decimal commas, write points: 1234.56."
        findings.add(
            number,
            None,
            separator.join(kept),
            f"The row has {len(kept)} cells, the heading {len(columns)}.",
            step,
        )
        return None
    return RawRow(number, {name: cell.strip() for name, cell in zip(columns, kept, strict=False)})
