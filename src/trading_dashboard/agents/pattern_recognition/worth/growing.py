"""Columns that grow: numpy arrays with room at their end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Growing:
    """A table of `columns` × rows of one type. `data` is a view of shape ``(columns, rows)``."""

    __slots__ = ("_length", "_room", "data")

    def __init__(self, columns: int, kind: DTypeLike) -> None:
        self._room: NDArray[Any] = np.empty((columns, 0), kind)
        self._length = 0
        self.data: NDArray[Any] = self._room

    def __len__(self) -> int:
        return self._length

    @property
    def nbytes(self) -> int:
        """Return the memory it holds, room included."""
        return self._room.nbytes

    def extend(self, table: NDArray[Any]) -> None:
        """Add rows, shape ``(columns, k)``."""
        length = self._length + table.shape[1]
        if length > self._room.shape[1]:
            # A first load is taken as it is; after that there is room for a third more.
            size = length if not self._length else max(length + length // 3, 8)
            room = np.empty((self._room.shape[0], size), self._room.dtype)
            room[:, : self._length] = self.data
            self._room = room
        self._room[:, self._length : length] = table
        self._show(length)

    def cut(self, length: int) -> None:
        """Keep the first `length` rows."""
        self._show(length)

    def _show(self, length: int) -> None:
        self._length = length
        self.data = self._room[:, :length]
