"""Numbers for the symbols of each source, so that what is known of them fits in arrays."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.records import Indices

UNKNOWN = -1
Scalar = TypeVar("Scalar", bound=np.generic)


class KnownSymbols:
    """Gives each (source, symbol) the next number, up to a bound."""

    def __init__(self, max_symbols: int) -> None:
        self.names: list[tuple[str, str]] = []
        """Source and symbol by number."""
        self._max = max_symbols
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, tuple[tuple[str, ...], Indices]] = {}

    def __len__(self) -> int:
        return len(self.names)

    def number(self, source: str, symbol: str) -> int:
        """Return the number of a symbol, `UNKNOWN` if there are too many."""
        key = (source, symbol)
        known = self._numbers.get(key)
        if known is None:
            if len(self.names) >= self._max:
                return UNKNOWN
            known = self._numbers[key] = len(self.names)
            self.names.append(key)
        return known

    def numbers(self, source: str, symbols: tuple[str, ...], symbol: Indices) -> Indices:
        """Return int32[n]: the number of each row's symbol, `UNKNOWN` where it has none."""
        known, table = self._last.get(source, ((), np.empty(0, dtype=np.int32)))
        if known is not symbols:
            if known != symbols:
                table = np.array([self.number(source, name) for name in symbols], dtype=np.int32)
            self._last[source] = (symbols, table)
        if not len(table):
            return np.full(len(symbol), UNKNOWN, dtype=np.int32)
        is_inside = (symbol >= 0) & (symbol < len(table))
        if is_inside.all():
            found: Indices = table[symbol]
            return found
        return np.where(is_inside, table[np.where(is_inside, symbol, 0)], UNKNOWN).astype(np.int32)


def grown(array: NDArray[Scalar], size: int, fill: float) -> NDArray[Scalar]:
    """Return the array with room for `size`, doubled when it has to grow."""
    if size <= len(array):
        return array
    longer = np.full(max(size, 2 * len(array), 64), fill, dtype=array.dtype)
    longer[: len(array)] = array
    return longer
