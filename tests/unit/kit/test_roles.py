"""Roles: who has which token may do what, and is told rightly why not."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import Security, WebSocket
from starlette.types import Message, Scope

from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, create_agent_app
from trading_dashboard.agents.kit.token import token_beside

ROLES = ("read", "trade", "operator")


def make_app(folder: Path, *, trades: bool = True, needs_read_token: bool = False) -> AgentApp:
    environment = AgentEnvironment(name="own", data_directory=folder)
    app = create_agent_app(environment, version="1", needs_read_token=needs_read_token)
    app.operator.ensure()
    if trades:
        app.trader.ensure()

    @app.get("/look")
    async def look() -> None: ...

    @app.post("/order", dependencies=[Security(app.trader)])
    async def order() -> None: ...

    @app.post("/limit", dependencies=[Security(app.operator)])
    async def limit() -> None: ...

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    return app


@contextlib.asynccontextmanager
async def client_of(app: AgentApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def first_answer(app: AgentApp, headers: dict[str, str]) -> str:
    """Open a WebSocket; return what the agent says first."""
    fields = {"host": "localhost", **headers}
    scope: Scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws",
        "path": "/stream", "raw_path": b"/stream", "query_string": b"", "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in fields.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "subprotocols": [], "state": {},
    }  # fmt: skip
    said: list[str] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        said.append(message["type"])

    await app(scope, receive, send)
    return said[0]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token_of(app: AgentApp, role: str) -> str:
    tokens = {"read": app.reader, "trade": app.trader, "operator": app.operator}
    return tokens[role].path.read_text()


@pytest.mark.parametrize(
    ("role", "order", "limit"), [(None, 401, 401), ("trade", 200, 403), ("operator", 200, 200)]
)
async def test_each_role_may_do_its_own_and_what_weaker_ones_may(
    tmp_path: Path, role: str | None, order: int, limit: int
) -> None:
    app = make_app(tmp_path)
    headers = bearer(token_of(app, role)) if role else {}
    async with client_of(app) as client:
        answers = {path: await client.post(path, headers=headers) for path in ("/order", "/limit")}
        assert (await client.get("/look")).status_code == 200
    assert (answers["/order"].status_code, answers["/limit"].status_code) == (order, limit)
    if limit == 403:
        error = answers["/limit"].json()["error"]
        assert (error["code"], error["observed"]) == ("forbidden", "the trade token")
        assert "www-authenticate" not in answers["/limit"].headers


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", "Bearer x", "Basic x", "bearer \x7f"])
async def test_what_is_no_token_is_told_so_and_never_repeated(tmp_path: Path, sent: str) -> None:
    app = make_app(tmp_path)
    async with client_of(app) as client:
        answer = await client.post("/limit", headers={"Authorization": sent} if sent else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "\x7f" not in answer.text


async def test_an_agent_that_takes_no_orders_has_no_trade_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that lies there from somewhere else is not looked at either."""
    app = make_app(tmp_path, trades=False)
    assert [path.name for path in tmp_path.iterdir()] == ["operator.token"]
    app.trader.path.write_text("left")
    app.trader.path.chmod(0o600)
    async with client_of(app) as client:
        assert (await client.post("/limit", headers=bearer("left"))).status_code == 401
        allowed = await client.post("/limit", headers=bearer(token_of(app, "operator")))
    assert allowed.status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_trade_token_others_can_read_opens_nothing(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    assert app.trader.path.stat().st_mode & 0o777 == 0o600
    app.trader.path.chmod(0o644)
    async with client_of(app) as client:
        answer = await client.post("/order", headers=bearer(token_of(app, "trade")))
    assert answer.status_code == 401


@pytest.mark.parametrize("role", [None, *ROLES])
async def test_where_reading_needs_a_token_every_role_reads(
    tmp_path: Path, role: str | None
) -> None:
    app = make_app(tmp_path, needs_read_token=True)
    headers = bearer(token_of(app, role)) if role else {}
    async with client_of(app) as client:
        assert (await client.get("/health")).status_code == 200
        for path in ("/look", "/metrics", "/openapi.json", "/none"):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == ((404 if path == "/none" else 200) if role else 401)
        read = await client.post("/order", headers=bearer(token_of(app, "read")))
        assert (read.status_code, read.json()["error"]["observed"]) == (403, "the read token")
    expected = "websocket.accept" if role else "websocket.close"
    assert await first_answer(app, headers) == expected


@pytest.mark.parametrize("is_open", [True, False])
async def test_openapi_names_every_role_that_opens_a_route(tmp_path: Path, is_open: bool) -> None:
    app = make_app(tmp_path, needs_read_token=not is_open)
    async with client_of(app) as client:
        headers = bearer(token_of(app, "operator"))
        document = (await client.get("/openapi.json", headers=headers)).json()
    found = {
        path: [next(iter(entry)) for entry in operation.get("security", [])]
        for path, operations in document["paths"].items()
        for operation in operations.values()
    }
    readers = [] if is_open else ["reader", "trader", "operator"]
    assert found == {
        "/health": [],
        "/metrics": readers,
        "/look": readers,
        "/order": ["trader", "operator"],
        "/limit": ["operator"],
    }
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"trader", "operator", *readers}
    assert all(x["type"] == "http" and x["scheme"] == "bearer" for x in schemes.values())


@pytest.mark.parametrize(
    ("operator", "trade"),
    [("operator.token", "trade.token"), ("risk_management.token", "risk_management.trade.token"),
     ("secret", "secret.trade.token")],
)  # fmt: skip
def test_the_files_of_other_roles_lie_beside_the_operators(operator: str, trade: str) -> None:
    assert token_beside(Path("/run") / operator, "trade") == Path("/run") / trade
