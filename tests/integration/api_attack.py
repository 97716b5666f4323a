"""Sending an HTTP API or a WebSocket whatever there is, in process, and judging the answers.

Owns how a request reaches an application and what each answer must be like. What is attacked, and
what is known of it, is the tests'.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pydantic import BaseModel
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from trading_dashboard.models.control import ErrorAnswer, ErrorDetail

DEADLINE_SECONDS = 5.0
EXAMPLES = 12

deterministic = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Target:
    """An application, and one request after the other.

    Args:
        runner: The loop on which the application lives.
        app: What is attacked.
        document: Its OpenAPI document.
        bearer: Returns the token that every request carries.
        known: Values of path parameters that lead somewhere; others hardly ever would.
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        app: ASGIApp,
        document: dict[str, Any],
        bearer: Callable[[], str],
        known: Mapping[str, str],
    ) -> None:
        self.runner, self.app, self.document, self.known = runner, app, document, known
        self.deadline_seconds = DEADLINE_SECONDS
        self._bearer = bearer
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def send(self, method: str, url: str, headers: Any, content: Any) -> httpx.Response:
        """Send it with the token; fails if it is not answered in time."""
        headers = [(str(name), str(value)) for name, value in dict(headers).items()]
        ours = ("host", "authorization", "content-length", "transfer-encoding", "origin", "cookie")
        headers = [pair for pair in headers if pair[0].lower() not in ours]
        headers.append(("Authorization", f"Bearer {self._bearer()}"))
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


def check(response: httpx.Response, document: dict[str, Any], method: str, path: str) -> None:
    """Fail unless the answer is one that the document tells of, in the shape it tells."""
    responses = document["paths"][path][method.lower()]["responses"]
    code = str(response.status_code)
    assert response.status_code != 500, response.text
    known = code in responses or code in ("404", "405")
    known = known or ("default" in responses and response.is_client_error)
    assert known, f"{code} is not documented: {response.text[:300]}"
    if response.is_error and path != "/health":
        check_error(response)


def check_error(response: httpx.Response) -> None:
    """Fail unless an error has the one shape."""
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == set(ErrorDetail.model_fields)
    assert ErrorAnswer.model_validate(body).error.next_step, body


def attack(
    target: Target, mode: GenerationMode, only: str = "", *, examples: int = EXAMPLES
) -> None:
    """Send requests that are as the document says (positive), or not (negative), to every route."""
    schema = schemathesis.openapi.from_dict(target.document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not operation.path.endswith(only):
            continue
        has_input = any(operation.iter_parameters()) or bool(operation.body)
        if mode is GenerationMode.NEGATIVE and not has_input:
            continue

        cases = operation.as_strategy(generation_mode=mode)
        known = {
            key: value for key, value in target.known.items() if f"{{{key}}}" in operation.path
        }
        if known:
            cases |= operation.as_strategy(generation_mode=mode, path_parameters=known)

        @settings(deterministic, max_examples=examples)
        @given(case=cases)
        def once(case: Case[Any]) -> None:
            prepared = requests.Request(**case.as_transport_kwargs("http://localhost")).prepare()
            assert prepared.method is not None
            assert prepared.url is not None
            response = target.send(prepared.method, prepared.url, prepared.headers, prepared.body)
            if response.request.url.path.count("/") == case.path.count("/"):
                check(response, target.document, case.method, case.path)
                case.operation.validate_response(response, case=case)
            else:  # the path was torn apart: another route, or none
                assert response.status_code != 500, response.text

        try:
            once()
        except Unsatisfiable:  # a path of which any text is a good one cannot be spoilt
            is_only_path = all(item.location == "path" for item in operation.iter_parameters())
            if mode is GenerationMode.POSITIVE or operation.body or not is_only_path:
                raise


BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["wait_seconds", "role", "speed", "now", "paused", "\ud800"]), inner
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 60_000, b'{"wait_seconds": ' + b"9" * 5000 + b"}", b'{"wait_seconds": NaN}',
         b'{"\\ud800": 1}', b'{"role": "\\udfff"}', b"\xef\xbb\xbf{}", b"null", b'""',
         b'{"wait_seconds": 1e999}', b'{"wait_seconds": 0, "wait_seconds": -1}',
         b'{"speed": NaN}', b'{"speed": 1e999}', b'{"now": "0001-01-01T00:00:00+23:59"}',
         b'{"now": "9999-12-31T23:59:59-23:59"}', b'{"now": 1e308}', b'{"now": "\\ud800"}']
    ),
)  # fmt: skip
TYPES = st.sampled_from(
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
     "multipart/form-data; boundary=x", "application/json; charset=utf-16", "", "/", "é"]
)  # fmt: skip


def attack_with_bodies(target: Target, max_examples: int) -> None:
    """Post bodies of any kind wherever something can be posted."""
    operations = target.document["paths"].items()
    paths = [path for path, methods in operations if "post" in methods]

    @settings(deterministic, max_examples=max_examples)
    @given(path=st.sampled_from(paths), body=BODIES, kind=TYPES)
    def once(path: str, body: bytes, kind: str) -> None:
        url = "http://localhost" + path.format_map(target.known)
        response = target.send("POST", url, {"Content-Type": kind}, body)
        check(response, target.document, "POST", path)

    once()


def route(path: str, content: Any, status: int) -> Route:
    """Return a route that answers so, to sabotage an application."""
    return Route(path, lambda _: JSONResponse(content, status))


# WebSockets


class Socket:
    """A WebSocket to an application, without a network. What it says is read with `receive`."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        kind = "text" if isinstance(message, str) else "bytes"
        self.to_app.put_nowait({"type": "websocket.receive", kind: message})

    async def receive(self) -> dict[str, Any]:
        """Return the next message, as JSON; fails if the socket was closed or nothing comes."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            message = await self.from_app.get()
        assert message["type"] == "websocket.send", message
        body: dict[str, Any] = json.loads(message["text"])
        return body

    async def close_code(self) -> int:
        """Read up to the close; return its code."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (message := await self.from_app.get())["type"] != "websocket.close":
                assert message["type"] == "websocket.send", message
        return int(message["code"])

    async def answers(self, sentinel: str) -> list[dict[str, Any]]:
        """Send the sentinel, which is refused by its name; return the errors before its own."""
        self.send(sentinel)
        errors: list[dict[str, Any]] = []
        while True:
            message = await self.receive()
            if message["type"] != "error":
                continue
            assert set(message["error"]) == set(ErrorDetail.model_fields)
            assert message["error"]["next_step"], message
            if (message["error"]["subject"] or "").lower() == "sentinel":
                return errors
            errors.append(message)


@contextlib.asynccontextmanager
async def open_socket(app: ASGIApp, path: str, bearer: str) -> AsyncIterator[Socket]:
    """Open a WebSocket; at the end the application must end it without an error."""
    socket = Socket()
    scope: dict[str, Any] = {
        "type": "websocket", "asgi": {"version": "3.0"}, "scheme": "ws", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "subprotocols": [],
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {bearer}".encode())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip

    async def say(message: Any) -> None:
        socket.from_app.put_nowait(dict(message))

    async def serve() -> None:
        await app(scope, socket.to_app.get, say)

    socket.to_app.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(serve())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert (await socket.from_app.get())["type"] == "websocket.accept"
        yield socket
    finally:
        socket.to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(DEADLINE_SECONDS):
            await serving


def operations(*known: dict[str, Any]) -> st.SearchStrategy[str | bytes]:
    """Return messages: any text, bytes and JSON, and operations almost as known."""
    words = sorted({key for operation in known for key in operation})
    values = st.sampled_from(
        [value for operation in known for value in operation.values()] + [None, -1, 10**30, "\0"]
    )
    simple = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | values
    mappings = st.dictionaries(
        st.sampled_from([*words, "x"]), simple | st.lists(simple, max_size=4), max_size=5
    )
    spoilt = st.tuples(st.sampled_from(known), mappings).map(lambda pair: pair[0] | pair[1])
    documents = st.one_of(spoilt, mappings, simple, st.lists(simple, max_size=3)).map(json.dumps)
    odd = ["[" * 15_000, '{"op":' * 2000, '"\\ud800"', '{"op":"\\ud800"}', "9" * 5000, "", "\x00"]
    return st.one_of(
        documents, documents.map(str.encode), st.text(max_size=50), st.binary(max_size=50),
        st.sampled_from(odd), st.sampled_from([b"\xff\xfe", b"", b"\xed\xa0\x80", b"[" * 15_000]),
    )  # fmt: skip


def is_operation(model: Callable[[str | bytes], BaseModel], message: str | bytes) -> bool:
    """Return whether a message is one by its model."""
    try:
        model(message)
    except ValueError:
        return False
    return True
