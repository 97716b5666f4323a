"""What a recording is made of: what was heard, when, in the order it came.

Owns the shapes and their way to Arrow and back. A batch comes back as the batch it was. Knows no
file and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trading_dashboard.agents.market_data.records import Bars, Ticks

if TYPE_CHECKING:
    import pyarrow as pa

TICKS, BARS, SILENCE, VOICE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Silence:
    """A source has begun, or ceased, to say nothing."""

    source: str
    has_begun: bool
    symbols: tuple[str, ...] = ()
    cause: Literal["source_down", "source_silent"] = "source_silent"
    detail: str = ""


Batch = Ticks | Bars | Silence


@dataclass(frozen=True, slots=True)
class Heard:
    """One batch and when the desk got it, in microseconds since 1970 of its market clock."""

    at: int
    batch: Batch


def schema() -> pa.Schema:
    """Return the columns of a chunk; `batch` counts within it."""
    import pyarrow as pa

    return pa.schema(
        [
            ("batch", pa.int32()), ("kind", pa.int8()), ("heard", pa.int64()),
            ("symbol", pa.string()), ("interval", pa.string()), ("at", pa.int64()),
            ("received", pa.int64()), ("price", pa.float64()), ("size", pa.float64()),
            ("high", pa.float64()), ("low", pa.float64()), ("close", pa.float64()),
            ("closed", pa.bool_()), ("revision", pa.int32()), ("text", pa.string()),
        ]
    )  # fmt: skip


def to_table(heard: Sequence[Heard]) -> pa.Table:
    """Return a chunk's table."""
    import pyarrow as pa

    parts = [_columns(number, item) for number, item in enumerate(heard)]
    columns: dict[str, Any] = {}
    for field in schema():
        pieces = [part[field.name] for part in parts]
        if pa.types.is_string(field.type):
            columns[field.name] = [text for piece in pieces for text in piece]
        else:
            columns[field.name] = np.concatenate(pieces)
    return pa.table(columns, schema=schema())


def from_table(table: pa.Table, source: str) -> Iterator[Heard]:
    """Yield what a chunk holds, in order; all of it said by `source`."""
    batch = table["batch"].to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(batch)]
    for first, last in pairwise(edges):
        if first < last:
            yield _heard(table.slice(first, last - first), source)


def _columns(number: int, item: Heard) -> dict[str, Any]:
    """Return a batch's columns; what a kind does not have is 0, not a number, or empty."""
    batch = item.batch
    count = 1 if isinstance(batch, Silence) else len(batch)
    nothing, none = np.full(count, np.nan), [""] * count
    columns: dict[str, Any] = {
        "batch": np.full(count, number, dtype=np.int32),
        "heard": np.full(count, item.at, dtype=np.int64),
        "symbol": none, "interval": none, "text": none,
        "at": np.zeros(count, dtype=np.int64), "received": np.zeros(count, dtype=np.int64),
        "price": nothing, "size": nothing, "high": nothing, "low": nothing, "close": nothing,
        "closed": np.zeros(count, dtype=np.bool_), "revision": np.zeros(count, dtype=np.int32),
    }  # fmt: skip
    if isinstance(batch, Ticks):
        names = np.array(batch.symbols, dtype=object)
        columns.update(
            symbol=names[batch.symbol].tolist(), at=batch.at, received=batch.received,
            price=batch.price, size=batch.size,
        )  # fmt: skip
        kind = TICKS
    elif isinstance(batch, Bars):
        columns.update(
            symbol=[batch.symbol] * count, interval=[batch.interval] * count, at=batch.start,
            price=batch.open, high=batch.high, low=batch.low, close=batch.close,
            size=batch.volume, closed=batch.closed, revision=batch.revision,
        )  # fmt: skip
        kind = BARS
    else:
        columns.update(
            symbol=[",".join(batch.symbols)], interval=[batch.cause], text=[batch.detail]
        )
        kind = SILENCE if batch.has_begun else VOICE
    columns["kind"] = np.full(count, kind, dtype=np.int8)
    return columns


def _heard(rows: pa.Table, source: str) -> Heard:
    kind, at = rows["kind"][0].as_py(), rows["heard"][0].as_py()
    if kind == TICKS:
        return Heard(at, _ticks(rows, source))
    if kind == BARS:
        return Heard(at, _bars(rows, source))
    symbols = rows["symbol"][0].as_py()
    return Heard(
        at,
        Silence(
            source=source,
            has_begun=kind == SILENCE,
            symbols=tuple(symbols.split(",")) if symbols else (),
            cause=rows["interval"][0].as_py(),
            detail=rows["text"][0].as_py(),
        ),
    )


def _ticks(rows: pa.Table, source: str) -> Ticks:
    encoded = rows["symbol"].combine_chunks().dictionary_encode()
    return Ticks(
        source=source,
        symbols=tuple(encoded.dictionary.to_pylist()),
        symbol=encoded.indices.to_numpy().astype(np.int32),
        at=rows["at"].to_numpy(),
        price=rows["price"].to_numpy(),
        size=rows["size"].to_numpy(),
        received=rows["received"].to_numpy(),
    )


def _bars(rows: pa.Table, source: str) -> Bars:
    return Bars(
        source=source,
        symbol=rows["symbol"][0].as_py(),
        interval=rows["interval"][0].as_py(),
        start=rows["at"].to_numpy(),
        open=rows["price"].to_numpy(),
        high=rows["high"].to_numpy(),
        low=rows["low"].to_numpy(),
        close=rows["close"].to_numpy(),
        volume=rows["size"].to_numpy(),
        closed=rows["closed"].to_numpy(),
        revision=rows["revision"].to_numpy(),
    )
