"""Positions out of a file that may be wrong in any way: all of them, or none and every reason.

Owns what cells mean. Reading changes nothing: it is the dry run, and what it returns is what an
import takes in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from heapq import nsmallest

from trading_dashboard.agents.risk_management.transfer.csv_file import (
    decoded,
    is_broken,
    read_csv,
)
from trading_dashboard.agents.risk_management.transfer.json_file import read_json
from trading_dashboard.agents.risk_management.transfer.numbers import NotANumber, decimal_of
from trading_dashboard.agents.risk_management.transfer.rows import (
    COST_ALIAS,
    MAX_BYTES,
    Findings,
    Format,
    ImportRow,
    RawRow,
    from_text,
    starts_formula,
)
from trading_dashboard.models.risk.account import (
    MAX_PRICE,
    MAX_QUANTITY,
    ImportProblem,
)

_SYMBOL = re.compile(r"[^\s\x00-\x1f\x7f]{1,32}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_TIME_STEP = "Write a date, such as 2010-05-06, or a time with its zone: 2010-05-06T14:30:00Z."
_MAX_SUGGESTIONS = 10
_CANDIDATES = 200
"""Looking for near names is slow; a file of nothing but unknown ones must not be."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says.

    Attributes:
        rows: All positions; empty if there is any problem.
        problems: Every one, by row.
        count: Rows that were found.
    """

    rows: tuple[ImportRow, ...]
    problems: tuple[ImportProblem, ...]
    count: int


def read_positions(
    data: bytes,
    format_: Format,
    known_symbols: Collection[str] | None,
    *,
    currency: str = "USD",
    now: datetime | None = None,
) -> Reading:
    """Return the positions in a file, or every problem it has.

    Args:
        data: The file, UTF-8, at most `MAX_BYTES`.
        format_: What it is.
        known_symbols: Those that have prices; None if that cannot be told.
        currency: The account's; positions in another one are refused, nothing is converted.
        now: The market clock; positions opened later are refused.
    """
    findings = Findings()
    raw, points_may_group = _raw_rows(data, format_, findings)
    reader = _RowReader(known_symbols, currency, now, points_may_group, findings)
    rows = [reader.read(one) for one in raw]
    _find_twice(raw, findings)
    if not raw and not findings.problems:
        findings.about_file("0 rows", "The file has no positions.", "Add a row for each.")
    problems = sorted(findings.problems, key=lambda one: one.row)
    kept = () if problems else tuple(row for row in rows if row is not None)
    return Reading(kept, tuple(problems), len(raw))


# Private


def _raw_rows(data: bytes, format_: Format, findings: Findings) -> tuple[list[RawRow], bool]:
    if len(data) > MAX_BYTES:
        findings.about_file(
            f"{len(data)} bytes", f"The file is larger than {MAX_BYTES} bytes.", "Split it."
        )
        return [], False
    text = decoded(data, findings)
    if text is None:
        return [], False
    if format_ == "json":
        return read_json(text, findings), False
    found = read_csv(text, findings)
    return found.rows, found.separator == ";"


def _find_twice(raw: Iterable[RawRow], findings: Findings) -> None:
    first: dict[str, int] = {}
    for one in raw:
        symbol = from_text(one.cells.get("symbol", ""))
        if symbol and first.setdefault(symbol, one.row) != one.row:
            findings.add(
                one.row,
                "symbol",
                symbol,
                f"The symbol is in row {first[symbol]}, too.",
                "Make one row of both: add the quantities and average the cost.",
            )


class _RowReader:
    """Turns cells into values, and what cannot be into problems."""

    def __init__(
        self,
        known_symbols: Collection[str] | None,
        currency: str,
        now: datetime | None,
        points_may_group: bool,
        findings: Findings,
    ) -> None:
        self._known = None if known_symbols is None else frozenset(known_symbols)
        self._currency = currency
        self._now = now
        self._points_may_group = points_may_group
        self._findings = findings
        self._near: dict[str, list[str]] = {}

    def read(self, raw: RawRow) -> ImportRow | None:
        """Return the position of a row; None if a cell has a problem."""
        broken = [column for column, cell in raw.cells.items() if not _is_sound(cell)]
        for column in broken:
            self._findings.add(
                raw.row,
                column,
                raw.cells[column].encode("ascii", "backslashreplace").decode("ascii"),
                "It has letters that are not valid UTF-8.",
                "Save the file as UTF-8.",
            )
        if broken:
            return None
        symbol = self._symbol(raw)
        quantity = self._number(raw, "quantity", MAX_QUANTITY)
        cost_column = COST_ALIAS if COST_ALIAS in raw.cells else "average_cost"
        cost = self._number(raw, cost_column, MAX_PRICE)
        currency = self._currency_of(raw)
        is_timed, opened_at = self._opened_at(raw)
        if symbol is None or quantity is None or cost is None or currency is None or not is_timed:
            return None
        return ImportRow(raw.row, symbol, quantity, cost, currency, opened_at)

    def _symbol(self, raw: RawRow) -> str | None:
        cell = raw.cells.get("symbol", "")
        symbol = from_text(cell)
        if not symbol:
            self._problem(raw, "symbol", "It is missing.", "Write the symbol, such as AAPL.")
            return None
        if self._known is not None and symbol in self._known:
            return symbol
        if starts_formula(cell):
            self._problem(
                raw, "symbol", "It looks like a formula.", "Write a symbol, such as AAPL."
            )
        elif not _SYMBOL.fullmatch(symbol):
            step = "Write at most 32 letters, digits and signs, no spaces."
            self._problem(raw, "symbol", "It cannot be a symbol.", step)
        elif self._known is not None:
            self._problem(raw, "symbol", *self._unknown(symbol))
        else:
            return symbol
        return None

    def _unknown(self, symbol: str) -> tuple[str, str]:
        if not symbol.isascii():
            return (
                f"The symbol is not known; it is spelt {symbol!a}.",
                "Type it anew: it has letters that only look like Latin ones.",
            )
        near = self._near.get(symbol)
        if near is None and len(self._near) < _MAX_SUGGESTIONS:
            upper = symbol.upper()
            is_known = self._known is not None and upper in self._known
            near = [upper] if is_known else get_close_matches(upper, self._like(upper), 3, 0.6)
            self._near[symbol] = near
        if near:
            return "The symbol is not known.", f"Did you mean {' or '.join(near)}?"
        return "The symbol is not known.", "Search for it on the dashboard, or remove the row."

    def _like(self, symbol: str) -> list[str]:
        """Return the symbols that share most of its letters and have about its length."""
        letters = set(symbol)
        return nsmallest(
            _CANDIDATES,
            self._known or (),
            key=lambda one: (abs(len(one) - len(symbol)) - len(letters.intersection(one)), one),
        )

    def _number(self, raw: RawRow, column: str, largest: Decimal) -> Decimal | None:
        cell = raw.cells.get(column, "")
        if not cell:
            self._problem(raw, column, "It is missing.", "Write a number, such as 1234.56.")
            return None
        try:
            number = decimal_of(cell, points_may_group=self._points_may_group)
        except NotANumber as error:
            self._problem(raw, column, f"It {error.problem}.", error.next_step)
            return None
        if abs(number) > largest:
            self._problem(raw, column, f"It is beyond {largest:,}.", "Check the digits.")
        elif number == 0 and column == "quantity":
            self._problem(raw, column, "A position of nothing.", "Remove the row.")
        elif number <= 0 and column != "quantity":
            step = "Write what one unit cost; a short position has its quantity below zero."
            self._problem(raw, column, "It is not above zero.", step)
        else:
            return number
        return None

    def _currency_of(self, raw: RawRow) -> str | None:
        cell = from_text(raw.cells.get("currency", ""))
        if cell in ("", self._currency):
            return self._currency
        self._problem(
            raw,
            "currency",
            f"The account is in {self._currency}; nothing is converted.",
            f"Write the cost in {self._currency}, or remove the row.",
        )
        return None

    def _opened_at(self, raw: RawRow) -> tuple[bool, datetime | None]:
        """Return whether the time is sound, and the time."""
        cell = raw.cells.get("opened_at", "")
        if not cell:
            return True, None
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            self._problem(raw, "opened_at", "It is not a date or time.", _TIME_STEP)
            return False, None
        if _DAY.fullmatch(cell):
            moment = moment.replace(tzinfo=UTC)
        if moment.tzinfo is None:
            self._problem(raw, "opened_at", "It does not say its time zone.", _TIME_STEP)
        elif moment < _EARLIEST:
            self._problem(raw, "opened_at", "It is before 1900.", "Check the year.")
        elif moment > (self._now or _LATEST):
            at = f"{self._now or _LATEST:%Y-%m-%d %H:%M} UTC"
            self._problem(raw, "opened_at", f"It is after the market clock, {at}.", _TIME_STEP)
        else:
            return True, moment.astimezone(UTC)
        return False, None

    def _problem(self, raw: RawRow, column: str, problem: str, next_step: str) -> None:
        self._findings.add(raw.row, column, raw.cells.get(column, ""), problem, next_step)


def _is_sound(cell: str) -> bool:
    """Tell whether a cell can be written as UTF-8; a JSON file may escape half a letter."""
    return not (is_broken(cell) or any("\ud800" <= letter <= "\udfff" for letter in cell))
