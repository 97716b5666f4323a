"""The simulated second-by-second path of one real trading day.

Owns the mapping from a real daily bar to prices and volumes of each second, such that open, high,
low, close and volume of the day come out exactly. See docs/decisions for why it looks as it does.

The same seed, symbol, day and bar give the same path on every machine: randomness is the raw
output of PCG64 (numpy guarantees that stream; it does not guarantee `normal()`), and all else is
integer arithmetic or the four operations, which IEEE 754 defines to the last bit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CENTS = 100.0
_RANGE_PER_SIGMA = 1.67
"""Expected range of a Brownian day in standard deviations of its end (Parkinson 1980)."""
_STEP_SIGMA = 147.8
"""Standard deviation of the sum of four uniform bytes: sqrt(4 * (256**2 - 1) / 12)."""
_EVEN_BYTES = np.uint64(0x00FF00FF)
_DRAWS = 8
_OPPOSITE_FIRST_PROBABILITY = 0.72
_SHAPE_UNIT = 64


@dataclass(frozen=True, slots=True)
class DayBar:
    """What the path must reproduce. Dollars and shares; ``low <= open, close <= high``."""

    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclass(frozen=True, slots=True)
class SessionPath:
    """One session, second by second.

    Attributes:
        price: float64[n], dollars; ``price[i]`` trades from second i to i + 1 after the open.
        volume: int64[n], shares traded in that second.
        traded: int64[n], shares traded so far, this second included.
        high, low: float64[n], extremes of the day so far.
    """

    price: Floats
    volume: Integers
    traded: Integers
    high: Floats
    low: Floats

    def __len__(self) -> int:
        return len(self.price)


def simulate(bar: DayBar, seconds: int, *, seed: int, symbol: str, day: str) -> SessionPath:
    """Return the path of one day.

    Args:
        bar: The real day.
        seconds: Length of the session.
        seed: The replay's seed.
        symbol: Picks the stream of random numbers, with `day`.
        day: ISO date.
    """
    key = hashlib.sha256(f"{seed}|{symbol}|{day}".encode()).digest()
    raw = np.random.PCG64(int.from_bytes(key[:16], "little")).random_raw(seconds + _DRAWS)
    draws = [int(value) / 2.0**64 for value in raw[:_DRAWS]]
    price = _prices(bar, raw[_DRAWS:], draws)
    volume = _volumes(bar.volume, raw[_DRAWS:])
    return SessionPath(
        price,
        volume,
        np.cumsum(volume),
        np.maximum.accumulate(price),
        np.minimum.accumulate(price),
    )


def _prices(bar: DayBar, raw: NDArray[np.uint64], draws: list[float]) -> Floats:
    """Return three bridges, open to one extreme to the other to close, folded into the range."""
    n = len(raw)
    spread = bar.high - bar.low
    if spread <= 0 or n < 4:
        return _tiny(bar, n)
    knots = _knots(bar, n, draws)
    walk = np.cumsum(_steps(raw) * _shape(n)).astype(np.float64)
    walk *= spread / (_RANGE_PER_SIGMA * _STEP_SIGMA * _shape_scale(n))
    path = np.empty(n)
    for (a, start), (b, end) in pairwise(knots):
        if b > a:
            drift = ((end - start) - (walk[b] - walk[a])) / (b - a)
            path[a : b + 1] = (
                start + (walk[a : b + 1] - walk[a]) + drift * np.arange(b - a + 1, dtype=np.float64)
            )
    path = _fold(path, bar.low, spread)
    path = np.clip(np.rint(path * _CENTS) / _CENTS, bar.low, bar.high)
    for second, value in knots:
        path[second] = value
    return path


def _knots(bar: DayBar, n: int, draws: list[float]) -> list[tuple[int, float]]:
    """Return (second, price) of open, both extremes and close, in order of time.

    A move takes time as the square of its size, as a Brownian one does, with luck on top.
    """
    low_first = draws[0] < _OPPOSITE_FIRST_PROBABILITY
    if bar.close < bar.open:
        low_first = not low_first
    # An extreme at the open or at the close needs no second of its own elsewhere.
    if bar.open == bar.low or bar.close == bar.high:
        low_first = True
    elif bar.open == bar.high or bar.close == bar.low:
        low_first = False
    first, second = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    values = [bar.open, first, second, bar.close]
    weights = [
        0.0 if a == b else ((b - a) / (bar.high - bar.low)) ** 2 * (0.3 + u) + 0.25 * v + 0.02
        for a, b, u, v in zip(values, values[1:], draws[1:4], draws[4:7], strict=False)
    ]
    total = weights[0] + weights[1] + weights[2]
    at_first = int(weights[0] / total * (n - 1))
    at_second = int((weights[0] + weights[1]) / total * (n - 1))
    if weights[0]:
        at_first = max(at_first, 1)
    at_second = n - 1 if not weights[2] else min(max(at_second, at_first + 1), n - 2)
    return [(0, bar.open), (at_first, first), (at_second, second), (n - 1, bar.close)]


def _steps(raw: NDArray[np.uint64]) -> Integers:
    """Return nearly normal integers: the sum of each draw's four lower bytes, centred."""
    # Two bytes at a time in lanes of 16 bits: a tenth of the time of a sum over an axis of four.
    pairs = (raw & _EVEN_BYTES) + (raw >> np.uint64(8) & _EVEN_BYTES)
    sums = (pairs & np.uint64(0xFFFF)) + (pairs >> np.uint64(16))
    steps: Integers = sums.astype(np.int64) * 2 - 1020
    return steps


def _volumes(total: int, raw: NDArray[np.uint64]) -> Integers:
    """Return a partition of `total` shares: busy near open and close, uneven in between."""
    n = len(raw)
    upper = (raw >> np.uint64(48)).astype(np.int64)
    lucky = (upper * upper) >> 26
    weights = np.cumsum((lucky + 8) * _shape(n) * _shape(n) >> 12)
    reached = weights * total // weights[-1]
    volumes: Integers = np.diff(reached, prepend=0)
    return volumes


@lru_cache(maxsize=8)
def _shape(n: int) -> Integers:
    """Return int64[n] activity through the day, U-shaped, 64 at its quietest."""
    distance = np.abs(np.arange(n, dtype=np.int64) * 2 - (n - 1))
    cubed = (distance * 1024 // n) ** 3 >> 20
    shape: Integers = _SHAPE_UNIT + (cubed * 2 * _SHAPE_UNIT >> 10)
    shape.setflags(write=False)
    return shape


@lru_cache(maxsize=8)
def _shape_scale(n: int) -> float:
    """Return the root of the summed squares of the shape, times two for the doubled steps."""
    squares = int((_shape(n) * _shape(n)).sum())
    return 2.0 * float(np.sqrt(np.float64(squares)))


def _fold(path: Floats, low: float, spread: float) -> Floats:
    """Reflect a path at both bounds until it stays between them."""
    x = path - low
    x -= (2.0 * spread) * np.floor(x / (2.0 * spread))
    return low + np.minimum(x, 2.0 * spread - x)


def _tiny(bar: DayBar, n: int) -> Floats:
    """Return a path for a day without range, or one too short to wander."""
    path = np.full(n, bar.close)
    corners = (bar.open, bar.high, bar.low, bar.close)
    path[: min(n, 4)] = corners[: min(n, 4)]
    path[0], path[-1] = bar.open, bar.close
    return path
