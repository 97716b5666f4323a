"""Whatever is sent to the risk management agent is answered, in time, as it is documented.

In process, over a market in memory. The same requests in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from schemathesis import GenerationMode

from tests.integration.api_attack import Target, attack, attack_with_bodies, open_socket, route
from tests.support import eventually
from tests.unit.risk_management.live.conftest import HereHeavy, build
from tests.unit.risk_management.live.fake_market import FakeMarket
from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.risk_management import agent as agent_module
from trading_dashboard.models.risk.gate import GateState

EXAMPLES = 5
"""Of each route and kind; making them takes the time, not answering them."""


class Fuzzed(Target):
    """The agent's application, serving an operator."""

    def __init__(self, runner: asyncio.Runner, app: AgentApp) -> None:
        self.api = app
        token = app.operator.path.read_text()
        super().__init__(runner, app, app.openapi(), lambda: token, {"id": "o1"})
        self.deadline_seconds = 20.0


@pytest.fixture
def fuzzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fuzzed]:
    monkeypatch.setattr(agent_module, "Heavy", HereHeavy)
    with asyncio.Runner() as runner, ExitStack() as at_end:
        app = build(tmp_path, FakeMarket(), sample=True)
        serving = app.router.lifespan_context(app)
        runner.run(serving.__aenter__())
        at_end.callback(lambda: runner.run(serving.__aexit__(None, None, None)))
        runner.run(_opened(app))
        target = Fuzzed(runner, app)
        at_end.callback(target.close)
        yield target


async def _opened(app: AgentApp) -> None:
    agent = app.state.agent
    await eventually(lambda: agent.gate.look() is GateState.ACTIVE)
    await eventually(lambda: len(agent.account.book.positions) == 3)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_answers_as_documented_whatever_is_sent(
    mode: GenerationMode, fuzzed: Fuzzed
) -> None:
    attack(fuzzed, mode, examples=EXAMPLES)
    assert fuzzed.api.state.agent.failure is None


def test_bodies_of_any_kind_are_answered(fuzzed: Fuzzed) -> None:
    attack_with_bodies(fuzzed, max_examples=25)
    assert fuzzed.api.state.agent.failure is None


def test_the_stream_takes_no_messages_and_bears_them(fuzzed: Fuzzed) -> None:
    async def talk() -> None:
        async with (
            open_socket(fuzzed.app, "/stream", "") as bystander,
            open_socket(fuzzed.app, "/stream", "") as socket,
        ):
            assert (await socket.receive())["type"] == "snapshot"
            for message in ("x", b"\xff", "{}", "[" * 1_000):
                socket.send(message)
            kinds = {(await socket.receive())["type"] for _ in range(4)}
            assert "error" in kinds
            for _ in range(100):
                socket.send("again")
            assert await socket.close_code() == 1008
            assert (await bystander.receive())["type"] == "snapshot"

    fuzzed.runner.run(talk())


# Control arm


def test_a_sabotaged_route_is_caught(fuzzed: Fuzzed) -> None:
    attack(fuzzed, GenerationMode.POSITIVE, "/gate", examples=1)
    fuzzed.api.router.routes.insert(0, route("/gate", {"state": 1}, 200))
    with pytest.raises(BaseException) as failure:  # noqa: PT011 - it is of no ordinary class
        attack(fuzzed, GenerationMode.POSITIVE, "/gate", examples=1)
    assert "JsonSchemaError" in repr(failure.value) + type(failure.value).__name__
