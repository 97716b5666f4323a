"""Bars as Arrow and Parquet, sent while they are written.

Owns the two formats on the wire and the memory an answer takes: the table and one batch.
Uncompressed Arrow is not copied at all, the table's own memory goes to the socket. pyarrow is
imported when the first such answer is made: who never asks for one does not pay for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from trading_dashboard.agents.market_data.market import BarsAnswer, Columns

if TYPE_CHECKING:
    import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
METADATA = b"trading_dashboard"
"""Key of the schema's metadata that holds what is said of the bars, as JSON."""
BATCH_ROWS = 128 * 1024
PIECE_BYTES = 512 * 1024
STALL_SECONDS = 30.0
"""A reader that takes nothing for so long is given up: its table is held in memory."""

Compression = Literal["none", "lz4", "zstd"]

logger = logging.getLogger(__name__)


def arrow_table(answer: BarsAnswer) -> pa.Table:
    """Return the bars with `timestamp` (UTC, microseconds) in place of `start`."""
    import pyarrow as pa

    given = answer.table
    table = _from_numpy(given) if isinstance(given, Mapping) else given
    start = table.schema.get_field_index("start")
    kind = pa.timestamp("us", tz="UTC")
    table = table.set_column(start, pa.field("timestamp", kind), table.column(start).cast(kind))
    volume = table.schema.get_field_index("volume")
    if not pa.types.is_float64(table.schema.field(volume).type):
        table = table.set_column(volume, "volume", table.column(volume).cast(pa.float64()))
    # The moment of the answer is a header: the same bars are the same bytes.
    said = {key: value for key, value in answer.head.items() if key != "as_of"}
    return table.replace_schema_metadata({METADATA: orjson.dumps(said)})


def _from_numpy(columns: Columns) -> pa.Table:
    """Return a table over the columns' own memory.

    Not `pa.table(columns)`: that imports pandas, 50 MB, to see whether they are its own.
    """
    import pyarrow as pa

    arrays = []
    for column in columns.values():
        kind = pa.from_numpy_dtype(column.dtype)
        values = np.ascontiguousarray(column)
        if column.dtype == np.bool_:
            values = np.packbits(values, bitorder="little")
        buffers = [None, pa.py_buffer(values)]
        arrays.append(pa.Array.from_buffers(kind, len(column), buffers))
    return pa.Table.from_arrays(arrays, names=list(columns))


class TableResponse(Response):
    """A table, sent batch by batch; ends early if the reader leaves or stalls."""

    def __init__(
        self,
        table: pa.Table,
        media_type: str,
        compression: Compression,
        headers: dict[str, str],
        on_end: Callable[[], None],
    ) -> None:
        """Take what is sent; `on_end` is called when the table is not needed any more."""
        self._on_end = on_end
        self.media_type = media_type
        self.status_code = 200
        self.background = None
        self.body = b""
        self._table = table
        self._compression = compression
        if media_type == ARROW and compression == "none":
            headers = {**headers, "Content-Length": str(_arrow_bytes(table))}
        self.init_headers(headers)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Leave the length out where it is not known beforehand."""
        super().init_headers(headers)
        if "Content-Length" not in (headers or {}):
            pairs: list[tuple[bytes, bytes]] = self.raw_headers
            self.raw_headers = [pair for pair in pairs if pair[0] != b"content-length"]

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send it all."""
        gone = asyncio.create_task(_left(receive))
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    body: Message = {"type": "http.response.body", "body": piece, "more_body": True}
                    async with asyncio.timeout(STALL_SECONDS):
                        await send(body)
                    if gone.done():
                        return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            logger.warning("A reader took nothing for %g s; its answer ends", STALL_SECONDS)
        finally:
            gone.cancel()
            del self._table
            self._on_end()

    async def _pieces(self) -> AsyncGenerator[memoryview]:
        sink = _Pieces()
        if self.media_type == PARQUET:
            steps = _parquet_steps(self._table, sink, self._compression)
        else:
            steps = _arrow_steps(self._table, sink, self._compression)
        is_cheap = self.media_type == ARROW and self._compression == "none"
        while True:
            # Without compression a step only lists the table's buffers.
            more = next(steps, False) if is_cheap else await asyncio.to_thread(next, steps, False)
            for buffer in sink.take():
                view = memoryview(buffer).cast("B")
                for begin in range(0, len(view), PIECE_BYTES):
                    yield view[begin : begin + PIECE_BYTES]
            if not more:
                return


class _Pieces:
    """A file that hands on what is written to it."""

    closed = False

    def __init__(self) -> None:
        self._waiting: list[Any] = []
        self._written = 0

    def write(self, data: Any) -> int:
        size = len(data)
        self._waiting.append(data)
        self._written += size
        return size

    def take(self) -> list[Any]:
        taken, self._waiting = self._waiting, []
        return taken

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


def _arrow_steps(table: pa.Table, sink: _Pieces, compression: Compression) -> Iterator[bool]:
    """Write a batch at each step."""
    import pyarrow as pa

    options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
    with pa.PythonFile(sink, mode="w") as file:
        with pa.ipc.new_stream(file, table.schema, options=options) as writer:
            yield True
            for batch in table.to_batches(max_chunksize=BATCH_ROWS):
                writer.write_batch(batch)
                yield True
        yield True


def _parquet_steps(table: pa.Table, sink: _Pieces, compression: Compression) -> Iterator[bool]:
    """Write a row group at each step."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pa.PythonFile(sink, mode="w") as file:
        with pq.ParquetWriter(file, table.schema, compression=compression) as writer:
            for first in range(0, table.num_rows, BATCH_ROWS):
                writer.write_table(table.slice(first, BATCH_ROWS))
                yield True
        yield True


def _arrow_bytes(table: pa.Table) -> int:
    """Return the length of the uncompressed stream; writes nothing."""
    import pyarrow as pa

    sink = pa.MockOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            writer.write_batch(batch)
    return int(sink.size())


async def _left(receive: Receive) -> None:
    """Return when the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        continue
