"""Whatever the browser asks of the gateway: only what is allowed is forwarded, no token comes back.

In process, behind the guard, with upstreams that record. The same requests in every run.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware

from tests.integration.api_attack import DEADLINE_SECONDS, deterministic
from trading_dashboard.dashboard.desk_files import DeskFiles
from trading_dashboard.dashboard.gateway import Upstreams, gateway_routes, http_proxy
from trading_dashboard.dashboard.gateway import upstreams as upstreams_module
from trading_dashboard.dashboard.guard import Guard
from trading_dashboard.dashboard.sessions import Sessions
from trading_dashboard.models.login import mint_login_token

CONTROL, AGENT, FOREIGN = "127.0.0.1:7000", "localhost:8000", "localhost:9000"
KEY = b"k" * 32
SECRETS = ("control-token", "market_data-token", "foreign-token")
AGENTS = {
    "market_data": {"url": f"http://{AGENT}", "management": "managed"},
    "foreign": {"url": f"http://{FOREIGN}", "management": "external"},
    "broken": {"url": "http://[::1", "management": "managed"},
}
Headers = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What the application sent."""

    status: int
    headers: Headers
    body: bytes


class Gateway:
    """The gateway, and what reached its upstreams."""

    def __init__(self, runner: asyncio.Runner, state: Path) -> None:
        self.runner = runner
        self.seen: list[httpx.Request] = []
        self.answer = httpx.Response(200, json={})
        files = DeskFiles(state)
        self._client = httpx.AsyncClient(transport=httpx.MockTransport(self._upstream))
        sessions = Sessions(lambda: KEY, state / "used")
        self.cookie = sessions.open(mint_login_token(KEY, time.time()))
        self.csrf = sessions.csrf(self.cookie)
        guard = Middleware(Guard, sessions=sessions, allowed_hosts=["localhost"], cookie_name="c")
        routes = gateway_routes(Upstreams(files, self._client), self._client, sessions)
        self._app = Starlette(routes=routes, middleware=[guard])

    def _upstream(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.raw_path == b"/v1/status" and request.url.host == "127.0.0.1":
            return httpx.Response(200, json={"agents": AGENTS})
        return self.answer

    def ask(self, method: str, raw: bytes, query: bytes, headers: Headers, body: bytes) -> Answer:
        """Send one request as a server would pass it on."""
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": unquote(raw.decode("latin-1")), "raw_path": raw,
            "query_string": query, "root_path": "", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
        }  # fmt: skip
        sent: list[Any] = []
        arriving = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not arriving:
                await asyncio.Event().wait()
            return arriving.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        async def within() -> None:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._app(scope, receive, send)

        self.seen.clear()
        self.runner.run(within())
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], sent[0]["headers"], content)

    def close(self) -> None:
        self.runner.run(self._client.aclose())


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    run = tmp_path / "run"
    (run / "agents").mkdir(parents=True)
    (run / "lease.json").write_text(json.dumps({"control_url": f"http://{CONTROL}"}))
    (run / "control.token").write_text("control-token")
    for name in ("market_data", "foreign"):
        (run / "agents" / f"{name}.token").write_text(f"{name}-token")
    with asyncio.Runner() as runner, ExitStack() as at_end:
        made = Gateway(runner, tmp_path)
        at_end.callback(made.close)
        yield made


# Requests

VISIBLE = bytes(range(0x21, 0x7F)).decode()
PIECES = st.sampled_from(
    ["..", ".", "", "%2e%2e", "%2E", "%2f", "%5c", "\\", "%00", "%0d%0a", "%252e%252e", "@evil:1",
     "http:", "evil.example", "status", "agents", "market_data", "foreign", "broken", "price",
     "AAPL", "%5EGSPC", "a;b", "a b", "%C3%A9", "%zz", "%", "BRK.B", "^", "\u00e9", "\x7f",
     "x" * 70_000]
)  # fmt: skip
STARTS = st.sampled_from(
    ["/api/control/", "/api/agents/market_data/", "/api/agents/foreign/", "/api/agents/broken/",
     "/api/agents/nobody/", "/api/agents/", "/api/", "/api/%63ontrol/", "/api/agents/../control/",
     "/api/agents/%2e%2e/control/", "//api/control/", "/API/control/", "/api/control//", "/"]
)  # fmt: skip
TAILS = st.lists(PIECES | st.text(VISIBLE, max_size=8), max_size=4).map("/".join)
PLAIN = st.sampled_from(["status", "agents/market_data/start", "price/AAPL", "historical/BRK.B"])
PATHS = st.tuples(STARTS, PLAIN | TAILS).map(lambda pair: "".join(pair).encode("latin-1"))
QUERIES = st.one_of(
    st.just(b""), st.text(VISIBLE, max_size=20).map(str.encode), st.binary(max_size=20),
    st.sampled_from([b"#f", b"a=b#//evil", b"\x00", b"?", b"q=" + b"x" * 70_000, b"%0d%0aX: y"]),
)  # fmt: skip
METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"]
)
HEADER_VALUES = st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n\0"))
ODD_HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"accept", b"accept-language", b"content-type", b"if-none-match",
                         b"authorization", b"x-forwarded-for", b"x-client", b"content-length",
                         b"transfer-encoding", b"connection", b"x-forwarded-host", b"te"]),
        HEADER_VALUES | st.sampled_from([b"\xe9", b"Bearer mine", b"a" * 70_000, b"chunked"]),
    ),
    max_size=3,
)  # fmt: skip
GOOD = "good"
HOSTS = st.sampled_from(
    [GOOD] * 6 + ["evil", "localhost@evil", "localhost.evil", "", "\xe9", "[", None]
)
ORIGINS = st.sampled_from(
    [GOOD] * 4 + [None, None, "null", "http://evil", "http://localhost:1@evil", "\xe9", ""]
)
COOKIES = st.sampled_from([GOOD] * 8 + ["", "x.y", "\xe9", "c", "A" * 70_000, None])
CSRFS = st.sampled_from([GOOD] * 6 + ["", "\xe9", "x", None])
BODIES = st.sampled_from([b"", b"{}", b"\xff", b"x" * 65_536, b"x" * 65_537])
UPSTREAM_HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"content-type", b"etag", b"retry-after", b"location", b"set-cookie"]),
        HEADER_VALUES | st.sampled_from(
            ["application/json; x=\u20ac".encode(), b"text/html", b"", "\u20ac".encode(), b"\xff"]
        ),
    ),
    max_size=3, unique_by=lambda pair: pair[0],
)  # fmt: skip
STATUSES = st.sampled_from([200, 204, 301, 304, 401, 404, 418, 500, 599])


@dataclass
class Credentials:
    """What a request is sent with; all have to be good to be let in."""

    host: str | None
    origin: str | None
    cookie: str | None
    csrf: str | None

    def headers(self, gateway: Gateway) -> Headers:
        """Return the headers."""
        good = {b"host": "localhost:1", b"origin": "http://localhost:1",
                b"cookie": f"c={gateway.cookie}", b"x-csrf-token": gateway.csrf}  # fmt: skip
        given = {b"host": self.host, b"origin": self.origin, b"x-csrf-token": self.csrf,
                 b"cookie": self.cookie and self.cookie.replace("x.y", "c=x.y")}  # fmt: skip
        return [
            (name, (good[name] if value == GOOD else value).encode("latin-1"))
            for name, value in given.items()
            if value is not None
        ]

    def let_in(self, method: str) -> bool:
        """Return whether a request may be forwarded."""
        is_read = method in ("GET", "HEAD", "OPTIONS")
        is_ours = self.host == GOOD and self.origin in (GOOD, None) and self.cookie == GOOD
        return is_ours and (is_read or self.csrf == GOOD)


CREDENTIALS = st.builds(Credentials, HOSTS, ORIGINS, COOKIES, CSRFS)


def check_forwarded(gateway: Gateway, method: str) -> None:
    """Fail if anything went where, or with an authority that, it must not."""
    for request in gateway.seen:
        address = f"{request.url.host}:{request.url.port}"
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        segments = path.split("/")[1:]
        assert not {"..", ".", ""} & set(segments), path
        assert not any(
            trick in path.lower() for trick in ("%2e", "%2f", "%5c", "\\", "%25", "@", ";")
        )
        given = request.headers.get("authorization")
        if address == CONTROL:
            assert path.startswith("/v1/")
            assert given == "Bearer control-token"
        elif address == AGENT:
            is_change = method not in ("GET", "HEAD")
            assert given == ("Bearer market_data-token" if is_change else None)
        else:
            assert (address, given) == (FOREIGN, None)
        assert "mine" not in str(request.headers.get("authorization"))
        names = set(request.headers) & {"cookie", "x-csrf-token", "origin", "x-forwarded-for"}
        assert not names


def check_answer(gateway: Gateway, answer: Answer, path: bytes) -> None:
    """Fail if it tells a token, or is a page, or a failure of ours."""
    everything = repr(answer.headers) + answer.body.decode("latin-1")
    assert not any(secret in everything for secret in SECRETS)
    assert KEY.decode() not in everything
    names = {name.decode().lower() for name, _ in answer.headers}
    assert not names & {"location", "set-cookie"}
    from_upstream = answer.status == gateway.answer.status_code
    assert answer.status != 500 or from_upstream, answer
    is_ours = unquote(path.decode("latin-1")).startswith("/api/") and answer.status != 405
    if answer.status >= 400 and not gateway.seen and is_ours and answer.body:
        assert set(json.loads(answer.body)) == {"error"}


def attack(gateway: Gateway, examples: int) -> None:
    @settings(deterministic, max_examples=examples)
    @given(
        method=METHODS, path=PATHS, query=QUERIES, extra=ODD_HEADERS, body=BODIES,
        credentials=CREDENTIALS, status=STATUSES, headers=UPSTREAM_HEADERS,
    )  # fmt: skip
    def once(
        method: str, path: bytes, query: bytes, extra: Headers, body: bytes,
        credentials: Credentials, status: int, headers: Headers,
    ) -> None:  # fmt: skip
        gateway.answer = httpx.Response(status, headers=headers, content=b"{}")
        sent = credentials.headers(gateway) + extra
        answer = gateway.ask(method, path, query, sent, body)
        if not credentials.let_in(method):
            assert not gateway.seen
            assert answer.status in (401, 403)
        check_forwarded(gateway, method)
        check_answer(gateway, answer, path)

    once()


def test_whatever_is_asked_only_what_is_allowed_is_forwarded(gateway: Gateway) -> None:
    attack(gateway, 500)


@pytest.mark.parametrize("name", [b"accept", b"content-type", b"if-none-match"])
def test_a_header_that_is_not_ascii_is_not_forwarded(gateway: Gateway, name: bytes) -> None:
    good = Credentials(GOOD, GOOD, GOOD, GOOD).headers(gateway)
    path = b"/api/agents/market_data/price/AAPL"
    answer = gateway.ask("GET", path, b"", [*good, (name, b"\xe9")], b"")
    assert answer.status == 200
    assert "\xe9" not in gateway.seen[-1].headers.get(name.decode(), "")


@pytest.mark.parametrize("query", [b"a=\x01", b"a=" + b"x" * 70_000])
def test_an_address_that_cannot_be_written_is_refused(gateway: Gateway, query: bytes) -> None:
    good = Credentials(GOOD, GOOD, GOOD, GOOD).headers(gateway)
    answer = gateway.ask("GET", b"/api/control/status", query, good, b"")
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["code"] == "path_refused"


# Control arms


def _forwards_any_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstreams_module, "_plain_path", lambda path: path)


def _lets_everyone_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "_refusal", lambda *_: None)


def _tells_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(upstream: httpx.Response, *_: Any) -> Any:
        return http_proxy.failure(502, "x", str(upstream.request.headers.get("authorization")))

    monkeypatch.setattr(http_proxy, "_stream", stream)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("sabotage", [_forwards_any_path, _lets_everyone_in, _tells_tokens])
def test_a_sabotaged_gateway_is_caught(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        attack(gateway, 500)
