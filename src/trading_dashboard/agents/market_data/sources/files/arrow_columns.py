"""Arrow columns as numpy arrays and back, with what is missing in them, and without pandas.

Owns these steps: `pyarrow.array`, `scalar` and `to_numpy` import pandas, 80 MB, if it is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.records import Flags, Floats, Indices, Integers

if TYPE_CHECKING:
    import pyarrow as pa


def integers(column: Any, missing: int) -> Integers:
    """Return int64[n] of a column that can be cast to it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _filled(pc.cast(column, pa.int64()), np.int64, missing)


def floats(column: Any) -> Floats:
    """Return float64[n] of a column that can be cast to it, NaN where nothing is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _filled(pc.cast(column, pa.float64(), safe=False), np.float64, np.nan)


def codes(column: Any) -> tuple[tuple[str, ...], Indices]:
    """Return the different texts of a column and int32[n] into them; the empty one for nothing."""
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(_whole(column), null_encoding="encode")
    names = tuple(str(name or "") for name in encoded.dictionary.to_pylist())
    return names, _filled(encoded.indices, np.int32, 0)


def timestamps(at: Integers, is_missing: Flags, zone: str | None = None) -> pa.Array:
    """Return microseconds as times in a zone, or as clocks show them."""
    import pyarrow as pa

    valid = np.packbits(~is_missing, bitorder="little")
    content = np.ascontiguousarray(at, dtype=np.int64)
    return pa.Array.from_buffers(
        pa.timestamp("us", tz=zone), len(at), [pa.py_buffer(valid), pa.py_buffer(content)]
    )


def texts(values: Sequence[str]) -> pa.Array:
    """Return texts as a column."""
    import pyarrow as pa

    content = [value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum([len(value) for value in content], out=offsets[1:])
    return pa.Array.from_buffers(
        pa.string(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(content))]
    )


def joined(first: Any, second: Any) -> pa.Array:
    """Return the texts of two columns with a space between."""
    import pyarrow as pa
    import pyarrow.compute as pc

    left, right = (_whole(pc.cast(column, pa.string())) for column in (first, second))
    return pc.binary_join_element_wise(left, right, texts([" "] * len(left)))


def _whole(column: Any) -> Any:
    """Return a column as one array."""
    import pyarrow as pa

    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else texts([]).cast(column.type)


def _filled(column: Any, kind: Any, missing: float) -> NDArray[Any]:
    array = _whole(column)
    count, begin = len(array), array.offset
    valid, content = array.buffers()[:2]
    if content is None or not count:
        return np.full(count, missing, dtype=kind)
    values = np.frombuffer(content, kind)[begin : begin + count].copy()
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        values[bits[begin : begin + count] == 0] = missing
    return values
