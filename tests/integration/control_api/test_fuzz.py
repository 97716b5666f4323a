"""Whatever is sent to any route or to the stream is answered, in time, as it is documented.

In process, over a real manager on a runtime without processes. The same requests in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
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
from tests.unit.orchestrator.fakes import agent
from tests.unit.orchestrator.fakes import desk as manager_on_fakes
from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.guard import Guard
from trading_dashboard.control_api.stream import StreamSession
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.control import STREAM_OPERATION, SupervisorInfo, TokenRole
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.history.event_history import EventHistory

TOKEN = "fuzz"
AGENTS = {"a": agent(1), "b": agent(2, depends_on=["a"]), "off": agent(3, enabled=False)}
INFO = SupervisorInfo(
    run_id="r", pid=1, version="0", environment="development", project_root="/x",
    started_at=datetime(2026, 1, 1, tzinfo=UTC), state="running",
)  # fmt: skip


class Fuzzed(Target):
    """The API over a manager; its token follows when it is replaced."""

    def __init__(
        self, runner: asyncio.Runner, manager: AgentManager, history: EventHistory
    ) -> None:
        self.manager = manager
        self._tokens = {TokenRole.OPERATOR: TOKEN}
        given = {TokenRole.OPERATOR: TOKEN, TokenRole.READ_ONLY: "reader"}
        tokens = Tokens(given, self._tokens.__setitem__)
        supervision = Supervision(
            agents=manager,
            describe=lambda: INFO,
            request_shutdown=lambda _: None,
            history=history,
        )
        self.api: FastAPI = create_api(supervision, tokens)
        guarded = Guard(self.api, tokens)
        super().__init__(runner, guarded, self.api.openapi(), self.token, {"name": "a"})

    def token(self) -> str:
        return self._tokens[TokenRole.OPERATOR]


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[Fuzzed]:
    history = EventHistory(tmp_path, "r", HistorySettings())
    with asyncio.Runner() as runner, ExitStack() as at_end:
        opened = manager_on_fakes(tmp_path, AGENTS)
        made = runner.run(opened.__aenter__())
        at_end.callback(lambda: runner.run(opened.__aexit__(None, None, None)))
        log = tmp_path / "agent.log"
        log.write_text("a line\n")
        made.runtime.log_path = lambda agent: log  # type: ignore[method-assign]
        runner.run(made.manager.open())
        history.open(made.manager.events)
        at_end.callback(lambda: runner.run(history.aclose()))
        api = Fuzzed(runner, made.manager, history)
        at_end.callback(api.close)
        yield api


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_answers_as_documented_whatever_is_sent(
    mode: GenerationMode, fuzzed: Fuzzed
) -> None:
    attack(fuzzed, mode)


def test_bodies_of_any_kind_are_answered(fuzzed: Fuzzed) -> None:
    attack_with_bodies(fuzzed, max_examples=60)


SENTINEL = '{"op": "subscribe_logs", "agents": ["sentinel"]}'
OPERATIONS = operations(
    {"op": "subscribe_logs", "agents": ["a"], "lines": 5, "grep": "x", "level": "info"},
    {"op": "unsubscribe_logs"},
)


def attack_stream(fuzzed: Fuzzed) -> None:
    @settings(deterministic, max_examples=40)
    @given(messages=st.lists(OPERATIONS, min_size=1, max_size=15))
    def once(messages: list[str | bytes]) -> None:
        fuzzed.runner.run(talk(fuzzed, messages))

    once()


async def talk(fuzzed: Fuzzed, messages: list[str | bytes]) -> None:
    token = fuzzed.token()
    async with (
        open_socket(fuzzed.app, "/v1/ws", token) as bystander,
        open_socket(fuzzed.app, "/v1/ws", token) as socket,
    ):
        for message in messages:
            socket.send(message)
            errors = await socket.answers(SENTINEL)
            is_good = isinstance(message, str) and is_operation(
                STREAM_OPERATION.validate_json, message
            )
            assert is_good or len(errors) == 1, message
        assert await bystander.answers(SENTINEL) == []


def test_the_stream_answers_whatever_it_is_sent(fuzzed: Fuzzed) -> None:
    attack_stream(fuzzed)


def test_a_sabotaged_stream_is_caught(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control arm."""

    async def swallow(*_: Any) -> None:
        return

    monkeypatch.setattr(StreamSession, "_send_error", swallow)
    with pytest.raises(AssertionError):
        attack_stream(fuzzed)


def _fails(fuzzed: Fuzzed) -> None:
    async def restart(*_: Any, **__: Any) -> bool:
        raise ZeroDivisionError

    fuzzed.manager.restart_agent = restart  # type: ignore[method-assign]


def _lies(fuzzed: Fuzzed) -> None:
    fuzzed.api.router.routes.insert(0, route("/v1/agents", {"agents": 1}, 200))


def _is_misshapen(fuzzed: Fuzzed) -> None:
    fuzzed.api.router.routes.insert(0, route("/v1/status", {"detail": "no"}, 404))


def _hangs(fuzzed: Fuzzed) -> None:
    async def stop(*_: Any, **__: Any) -> dict[str, bool]:
        await asyncio.Event().wait()
        return {}

    fuzzed.deadline_seconds = 0.05
    fuzzed.manager.emergency_stop = stop  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("sabotage", "path", "caught"),
    [
        (_fails, "/restart", "AssertionError"),
        (_lies, "/v1/agents", "JsonSchemaError"),
        (_is_misshapen, "/v1/status", "AssertionError"),
        (_hangs, "/emergency-stop", "TimeoutError"),
    ],
)
def test_a_sabotaged_route_is_caught(
    sabotage: Callable[[Fuzzed], None], path: str, caught: str, fuzzed: Fuzzed
) -> None:
    """The control arm."""
    attack(fuzzed, GenerationMode.POSITIVE, path)
    sabotage(fuzzed)
    with pytest.raises(BaseException) as failure:  # noqa: PT011 - it is of no ordinary class
        attack(fuzzed, GenerationMode.POSITIVE, path)
    assert caught in repr(failure.value) + type(failure.value).__name__
