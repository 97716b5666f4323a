"""Whatever is sent to any route is answered, in time, as the OpenAPI document says.

In process, over a real manager on a runtime without processes. The same requests in every run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.unit.orchestrator.fakes import agent
from tests.unit.orchestrator.fakes import desk as manager_on_fakes
from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.guard import Guard
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.control import ErrorAnswer, ErrorDetail, SupervisorInfo, TokenRole
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.history.event_history import EventHistory

TOKEN = "fuzz"
DEADLINE_SECONDS = 5.0
EXAMPLES = 12
AGENTS = {"a": agent(1), "b": agent(2, depends_on=["a"]), "off": agent(3, enabled=False)}
INFO = SupervisorInfo(
    run_id="r", pid=1, version="0", environment="development", project_root="/x",
    started_at=datetime(2026, 1, 1, tzinfo=UTC), state="running",
)  # fmt: skip

deterministic = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Fuzzed:
    """The API, and one request after the other."""

    def __init__(
        self, runner: asyncio.Runner, manager: AgentManager, history: EventHistory
    ) -> None:
        self.runner, self.manager = runner, manager
        tokens = Tokens({TokenRole.OPERATOR: TOKEN, TokenRole.READ_ONLY: "reader"}, self._keep)
        self._tokens = {TokenRole.OPERATOR: TOKEN}
        self.deadline_seconds = DEADLINE_SECONDS
        supervision = Supervision(
            agents=manager,
            describe=lambda: INFO,
            request_shutdown=lambda _: None,
            history=history,
        )
        self.api: FastAPI = create_api(supervision, tokens)
        transport = httpx.ASGITransport(Guard(self.api, tokens), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def send(self, method: str, url: str, headers: Any, content: Any) -> httpx.Response:
        """Send it as the operator; fails if it is not answered in time."""
        headers = [(str(name), str(value)) for name, value in dict(headers).items()]
        ours = ("host", "authorization", "content-length", "transfer-encoding", "origin", "cookie")
        headers = [pair for pair in headers if pair[0].lower() not in ours]
        headers.append(("Authorization", f"Bearer {self._tokens[TokenRole.OPERATOR]}"))
        request = self._client.build_request(
            method, url, headers=[(k.encode(), v.encode("latin-1", "replace")) for k, v in headers],
            content=content,
        )  # fmt: skip

        async def within() -> httpx.Response:
            async with asyncio.timeout(self.deadline_seconds):
                return await self._client.send(request)

        return self.runner.run(within())

    def close(self) -> None:
        self.runner.run(self._client.aclose())

    def _keep(self, role: TokenRole, token: str) -> None:
        self._tokens[role] = token


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


def check(response: httpx.Response, document: dict[str, Any], method: str, path: str) -> None:
    """Fail unless the answer is one that the document tells of, in the shape it tells."""
    operation = document["paths"][path][method.lower()]
    code = str(response.status_code)
    assert response.status_code != 500, response.text
    known = code in operation["responses"] or code in ("404", "405")
    assert known, f"{code} is not documented: {response.text[:300]}"
    if response.is_error:
        body = response.json()
        assert set(body) == {"error"}
        assert set(body["error"]) == set(ErrorDetail.model_fields)
        assert ErrorAnswer.model_validate(body).error.next_step, body


def attack(fuzzed: Fuzzed, mode: GenerationMode, only: str = "") -> None:
    """Send requests that are as the document says (positive), or not (negative), to every route."""
    document = fuzzed.api.openapi()
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not operation.path.endswith(only):
            continue
        has_input = any(operation.iter_parameters()) or bool(operation.body)
        if mode is GenerationMode.NEGATIVE and not has_input:
            continue

        cases = operation.as_strategy(generation_mode=mode)
        if "{name}" in operation.path:  # else hardly any would reach an agent
            known = {"name": "a"}
            cases |= operation.as_strategy(generation_mode=mode, path_parameters=known)

        @deterministic
        @given(case=cases)
        def once(case: Case[Any]) -> None:
            prepared = requests.Request(**case.as_transport_kwargs("http://localhost")).prepare()
            assert prepared.method is not None
            assert prepared.url is not None
            response = fuzzed.send(prepared.method, prepared.url, prepared.headers, prepared.body)
            if response.request.url.path.count("/") == case.path.count("/"):
                check(response, document, case.method, case.path)
                case.operation.validate_response(response, case=case)
            else:  # the path was torn apart: another route, or none
                assert response.status_code != 500, response.text

        once()


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_answers_as_documented_whatever_is_sent(
    mode: GenerationMode, fuzzed: Fuzzed
) -> None:
    attack(fuzzed, mode)


BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["wait_seconds", "role", "\ud800", "x"]), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 60_000, b'{"wait_seconds": ' + b"9" * 5000 + b"}", b'{"wait_seconds": NaN}',
         b'{"\\ud800": 1}', b'{"role": "\\udfff"}', b"\xef\xbb\xbf{}", b"null", b'""',
         b'{"wait_seconds": 1e999}', b'{"wait_seconds": 0, "wait_seconds": -1}']
    ),
)  # fmt: skip
TYPES = st.sampled_from(
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
     "multipart/form-data; boundary=x", "application/json; charset=utf-16", "", "/", "é"]
)  # fmt: skip


def test_bodies_of_any_kind_are_answered(fuzzed: Fuzzed) -> None:
    document = fuzzed.api.openapi()
    paths = [path for path, operations in document["paths"].items() if "post" in operations]

    @settings(deterministic, max_examples=300)
    @given(path=st.sampled_from(paths), body=BODIES, kind=TYPES)
    def once(path: str, body: bytes, kind: str) -> None:
        url = "http://localhost" + path.replace("{name}", "a")
        check(fuzzed.send("POST", url, {"Content-Type": kind}, body), document, "POST", path)

    once()


def _fails(fuzzed: Fuzzed) -> None:
    async def restart(*_: Any, **__: Any) -> bool:
        raise ZeroDivisionError

    fuzzed.manager.restart_agent = restart  # type: ignore[method-assign]


def _lies(fuzzed: Fuzzed) -> None:
    fuzzed.api.router.routes.insert(0, _route("/v1/agents", {"agents": 1}, 200))


def _is_misshapen(fuzzed: Fuzzed) -> None:
    fuzzed.api.router.routes.insert(0, _route("/v1/status", {"detail": "no"}, 404))


def _hangs(fuzzed: Fuzzed) -> None:
    async def stop(*_: Any, **__: Any) -> dict[str, bool]:
        await asyncio.Event().wait()
        return {}

    fuzzed.deadline_seconds = 0.05
    fuzzed.manager.emergency_stop = stop  # type: ignore[method-assign]


def _route(path: str, content: Any, status: int) -> Route:
    return Route(path, lambda _: JSONResponse(content, status))


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
