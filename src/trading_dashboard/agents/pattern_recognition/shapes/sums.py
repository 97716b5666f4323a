"""Sums from left to right, so that they are the same to the last bit wherever they are made.

Python's own `sum` rounds otherwise from 3.12 on, NumPy's as blocks of its inner loop happen to
fall, and the kernel would have to know both.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Floats


def added(values: Iterable[float]) -> float:
    """Return the sum of numbers that come one by one."""
    return reduce(add, values, 0.0)


def added_all(values: Floats) -> float:
    """Return the sum of an array of at least one number, shape ``(n,)``."""
    return float(np.add.accumulate(values)[-1])
