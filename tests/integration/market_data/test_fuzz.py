"""Whatever is sent to the market data agent is answered, in time, as it is documented.

In process, on data loaded once. The same requests in every run.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.integration.api_attack import (
    Target,
    attack,
    attack_with_bodies,
    check_error,
    deterministic,
    is_operation,
    open_socket,
    operations,
    route,
)
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, streams
from trading_dashboard.agents.market_data import assembly
from trading_dashboard.agents.market_data.demo.loading import load_market
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.store import MarketStore
from trading_dashboard.agents.market_data.streaming import connection
from trading_dashboard.models.market_api import StreamOperation


class Fuzzed(Target):
    """The agent's application, serving."""

    def __init__(self, runner: asyncio.Runner, app: AgentApp) -> None:
        self.api = app
        self.token = app.operator.path.read_text()
        super().__init__(
            runner, app, app.openapi(), lambda: self.token, {"symbol": "AAPL", "name": "monday"}
        )
        # A recording begins with what was known before, which is simulated.
        self.deadline_seconds = 20.0


@pytest.fixture(scope="module")
def market(loaded_data: Path) -> DemoMarket:
    with MarketStore(loaded_data / assembly.STORE_FILE) as store:
        return load_market(store, seed=1)


@pytest.fixture
def fuzzed(tmp_path: Path, market: DemoMarket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fuzzed]:
    def already_open(path: Path, seed: int) -> tuple[MarketStore, DemoMarket]:
        return MarketStore(path), market

    monkeypatch.setattr(assembly, "open_market", already_open)
    with asyncio.Runner() as runner, ExitStack() as at_end:
        app = assembly.build(AgentEnvironment(name="market_data", data_directory=tmp_path))
        serving = app.router.lifespan_context(app)
        runner.run(serving.__aenter__())
        at_end.callback(lambda: runner.run(serving.__aexit__(None, None, None)))
        target = Fuzzed(runner, app)
        at_end.callback(target.close)
        yield target


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_answers_as_documented_whatever_is_sent(
    mode: GenerationMode, fuzzed: Fuzzed
) -> None:
    attack(fuzzed, mode)


def test_bodies_of_any_kind_are_answered(fuzzed: Fuzzed) -> None:
    attack_with_bodies(fuzzed, max_examples=40)


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


PAGES = st.one_of(
    st.text(max_size=60),
    st.recursive(
        st.none() | st.integers() | st.floats() | st.sampled_from(["AAPL", "1m", "1d", 2**63]),
        lambda inner: st.lists(inner, max_size=3),
    ).map(lambda value: _token(json.dumps(value))),
    st.integers().map(lambda after: _token(f'["AAPL","1d",{after}]')),
    st.sampled_from(["[" * 140, '["AAPL","1d",' + "9" * 120 + "]"]).map(_token),
    st.sampled_from(["=", "first"]),
)


def test_pages_of_any_kind_are_answered(fuzzed: Fuzzed) -> None:
    @settings(deterministic, max_examples=40)
    @given(page=PAGES, interval=st.sampled_from(["1d", "1m", "1mo"]))
    def once(page: str, interval: str) -> None:
        query = urlencode({"page": page, "interval": interval, "limit": 3})
        response = fuzzed.send("GET", f"http://localhost/historical/AAPL?{query}", {}, None)
        assert response.status_code in (200, 422), response.text
        if response.is_error:
            check_error(response)

    once()


SENTINEL = '{"op": "subscribe", "symbols": ["SENTINEL"]}'
OPERATIONS = operations(
    {"op": "subscribe", "symbols": ["AAPL", "*"], "intervals": ["1m", "1d"]},
    {"op": "unsubscribe", "symbols": ["ibm"], "intervals": []},
)


def attack_stream(fuzzed: Fuzzed) -> None:
    @settings(deterministic, max_examples=40)
    @given(messages=st.lists(OPERATIONS, min_size=1, max_size=15))
    def once(messages: list[str | bytes]) -> None:
        fuzzed.runner.run(talk(fuzzed, messages))

    once()


async def talk(fuzzed: Fuzzed, messages: list[str | bytes]) -> None:
    async with (
        open_socket(fuzzed.app, "/stream", "") as bystander,
        open_socket(fuzzed.app, "/stream", "") as socket,
    ):
        for message in messages:
            socket.send(message)
            errors = await socket.answers(SENTINEL)
            is_good = is_operation(
                lambda text: StreamOperation.model_validate(orjson.loads(text)), message
            )
            assert is_good or len(errors) == 1, message
        assert await bystander.answers(SENTINEL) == []


def test_the_stream_answers_whatever_it_is_sent(fuzzed: Fuzzed) -> None:
    attack_stream(fuzzed)


def test_who_sends_nonsense_without_end_is_closed_and_nobody_else(fuzzed: Fuzzed) -> None:
    async def flood() -> None:
        async with (
            open_socket(fuzzed.app, "/stream", "") as bystander,
            open_socket(fuzzed.app, "/stream", "") as socket,
        ):
            for _ in range(streams.MAX_BAD_MESSAGES + 20):
                socket.send("nonsense")
            assert await socket.close_code() == 1008
            assert await bystander.answers(SENTINEL) == []

    fuzzed.runner.run(flood())


# Control arms


def test_a_sabotaged_stream_is_caught(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = connection.handle

    def swallow(*parts: Any) -> list[dict[str, Any]]:
        return [it for it in handle(*parts) if it["error"]["code"] != "invalid_operation"]

    monkeypatch.setattr(connection, "handle", swallow)
    with pytest.raises(AssertionError):
        attack_stream(fuzzed)


def _fails(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DemoMarket, "quote", lambda *_: 1 / 0)


def _lies(fuzzed: Fuzzed, _: pytest.MonkeyPatch) -> None:
    fuzzed.api.router.routes.insert(0, route("/symbols", {"symbols": 1}, 200))


def _is_misshapen(fuzzed: Fuzzed, _: pytest.MonkeyPatch) -> None:
    fuzzed.api.router.routes.insert(0, route("/clock", {"detail": "no"}, 404))


@pytest.mark.parametrize(
    ("sabotage", "path", "caught"),
    [
        (_fails, "/price/{symbol}", "AssertionError"),
        (_lies, "/symbols", "JsonSchemaError"),
        (_is_misshapen, "/clock", "AssertionError"),
    ],
)
def test_a_sabotaged_route_is_caught(
    sabotage: Callable[[Fuzzed, pytest.MonkeyPatch], None],
    path: str,
    caught: str,
    fuzzed: Fuzzed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack(fuzzed, GenerationMode.POSITIVE, path)
    sabotage(fuzzed, monkeypatch)
    with pytest.raises(BaseException) as failure:  # noqa: PT011 - it is of no ordinary class
        attack(fuzzed, GenerationMode.POSITIVE, path)
    assert caught in repr(failure.value) + type(failure.value).__name__
