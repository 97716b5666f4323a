"""Decimals as the account reckons with them: amounts in cents, quantities and prices in steps.

Owns the one context. Its 60 digits hold any product of a price and a quantity exactly, so that a
result is rounded once, half to even, and never by the process's default context.
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction

from trading_dashboard.models.risk.account import CENT, STEP

ZERO = Decimal(0)
CONTEXT = Context(
    prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)
DOWN, FLOOR, CEILING, HALF_EVEN = ROUND_DOWN, ROUND_FLOOR, ROUND_CEILING, ROUND_HALF_EVEN


def cents(value: Decimal) -> Decimal:
    """Return an amount of money rounded to the cent."""
    return value.quantize(CENT, context=CONTEXT)


def step(value: Decimal, rounding: str = HALF_EVEN) -> Decimal:
    """Return a price or quantity rounded to the smallest part there is."""
    return value.quantize(STEP, rounding=rounding, context=CONTEXT)


def worth(quantity: Decimal, price: Decimal) -> Decimal:
    """Return quantity times price, rounded to the cent."""
    return CONTEXT.multiply(quantity, price).quantize(CENT, context=CONTEXT)


def share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """Return the part of an amount that falls to `part` of `of`, rounded to the cent."""
    if part == of:
        return whole
    return CONTEXT.divide(CONTEXT.multiply(whole, part), of).quantize(CENT, context=CONTEXT)


def per_unit(amount: Decimal, quantity: Decimal) -> Decimal:
    """Return an amount for each unit, rounded to a step."""
    return step(CONTEXT.divide(amount, quantity))


def scaled(value: Decimal, ratio: Fraction, rounding: str = HALF_EVEN) -> Decimal:
    """Return value times ratio, rounded to a step."""
    product = CONTEXT.multiply(value, Decimal(ratio.numerator))
    return step(CONTEXT.divide(product, Decimal(ratio.denominator)), rounding)


def average(
    first: Decimal, first_quantity: Decimal, second: Decimal, second_quantity: Decimal
) -> Decimal:
    """Return the mean of two prices weighted by quantity, rounded to a step."""
    total = CONTEXT.add(
        CONTEXT.multiply(first, first_quantity), CONTEXT.multiply(second, second_quantity)
    )
    return step(CONTEXT.divide(total, first_quantity + second_quantity))


def from_float(value: float) -> Decimal:
    """Return the shortest decimal that reads as this float, rounded to a step."""
    return step(Decimal(repr(value)))
