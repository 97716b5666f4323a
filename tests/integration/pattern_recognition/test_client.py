"""The typed client against the agent itself, over real sockets and a market in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.support import eventually
from tests.unit.pattern_recognition.live.fake_market import FakeMarket
from tests.unit.pattern_recognition.live.walks import walk
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment
from trading_dashboard.agents.pattern_recognition import assembly
from trading_dashboard.agents.pattern_recognition.live import follower
from trading_dashboard.agents.pattern_recognition.live.series import moment
from trading_dashboard.clients import agent_client
from trading_dashboard.clients import patterns as client_module
from trading_dashboard.clients.patterns import PatternClient, PatternsRefused, PatternsUnavailable
from trading_dashboard.models.errors import (
    Forbidden,
    InvalidBars,
    InvalidParameter,
    TradingDashboardError,
    UnknownIndicator,
    UnknownPattern,
    UnknownScan,
    UnknownSymbol,
)
from trading_dashboard.models.pattern_api import (
    OwnBars,
    PatternEvent,
    PatternReset,
    PatternSnapshot,
    PatternStreamMessage,
    ScanOrder,
)

SYMBOLS = ("AAPL", "BTC/USDT")
Ask = Callable[[PatternClient], Awaitable[Any]]


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """An agent on one port, for as long as `serving` says."""

    def __init__(self, folder: Path, port: int) -> None:
        self.market = FakeMarket(SYMBOLS)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[AgentApp]:
        environment = AgentEnvironment(
            name="pattern_recognition",
            data_directory=self._folder,
            settings={"timeframes": ["1m"], "history_bars": 600},
        )
        app = assembly.build(environment, self.market)
        options: dict[str, Any] = {"log_config": None, "ws": "websockets-sansio"}
        server = QuietServer(
            uvicorn.Config(app, port=self.port, timeout_graceful_shutdown=1, **options)
        )
        running = asyncio.create_task(server.serve())
        try:
            await eventually(lambda: server.started and len(app.state.agent.book.trackers) == 2)
            yield app
        finally:
            await app.state.agent.close_streams()
            server.should_exit = True
            await running


@pytest.fixture
def served(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Served:
    # The market here speaks at the beginning only; on a busy machine a test may take long.
    monkeypatch.setattr(follower, "SILENCE_SECONDS", 600.0)
    return Served(tmp_path, free_port)


def own_bars(count: int, **changes: Any) -> OwnBars:
    bars = walk(count)
    columns = {name: getattr(bars, name).tolist() for name in ("open", "high", "low", "close")}
    times = [moment(time) for time in bars.time.tolist()]
    return OwnBars(timestamp=times, timeframe="1m", **{**columns, **changes})


async def _told_beside_a_market(client: PatternClient) -> list[Any]:
    """Return one answer of each kind that rests on market data."""
    return [
        await client.patterns("AAPL", timeframe="1m", limit=1),
        await client.signals(),
        await client.confidence(),
        await client.levels("AAPL", timeframe="1m"),
        await client.indicator("AAPL", "sma", timeframe="1m"),
        await client.context("AAPL"),
    ]


async def test_every_question_is_answered_in_its_model(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served.serving() as app, PatternClient(served.url) as client:
        for symbol in SYMBOLS:
            answer = await client.patterns(symbol, timeframe="1m", limit=2_000)
            assert (answer.symbol, answer.stale) == (symbol, False)
            assert len(answer.patterns) > 300
        rows = [row async for row in client.history(symbol="AAPL", timeframe="1m")]
        ids = [row.detection.id for row in rows]
        assert len(set(ids)) == len(ids) > client_module.PAGE  # more than one page
        own = await client.detect(own_bars(400))
        assert (own.source, own.bars) == ("own", 400)
        assert own.patterns
        known = await client.catalogue()
        assert len(known.patterns) == 61 + 23
        values = await client.indicator("BTC/USDT", "sma", timeframe="1m", period=5)
        assert values.symbol == "BTC/USDT"
        assert "sma" in [row.id for row in (await client.indicators()).indicators]
        assert (await client.levels("AAPL", timeframe="1m")).timeframe == "1m"
        assert len((await client.context("AAPL")).timeframes) == 9
        assert (await client.confidence(symbol="AAPL", timeframe="1m", horizon=10)).rows is not None
        assert (await client.signals()).source == "test"
        # The follower hears its market all the while, and would soon take that back.
        monkeypatch.setattr(app.state.agent.follower, "_settle", lambda: None)
        app.state.agent.follower.trouble = "Market data does not answer."
        told = await _told_beside_a_market(client)
        assert all(answer.stale for answer in told)
        app.state.agent.follower.trouble = None
        scan = await client.scan(ScanOrder(timeframe="1m", bars=300, within_bars=300))

        async def is_over() -> bool:
            return (await client.scan_status(scan.id)).state == "complete"

        await eventually(is_over)
        page = await client.scan_patterns(scan.id, limit=5)
        assert len(page.patterns) == 5 < page.total
        assert (await client.cancel_scan(scan.id)).state == "complete"


REFUSALS: dict[str, tuple[Ask, type[TradingDashboardError]]] = {
    "symbol": (lambda it: it.patterns("XYZ"), UnknownSymbol),
    "worth of what is not followed": (lambda it: it.confidence(symbol="XYZ"), UnknownSymbol),
    "history of it": (lambda it: anext(aiter(it.history(symbol="XYZ"))), UnknownSymbol),
    "pattern": (lambda it: it.confidence(pattern="x"), UnknownPattern),
    "horizon": (lambda it: it.confidence(horizon=7), InvalidParameter),
    "horizon of signals": (lambda it: it.signals(horizon=7), InvalidParameter),
    "indicator": (lambda it: it.indicator("AAPL", "x"), UnknownIndicator),
    "parameter": (lambda it: it.indicator("AAPL", "sma", period=0), InvalidParameter),
    "bars": (lambda it: it.detect(own_bars(50, close=[-1.0] * 50)), InvalidBars),
    "order": (lambda it: it.scan(ScanOrder.model_construct(symbols=["X" * 65])), PatternsRefused),
    "scan": (lambda it: it.scan_status("nope"), UnknownScan),
}


async def test_a_refusal_is_the_error_it_names(served: Served) -> None:
    async with served.serving(), PatternClient(served.url) as client:
        for name, (ask, kind) in REFUSALS.items():
            with pytest.raises(kind) as refused:
                await ask(client)
            assert refused.value.next_step, name


async def test_who_does_not_answer_is_unavailable(served: Served) -> None:
    async with PatternClient(served.url) as client:
        with pytest.raises(PatternsUnavailable) as refused:
            await client.catalogue()
    assert served.url in refused.value.message


async def test_the_stream_comes_back_after_the_agent_did(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_RETRY_SECONDS", 0.1)
    heard: list[PatternStreamMessage] = []

    async def listen(client: PatternClient) -> None:
        async with aclosing(client.stream()) as messages:
            async for message in messages:
                heard.append(message)  # noqa: PERF401 - read while it never ends

    async with PatternClient(served.url) as client:
        listening = asyncio.create_task(listen(client))  # before anybody is there
        try:
            async with served.serving():
                await eventually(lambda: _snapshots(heard))
                served.market.close_bars(40)
                await eventually(lambda: _events(heard))
                assert not any(isinstance(it, PatternReset) for it in heard)
            before = len(heard)
            served.market.close_bars(40)
            async with served.serving():
                await eventually(lambda: _snapshots(heard[before:]))
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    after = heard[before:]
    assert isinstance(after[0], PatternReset)
    assert after[0].reason == "reconnected"
    newest = max(body.known_at for body in _snapshots(after)[-1].patterns)
    assert newest > max(it.detection.known_at for it in _events(heard[:before]))


async def test_a_host_that_is_not_answered_to_ends_the_stream(served: Served) -> None:
    async with served.serving(), PatternClient(f"http://127.1:{served.port}") as client:
        with pytest.raises(Forbidden) as refused:
            async with asyncio.timeout(5):
                await anext(client.stream())
    assert "--allow-host" in str(refused.value.next_step)


@pytest.mark.parametrize("fault", ["skips a number", "says nothing", "is no message"])
async def test_a_stream_that_cannot_be_trusted_is_opened_anew(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    monkeypatch.setattr(agent_client, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(client_module, "MAX_RETRY_SECONDS", 0.1)
    connections = 0

    async def lie(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await socket.recv()
        await socket.send('{"type": "heartbeat", "seq": 1}')
        if connections == 1 and fault == "skips a number":
            await socket.send('{"type": "heartbeat", "seq": 3}')
        elif connections == 1 and fault == "is no message":
            await socket.send("{")
        await socket.wait_closed()

    async with serve(lie, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with PatternClient(f"http://127.0.0.1:{port}") as client, asyncio.timeout(5):
            stream = client.stream()
            async with aclosing(stream):
                kinds = [(await anext(stream)).type for _ in range(3)]
    assert kinds == ["heartbeat", "reset", "heartbeat"]
    assert connections == 2


def _snapshots(heard: list[PatternStreamMessage]) -> list[PatternSnapshot]:
    return [it for it in heard if isinstance(it, PatternSnapshot)]


def _events(heard: list[PatternStreamMessage]) -> list[PatternEvent]:
    return [it for it in heard if isinstance(it, PatternEvent)]
