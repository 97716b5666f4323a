"""Decimal numbers out of text, without guessing.

A plain number has digits and at most one point. Whatever else people and spreadsheets write is
refused with what it looks like and what to write instead: a comma may part thousands or decimals,
and a wrong guess is wrong by a factor of a thousand.
"""

from __future__ import annotations

import re
from decimal import Decimal

from trading_dashboard.agents.risk_management.transfer.rows import Number, starts_formula

MAX_DECIMALS = 8
_MAX_DIGITS = 40
_MAX_EXPONENT = 20

_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_JSON_EXPONENT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,3}")
_GROUPED_BY_POINT = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")

_PLAINLY = "Write digits and at most one point, such as 1234.56."
_EXPLAINED = (
    (re.compile(r"[+-]?(?:nan|inf|infinity|#[a-z/0!?]+)", re.IGNORECASE), "is not a finite number"),
    (re.compile(r"[+-]?[0-9]{1,3},[0-9]{3}"), "may have a thousands separator or a decimal comma"),
    (re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"), "has thousands separators"),
    (re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]*"), "has points between thousands"),
    (re.compile(r"[+-]?[0-9]*,[0-9]+"), "has a decimal comma"),
    (re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}"), "has points between thousands"),
    (re.compile(r"[+-]?[0-9]{1,3}(?:[\s'’_][0-9]{3})+(?:[.,][0-9]*)?"), "has thousands separators"),
    (re.compile(r"\(.*\)"), "is in brackets, which may mean below zero"),
    (re.compile(r"[−–].*"), "begins with a dash that is not a minus sign"),
    (re.compile(r".*%"), "is a percentage"),
    (re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+"), "is in exponent notation, which drops digits"),
    (re.compile(r"[^\w\s.,+-].*[0-9]|.*[0-9]\s*[^\w\s.,+-]|.*[A-Za-z]{3}"), "has more than digits"),
)
_NEXT_STEPS = {
    "is in brackets, which may mean below zero": "Write a minus sign, such as -100.",
    "begins with a dash that is not a minus sign": "Write a plain minus sign, such as -100.",
    "may have a thousands separator or a decimal comma": (
        "Write it without the comma: 1234 if thousands are meant, 1.234 if decimals are."
    ),
}


class NotANumber(ValueError):
    """It is no plain number; says what it looks like and what to write."""

    def __init__(self, problem: str, next_step: str = _PLAINLY) -> None:
        super().__init__(problem)
        self.problem = problem
        self.next_step = next_step


def decimal_of(text: str, *, points_may_group: bool = False) -> Decimal:
    """Return the number a cell holds, exactly.

    Args:
        text: The cell, no spaces around it.
        points_may_group: The file is from where points part thousands; ``1.234`` is refused.

    Raises:
        NotANumber: With what it looks like and what to write instead.
    """
    if len(text) > _MAX_DIGITS:
        raise NotANumber(f"has {len(text)} characters; numbers have at most {_MAX_DIGITS}")
    if isinstance(text, Number) and _JSON_EXPONENT.fullmatch(text):
        return _from_exponent(text)
    if not _PLAIN.fullmatch(text):
        raise _explained(text)
    if points_may_group and _GROUPED_BY_POINT.fullmatch(text):
        raise NotANumber(
            "may have a point between thousands or before decimals",
            "Write it without the point if thousands are meant; for decimals write another digit, "
            f"such as {text}0.",
        )
    return _bounded(Decimal(text))


def _from_exponent(text: str) -> Decimal:
    exponent = int(re.split("[eE]", text)[1])
    if abs(exponent) > _MAX_EXPONENT:
        raise NotANumber(f"has an exponent beyond ±{_MAX_EXPONENT}")
    return _bounded(Decimal(text))


def _bounded(number: Decimal) -> Decimal:
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        raise NotANumber(
            f"has {-exponent} decimals",
            f"Round it to at most {MAX_DECIMALS} decimals.",
        )
    return number


def _explained(text: str) -> NotANumber:
    if starts_formula(text) and text[0] not in "+-":
        return NotANumber("looks like a formula", "Write the number it gives.")
    for pattern, problem in _EXPLAINED:
        if pattern.fullmatch(text):
            return NotANumber(problem, _NEXT_STEPS.get(problem, _PLAINLY))
    return NotANumber("is not a number")
