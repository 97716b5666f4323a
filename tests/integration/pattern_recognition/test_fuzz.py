"""Whatever is sent to the pattern recognition agent is answered, in time, as it is documented.

In process, over a market in memory. The same requests in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.integration.api_attack import (
    Target,
    attack,
    attack_with_bodies,
    deterministic,
    is_operation,
    open_socket,
    operations,
    route,
)
from tests.support import eventually
from tests.unit.pattern_recognition.live.fake_market import FakeMarket
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment
from trading_dashboard.agents.kit.streams import Problems
from trading_dashboard.agents.pattern_recognition import assembly
from trading_dashboard.agents.pattern_recognition.streaming import connection
from trading_dashboard.models.pattern_api import PatternOperation

EXAMPLES = 7
"""Of each route and kind; making them takes the time, not answering them."""


class Fuzzed(Target):
    """The agent's application, serving."""

    def __init__(self, runner: asyncio.Runner, app: AgentApp) -> None:
        self.api = app
        known = {"symbol": "AAPL", "id": "CDLDOJI"}
        super().__init__(runner, app, app.openapi(), lambda: "", known)
        self.deadline_seconds = 20.0


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[Fuzzed]:
    with asyncio.Runner() as runner, ExitStack() as at_end:
        environment = AgentEnvironment(
            name="pattern_recognition",
            data_directory=tmp_path,
            settings={"timeframes": ["1m"], "history_bars": 600},
        )
        app = assembly.build(environment, FakeMarket(("AAPL", "BTC/USDT")))
        serving = app.router.lifespan_context(app)
        runner.run(serving.__aenter__())
        at_end.callback(lambda: runner.run(serving.__aexit__(None, None, None)))
        runner.run(_followed(app))
        target = Fuzzed(runner, app)
        at_end.callback(target.close)
        yield target


async def _followed(app: AgentApp) -> None:
    await eventually(lambda: len(app.state.agent.book.trackers) == 2)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_answers_as_documented_whatever_is_sent(
    mode: GenerationMode, fuzzed: Fuzzed
) -> None:
    attack(fuzzed, mode, examples=EXAMPLES)


def test_bodies_of_any_kind_are_answered(fuzzed: Fuzzed) -> None:
    attack_with_bodies(fuzzed, max_examples=25)


SENTINEL = '{"op": "subscribe", "symbols": ["SENTINEL"]}'
OPERATIONS = operations(
    {"op": "subscribe", "symbols": ["AAPL", "*"], "timeframes": ["1m"], "kinds": ["chart"]},
    {"op": "unsubscribe", "symbols": ["aapl"]},
)


def attack_stream(fuzzed: Fuzzed) -> None:
    @settings(deterministic, max_examples=25)
    @given(messages=st.lists(OPERATIONS, min_size=1, max_size=12))
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
                lambda text: PatternOperation.model_validate(orjson.loads(text)), message
            )
            assert is_good or len(errors) == 1, message
        assert await bystander.answers(SENTINEL) == []


def test_the_stream_answers_whatever_it_is_sent(fuzzed: Fuzzed) -> None:
    attack_stream(fuzzed)


# Control arms


def test_a_sabotaged_stream_is_caught(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = connection.handle

    def swallow(*parts: Any) -> Problems:
        problems = handle(*parts)
        return [each for each in problems if each["error"]["code"] != "invalid_operation"]

    monkeypatch.setattr(connection, "handle", swallow)
    with pytest.raises(AssertionError):
        attack_stream(fuzzed)


def test_a_sabotaged_route_is_caught(fuzzed: Fuzzed) -> None:
    attack(fuzzed, GenerationMode.POSITIVE, "/signals")
    fuzzed.api.router.routes.insert(0, route("/signals", {"signals": 1}, 200))
    with pytest.raises(BaseException) as failure:  # noqa: PT011 - it is of no ordinary class
        attack(fuzzed, GenerationMode.POSITIVE, "/signals")
    assert "JsonSchemaError" in repr(failure.value) + type(failure.value).__name__
