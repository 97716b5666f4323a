"""What a recording is made of: what was heard, when, in the order it came.

Owns the shapes and their way to Arrow and back. A batch comes back as the batch it was. Beside what
happened there is what was known when it began, so that who lives through it again has a past. Knows
no file and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson

from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks
from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument

if TYPE_CHECKING:
    import pyarrow as pa

TICKS, BARS, SILENCE, VOICE, PAST, ABOUT, ACTIONS = range(7)


@dataclass(frozen=True, slots=True)
class Silence:
    """A source has begun, or ceased, to say nothing."""

    source: str
    has_begun: bool
    symbols: tuple[str, ...] = ()
    cause: Literal["source_down", "source_silent"] = "source_silent"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """Closed bars that were known when the recording began: history, not news."""

    bars: Bars

    @property
    def source(self) -> str:
        """Return whose bars they are."""
        return self.bars.source

    def __len__(self) -> int:
        return len(self.bars)


@dataclass(frozen=True, slots=True)
class About:
    """What a symbol is; said before anything else of it."""

    source: str
    instrument: Instrument

    def __len__(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Actions:
    """Splits and dividends that became known."""

    source: str
    events: tuple[CorporateEvent, ...]

    def __len__(self) -> int:
        return len(self.events)


Batch = Ticks | Bars | Silence | Past | About | Actions
KNOWN = (Past, About, Actions)
"""Kinds that may tell what was known before."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One batch and when the desk got it, in microseconds since 1970 of its market clock."""

    at: int
    batch: Batch


def rows_of(batch: Batch) -> int:
    """Return how many rows of a chunk a batch takes."""
    return 1 if isinstance(batch, Silence) else len(batch)


def labelled(batch: Batch, source: str) -> Batch:
    """Return the batch as another source's."""
    if isinstance(batch, Past):
        return Past(replace(batch.bars, source=source))
    if isinstance(batch, Actions):
        return Actions(source, tuple(replace(event, source=source) for event in batch.events))
    return replace(batch, source=source)


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
    count = rows_of(batch)
    nothing, none = np.full(count, np.nan), [""] * count
    columns: dict[str, Any] = {
        "batch": np.full(count, number, dtype=np.int32),
        "heard": np.full(count, item.at, dtype=np.int64),
        "symbol": none, "interval": none, "text": none,
        "at": np.zeros(count, dtype=np.int64), "received": np.zeros(count, dtype=np.int64),
        "price": nothing, "size": nothing, "high": nothing, "low": nothing, "close": nothing,
        "closed": np.zeros(count, dtype=np.bool_), "revision": np.zeros(count, dtype=np.int32),
    }  # fmt: skip
    kind, own = _own_columns(batch, count)
    columns.update(own)
    columns["kind"] = np.full(count, kind, dtype=np.int8)
    return columns


def _own_columns(batch: Batch, count: int) -> tuple[int, dict[str, Any]]:
    """Return a batch's kind, and the columns that its kind has."""
    if isinstance(batch, Ticks):
        names = np.array(batch.symbols, dtype=object)
        return TICKS, {
            "symbol": names[batch.symbol].tolist(), "at": batch.at, "received": batch.received,
            "price": batch.price, "size": batch.size,
        }  # fmt: skip
    if isinstance(batch, Bars):
        return BARS, _bar_columns(batch, count)
    if isinstance(batch, Past):
        return PAST, _bar_columns(batch.bars, count)
    if isinstance(batch, About):
        text = orjson.dumps(asdict(batch.instrument)).decode()
        return ABOUT, {"symbol": [batch.instrument.symbol], "text": [text]}
    if isinstance(batch, Actions):
        return ACTIONS, {
            "symbol": [event.symbol for event in batch.events],
            "at": np.array([event.ex_day for event in batch.events], dtype=np.int64),
            "price": _numbers([event.ratio for event in batch.events]),
            "size": _numbers([event.amount for event in batch.events]),
        }
    return SILENCE if batch.has_begun else VOICE, {
        "symbol": [",".join(batch.symbols)], "interval": [batch.cause], "text": [batch.detail],
    }  # fmt: skip


def _bar_columns(bars: Bars, count: int) -> dict[str, Any]:
    return {
        "symbol": [bars.symbol] * count, "interval": [bars.interval] * count, "at": bars.start,
        "price": bars.open, "high": bars.high, "low": bars.low, "close": bars.close,
        "size": bars.volume, "closed": bars.closed, "revision": bars.revision,
    }  # fmt: skip


def _numbers(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _heard(rows: pa.Table, source: str) -> Heard:
    kind, at = rows["kind"][0].as_py(), rows["heard"][0].as_py()
    if kind == TICKS:
        return Heard(at, _ticks(rows, source))
    if kind == BARS:
        return Heard(at, _bars(rows, source))
    if kind == PAST:
        return Heard(at, Past(_bars(rows, source)))
    if kind == ABOUT:
        return Heard(at, About(source, _instrument(rows["text"][0].as_py())))
    if kind == ACTIONS:
        return Heard(at, Actions(source, _events(rows, source)))
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


def _instrument(text: str) -> Instrument:
    found = orjson.loads(text)
    return Instrument(**{**found, "asset_class": AssetClass(found["asset_class"])})


def _events(rows: pa.Table, source: str) -> tuple[CorporateEvent, ...]:
    columns = (rows[name].to_pylist() for name in ("symbol", "at", "price", "size"))
    return tuple(
        CorporateEvent(
            source=source,
            symbol=symbol,
            ex_day=day,
            ratio=None if np.isnan(ratio) else ratio,
            amount=None if np.isnan(amount) else amount,
        )
        for symbol, day, ratio, amount in zip(*columns, strict=True)
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
