"""Reading a real agent: forms, validators, and the typed client's tables and answers."""

from __future__ import annotations

import io
from datetime import date

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.market_data.conftest import AgentProcess
from trading_dashboard.clients.market_data import MarketDataClient, MarketDataUnavailable
from trading_dashboard.models.errors import InvalidRange, UnknownSource, UnknownSymbol

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
MAX_RESIDENT_MEBIBYTES = 250


@pytest.fixture
def paused(agent: AgentProcess) -> AgentProcess:
    assert agent.set_clock(paused=True, now="2012-11-23T15:00:30Z").status_code == 200
    return agent


def read(answer: httpx.Response) -> pa.Table:
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"] == PARQUET:
        return pq.read_table(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == ARROW
    return pa.ipc.open_stream(answer.content).read_all()


def test_the_forms_say_the_same(paused: AgentProcess) -> None:
    path = "/historical/MSFT?interval=1h&limit=200&adjusted=all"
    plain = paused.get(path).json()
    forms = [
        paused.get(path, headers={"Accept": ARROW}),
        paused.get(path + "&format=arrow&compression=zstd"),
        paused.get(path + "&format=arrow&compression=lz4"),
        paused.get(path, headers={"Accept": f"{PARQUET}, {ARROW};q=0.5"}),
    ]
    for answer in forms:
        table = read(answer)
        assert answer.headers["x-as-of"] == plain["as_of"]
        for name in ("open", "high", "low", "close", "adjusted_close", "volume", "closed"):
            assert table[name].to_pylist() == [bar[name] for bar in plain["data"]], name
        times = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in table["timestamp"].to_pylist()]
        assert times == [bar["timestamp"] for bar in plain["data"]]


def test_who_has_it_is_told_so(paused: AgentProcess) -> None:
    closed = "/historical/AAPL?start_date=2012-01-03&end_date=2012-06-29"
    for form in ("json", "arrow", "parquet"):
        path = f"{closed}&format={form}"
        first = paused.get(path)
        tag = first.headers["etag"]
        assert tag.startswith('W/"' if form == "json" else '"')
        again = paused.get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert paused.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    tags = {paused.get(f"{closed}&format={form}").headers["etag"] for form in ("json", "arrow")}
    assert len(tags) == 2
    # A range that goes on gets another tag when it has gone on.
    newest = "/historical/AAPL?interval=1m&limit=5"
    tag = paused.get(newest).headers["etag"]
    assert paused.get(newest, headers={"If-None-Match": tag}).status_code == 304
    assert paused.set_clock(now="2012-11-23T15:09:30Z").status_code == 200
    assert paused.get(newest, headers={"If-None-Match": tag}).status_code == 200
    assert paused.get(closed + "&format=arrow").headers["etag"] in tags


def test_limits_depend_on_the_form(paused: AgentProcess) -> None:
    assert paused.get("/historical/IBM?limit=10001").status_code == 422
    assert paused.get("/historical/IBM?limit=2000001&format=arrow").status_code == 422
    path = "/historical/IBM?interval=1m&page=first&limit=30000&format=arrow"
    answer = paused.get(path)
    assert read(answer).num_rows == 30_000
    rest = paused.get(f"{path}&page={answer.headers['x-next-page']}")
    assert read(rest)["timestamp"][0].as_py() > read(answer)["timestamp"][-1].as_py()


def test_symbols_with_a_slash_are_symbols(paused: AgentProcess) -> None:
    for path in ("/price/BTC/USDT", "/price/BTC%2FUSDT", "/quality/a/b", "/validate/a/b"):
        answer = paused.get(path)
        assert answer.status_code in (200, 404)
        if answer.is_error:
            assert answer.json()["error"]["code"] == "unknown_symbol"


async def test_the_client_asks_it_all(paused: AgentProcess) -> None:
    async with MarketDataClient(paused.url) as client:
        quotes = await client.quotes(["aapl", "NOPE", "IBM"])
        assert sorted(quotes.quotes) == ["IBM", "aapl"]
        assert quotes.errors["NOPE"].code == "unknown_symbol"
        assert quotes.quotes["aapl"] == await client.price("AAPL")
        found = await client.search("micro")
        assert [row.symbol for row in found.symbols] == ["MSFT"]
        assert len(await client.symbols()) == 5
        assert [row.name for row in await client.sources()] == ["demo"]
        calendar = await client.calendar("IBM", start=date(2012, 11, 21), end=date(2012, 11, 26))
        assert [row.session.day for row in calendar.sessions] == [21, 23, 26]
        assert (await client.validate("ibm")).valid
        wrong = await client.validate("IBN")
        assert not wrong.valid
        assert wrong.suggestions[0].symbol == "IBM"
        assert (await client.quality("FB"))[0].grade == "A+"
        assert (await client.quality_report()).grades == {"A+": 5}
        assert await client.gaps() == await client.gaps("IBM") == []
        assert await client.rejected() == await client.rejected("IBM", limit=5) == []
        assert (await client.storage()).total_bytes > 0
        with pytest.raises(InvalidRange):
            await client.calendar("IBM", start=date(2012, 2, 2), end=date(2012, 2, 1))
        with pytest.raises(InvalidRange):
            await client.quotes([f"S{i}" for i in range(501)])
        with pytest.raises(UnknownSource):
            await client.historical("IBM", source="yahoo")


async def test_the_client_returns_tables_and_frames(
    paused: AgentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MarketDataClient(paused.url) as client:
        bars = [bar async for bar in client.bars("IBM", start=date(2012, 1, 1))]
        table = await client.bars_table("IBM", start=date(2012, 1, 1))
        assert table["close"].to_pylist() == [bar.close for bar in bars]
        assert b"demo" in table.schema.metadata[b"trading_dashboard"]
        monkeypatch.setattr("trading_dashboard.clients.market_tables.TABLE_PAGE_LIMIT", 100)
        paged = await client.bars_table("IBM", start=date(2012, 1, 1))
        assert paged.combine_chunks().equals(table.combine_chunks())
        newest = await client.bars_table("IBM", limit=7)
        assert newest["close"].to_pylist() == [bar.close for bar in bars][-7:]
        first = await client.bars_table("IBM", start=date(2012, 1, 1), limit=7)
        assert first["close"].to_pylist() == [bar.close for bar in bars][:7]
        frame = await client.bars_frame("IBM", start=date(2012, 1, 1), interval="1w")
        assert str(frame.index.tz) == "UTC"
        assert frame.index.is_monotonic_increasing
        with pytest.raises(UnknownSymbol):
            await client.bars_table("IBN")
        with pytest.raises(InvalidRange):
            await client.bars_frame("IBM", start=date(2012, 2, 2), end=date(2012, 2, 1))
    async with MarketDataClient("http://127.0.0.1:1") as nobody:
        with pytest.raises(MarketDataUnavailable):
            await nobody.bars_table("IBM")


def test_a_table_costs_the_demo_little_memory(paused: AgentProcess) -> None:
    process = psutil.Process(paused.process.pid)
    assert "libarrow.so" not in " ".join(mapped.path for mapped in process.memory_maps())
    path = "/historical/IBM?interval=1m&page=first&limit=100000&format=arrow"
    assert read(paused.get(path)).num_rows == 100_000
    libraries = " ".join(mapped.path for mapped in process.memory_maps())
    assert "libarrow.so" in libraries
    assert "pandas" not in libraries
    resident = process.memory_info().rss / 2**20
    assert resident < MAX_RESIDENT_MEBIBYTES, f"{resident:.0f} MiB"
