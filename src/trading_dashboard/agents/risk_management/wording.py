"""Numbers as people read them, in explanations."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal


def money(amount: float) -> str:
    """Return an amount with two decimals, a small one with more."""
    if amount and abs(amount) < 1:
        return f"{amount:.6g}"
    return f"{amount:,.2f}"


def share(fraction: float) -> str:
    """Return a fraction as per cent."""
    return f"{fraction * 100:.4g} %"


def moved(fraction: float) -> str:
    """Return a return with its sign."""
    return f"{fraction * 100:+.4g} %"


def counted(quantity: Decimal) -> str:
    """Return a quantity without zeros at its end."""
    return f"{quantity.normalize():,f}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names in a sentence; of many, the first and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names)
