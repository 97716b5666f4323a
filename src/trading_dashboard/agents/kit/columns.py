"""Columns of Arrow tables as arrays, without pandas.

Arrow's own `to_numpy` imports pandas, 50 MB, to see whether it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa


def column_of(table: pa.Table, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
    """Return a copy of a column, shape ``(rows,)``; a float64 that is missing is NaN.

    Args:
        table: A table.
        name: Of one of its columns.
        kind: What its memory holds: bool, or a number's type.
    """
    parts = []
    for chunk in table.column(name).chunks:
        valid, data = chunk.buffers()
        stop = chunk.offset + len(chunk)
        if kind == np.dtype(bool):
            values = _bits(data, stop)
        else:
            values = np.frombuffer(data, kind, stop) if stop else np.empty(0, kind)
        part = values[chunk.offset :].copy()
        if valid is not None and kind == np.dtype(np.float64):
            part[~_bits(valid, stop)[chunk.offset :]] = np.nan
        parts.append(part)
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _bits(data: pa.Buffer, count: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(data, np.uint8)
    return np.unpackbits(packed, count=count, bitorder="little").astype(bool)
