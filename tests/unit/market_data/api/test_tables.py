"""Tables on the wire: whole, in pieces, and given up when nobody reads."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trading_dashboard.agents.market_data.api import tables
from trading_dashboard.agents.market_data.api.tables import (
    ARROW,
    METADATA,
    PARQUET,
    Compression,
    TableResponse,
    arrow_table,
)
from trading_dashboard.agents.market_data.market import BarsAnswer

HEAD = {"symbol": "AAPL", "source": "x", "next_page": None, "as_of": "now"}


def answer(count: int) -> BarsAnswer:
    prices = np.round(np.random.default_rng(1).random(count), 2)
    columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    start = np.arange(count, dtype=np.int64) * 1_000_000
    volume = np.arange(count, dtype=np.int64)
    closed = np.ones(count, dtype=np.bool_)
    return BarsAnswer(
        head=HEAD, table={"start": start, **columns, "volume": volume, "closed": closed}
    )


class Reader:
    """The other end: takes everything, leaves, or stops reading."""

    def __init__(self, *, leaves_after: int | None = None, stalls: bool = False) -> None:
        self.messages: list[Any] = []
        self.left = asyncio.Event()
        self._leaves_after, self._stalls = leaves_after, stalls

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self._stalls and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.messages.append(message)
        if self._leaves_after is not None and len(self.messages) > self._leaves_after:
            self.left.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    @property
    def headers(self) -> dict[str, str]:
        return {key.decode(): value.decode() for key, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


def response(
    table: pa.Table, kind: str = ARROW, compression: Compression = "none", ended: Any = None
) -> TableResponse:
    headers = {"ETag": '"x"'}
    return TableResponse(table, kind, compression, headers, ended or (lambda: None))


async def sent(table: pa.Table, kind: str, compression: Compression) -> Reader:
    reader = Reader()
    await response(table, kind, compression)({}, reader.receive, reader.send)
    assert reader.messages[-1]["more_body"] is False
    assert reader.headers["content-type"] == kind
    return reader


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("count", [0, 1, 300_000])
async def test_arrow_arrives_whole(count: int, compression: Compression) -> None:
    table = arrow_table(answer(count))
    reader = await sent(table, ARROW, compression)
    got = pa.ipc.open_stream(reader.body).read_all()
    assert got.equals(table)
    assert got.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert got.schema.field("volume").type == pa.float64()
    assert orjson.loads(got.schema.metadata[METADATA])["symbol"] == "AAPL"
    assert b"as_of" not in got.schema.metadata[METADATA]
    if compression == "none":
        assert int(reader.headers["content-length"]) == len(reader.body)
    else:
        assert "content-length" not in reader.headers


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("count", [0, 300_000])
async def test_parquet_arrives_whole(count: int, compression: Compression) -> None:
    table = arrow_table(answer(count))
    reader = await sent(table, PARQUET, compression)
    got = pq.read_table(pa.BufferReader(reader.body))
    assert got.cast(table.schema).equals(table)
    assert orjson.loads(got.schema.metadata[METADATA])["source"] == "x"


async def test_the_same_bars_are_the_same_bytes() -> None:
    first = await sent(arrow_table(answer(1000)), PARQUET, "zstd")
    later = BarsAnswer(head={**HEAD, "as_of": "later"}, table=answer(1000).table)
    second = await sent(arrow_table(later), PARQUET, "zstd")
    assert first.body == second.body


async def test_uncompressed_arrow_is_the_tables_own_memory() -> None:
    table = arrow_table(answer(300_000))
    reader = Reader()
    before = pa.total_allocated_bytes()
    await response(table)({}, reader.receive, reader.send)
    assert pa.total_allocated_bytes() - before < table.nbytes // 20
    own = table.column("open").chunk(0).buffers()[1].address
    addresses = [
        np.frombuffer(message["body"], np.uint8).ctypes.data
        for message in reader.messages[1:]
        if message["body"]
    ]
    assert own in addresses


async def test_who_leaves_is_sent_no_more() -> None:
    table = arrow_table(answer(2_000_000))
    whole, early = Reader(), Reader(leaves_after=3)
    ended: list[bool] = []
    for reader in (whole, early):
        made = response(table, ended=lambda: ended.append(True))
        await made({}, reader.receive, reader.send)
    assert len(early.messages) < len(whole.messages) // 4
    assert ended == [True, True]


async def test_who_stops_reading_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "STALL_SECONDS", 0.01)
    reader = Reader(stalls=True)
    ended: list[bool] = []
    made = response(arrow_table(answer(1000)), ended=lambda: ended.append(True))
    async with asyncio.timeout(5):
        await made({}, reader.receive, reader.send)
    assert ended == [True]
