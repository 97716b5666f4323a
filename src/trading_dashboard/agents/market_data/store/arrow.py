"""numpy columns as an Arrow table and back, without a copy and without pandas.

Owns these two steps: `pyarrow.array` and `to_numpy` import pandas, 80 MB, if it is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

_NAMES = {"int32": "int32", "int64": "int64", "float64": "double"}
_DTYPES = {arrow: numpy for numpy, arrow in _NAMES.items()}


def to_arrow(columns: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Return a table of int32, int64, float64 and bool columns, which have no missing values."""
    import pyarrow as pa

    return pa.Table.from_arrays([_array(array) for array in columns.values()], list(columns))


def to_numpy(array: pa.Array) -> NDArray[Any]:
    """Return the values of an int32, int64, float64 or bool array without missing values."""
    content = array.buffers()[1]
    begin, count = array.offset, len(array)
    kind = str(array.type)
    if not count:
        return np.empty(0, np.bool_ if kind == "bool" else _DTYPES[kind])
    if kind == "bool":
        bits = np.frombuffer(content, np.uint8)
        return np.unpackbits(bits, bitorder="little")[begin : begin + count].astype(np.bool_)
    return np.frombuffer(content, np.dtype(_DTYPES[kind]))[begin : begin + count]


def _array(column: NDArray[Any]) -> pa.Array:
    import pyarrow as pa

    if column.dtype == np.bool_:
        kind, content = pa.bool_(), np.packbits(column, bitorder="little")
    else:
        kind = pa.type_for_alias(_NAMES[column.dtype.name])
        content = np.ascontiguousarray(column)
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(content)])
