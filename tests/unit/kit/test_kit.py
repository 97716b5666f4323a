"""The kit's parts, without a process: environment, log lines, errors, metrics."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import Query, Request, Security
from pydantic import BaseModel, Field

from trading_dashboard.agents.kit import (
    AgentApp,
    AgentEnvironment,
    ErrorResponse,
    checked_settings,
    create_agent_app,
    read_environment,
)
from trading_dashboard.agents.kit.errors import STATUS_BY_ERROR, status_of
from trading_dashboard.agents.kit.logs import JsonLines, configure_logging, masked
from trading_dashboard.agents.kit.server import AgentServer, _bound_socket
from trading_dashboard.agents.kit.token import OperatorToken, TokenUnusable
from trading_dashboard.models.errors import (
    ConfigurationError,
    MarketDataError,
    SourceRefused,
    UnknownSymbol,
)


class OwnSettings(BaseModel, extra="forbid"):
    """Settings of an agent of a user's."""

    speed: int = Field(default=1, ge=1)
    name: str = "x"


def make_app(tmp_path: Path, health: Any = None) -> AgentApp:
    environment = AgentEnvironment(name="own", data_directory=tmp_path)
    return create_agent_app(environment, version="1.2", health=health)


def client_of(app: AgentApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


# Environment


def test_alone_it_has_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = read_environment("own", 8100, [], {})
    assert (found.name, found.host, found.port) == ("own", "127.0.0.1", 8100)
    assert found.data_directory == tmp_path / "var" / "data" / "own"
    assert found.operator_token_file == found.data_directory / "operator.token"
    assert (found.environment, found.is_supervised) == ("development", False)


def test_its_data_is_the_projects_from_any_folder_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "agents.yaml").touch()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    found = read_environment("own", 8100, [], {})
    assert found.data_directory == tmp_path / "var" / "data" / "own"


def test_the_supervisor_tells_and_options_win() -> None:
    told = {
        "TRADING_DASHBOARD_AGENT": "renamed",
        "TRADING_DASHBOARD_AGENT_PORT": "8123",
        "TRADING_DASHBOARD_AGENT_SETTINGS": '{"speed": 3}',
        "TRADING_DASHBOARD_AGENT_TOKEN_FILE": "/run/token",
        "TRADING_DASHBOARD_AGENT_URLS": '{"market_data": "http://localhost:9000"}',
        "TRADING_DASHBOARD_DATA_DIRECTORY": "/data",
        "TRADING_DASHBOARD_ENVIRONMENT": "production",
        "TRADING_DASHBOARD_RUN_ID": "r",
    }
    found = read_environment("own", 8100, [], told)
    assert (found.name, found.port, found.environment) == ("renamed", 8123, "production")
    assert found.operator_token_file == Path("/run/token")
    assert found.is_supervised
    assert found.agent_urls == {"market_data": "http://localhost:9000"}
    assert checked_settings(OwnSettings, found).speed == 3
    options = ["--port", "0", "--data-directory", "/other", "--environment", "development"]
    found = read_environment("own", 8100, options, told)
    assert (found.port, found.data_directory) == (0, Path("/other"))
    assert found.environment == "development"


@pytest.mark.parametrize(
    "told",
    [
        {"TRADING_DASHBOARD_AGENT_PORT": "eight"},
        {"TRADING_DASHBOARD_AGENT_PORT": "70000"},
        {"TRADING_DASHBOARD_ENVIRONMENT": "prod"},
        {"TRADING_DASHBOARD_AGENT_SETTINGS": "[]"},
        {"TRADING_DASHBOARD_AGENT_URLS": "http://localhost:8000"},
    ],
)
def test_mistakes_name_the_variable(told: Mapping[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_environment("own", 8100, [], told)
    assert [mistake.file for mistake in caught.value.mistakes] == list(told)


def test_all_mistakes_in_settings_at_once(tmp_path: Path) -> None:
    environment = AgentEnvironment(
        name="own", data_directory=tmp_path, settings={"speed": 0, "sped": 1, "name": 4}
    )
    with pytest.raises(ConfigurationError) as caught:
        checked_settings(OwnSettings, environment)
    keys = {mistake.key for mistake in caught.value.mistakes}
    assert keys == {f"agents.own.settings.{name}" for name in ("speed", "sped", "name")}


# Log lines


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRET",
        "authorization=Basic-SECRET",
        "token=SECRET&x=1",
        "'api_key': 'SECRET'",
        '"password":"SECRET"',
        "sent bearer SECRET.",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert "SECRET" not in masked(text)
    assert "***" in masked(text)


def test_a_log_line_is_one_json_object() -> None:
    try:
        raise ValueError("token=SECRET\nsecond line")
    except ValueError as error:
        record = logging.LogRecord(
            "own", logging.ERROR, "f", 1, "failed with %s", ("x\ny",),
            (ValueError, error, error.__traceback__),
        )  # fmt: skip
    record.symbol = "IBM"
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "SECRET" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["message"]) == ("error", "failed with x\ny")
    assert (entry["symbol"], entry["logger"]) == ("IBM", "own")
    assert "ValueError" in entry["traceback"]


# Application


async def test_health_says_what_the_agent_adds(tmp_path: Path) -> None:
    states: dict[str, Any] = {"status": "healthy"}
    async with client_of(make_app(tmp_path, lambda: states)) as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["agent"]) == (200, "own")
        assert answer.json()["version"] == "1.2"
        for status, code in (("degraded", 200), ("unhealthy", 503), ("starting", 503)):
            states["status"] = status
            assert (await client.get("/health")).status_code == code


async def test_health_is_guarded_counted_and_described_like_any_route(tmp_path: Path) -> None:
    app = make_app(tmp_path, lambda: {"checks": {7: {"status": "healthy"}}})
    async with client_of(app) as client:
        answer = await client.get("/health")
        assert answer.json()["checks"] == {"7": {"status": "healthy"}}
        assert answer.headers["content-type"] == "application/json"
        assert (await client.get("/health", headers={"Host": "evil.example"})).status_code == 403
        assert (await client.post("/health")).status_code == 405
        assert (await client.get("/health/more")).status_code == 404
        assert "get" in (await client.get("/openapi.json")).json()["paths"]["/health"]


async def test_a_health_report_that_fails_is_unhealthy_and_tells_nothing(tmp_path: Path) -> None:
    def broken() -> dict[str, Any]:
        raise RuntimeError("inner secret")

    async with client_of(make_app(tmp_path, broken)) as client:
        answer = await client.get("/health")
    assert answer.status_code == 503
    assert "inner secret" not in answer.text


async def test_errors_have_one_shape_and_leak_nothing(tmp_path: Path) -> None:
    app = make_app(tmp_path)

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("inner secret")

    @app.get("/own/{number}")
    async def own(number: int) -> None:
        raise UnknownSymbol("No such.", subject="X", next_step="Ask otherwise.")

    @app.post("/change", dependencies=[Security(app.operator)])
    async def change() -> None: ...

    @app.post("/settings")
    async def own_settings(settings: OwnSettings) -> None: ...

    expected = {
        "/boom": (500, "internal_error"),
        "/own/1": (404, "unknown_symbol"),
        "/own/x": (422, "invalid_request"),
        "/none": (404, "not_found"),
        "/change": (405, "method_not_allowed"),
    }
    async with client_of(app) as client:
        for path, (status, code) in expected.items():
            answer = await client.get(path)
            body = ErrorResponse.model_validate(answer.json())
            assert (answer.status_code, body.error.code) == (status, code)
            assert "inner secret" not in answer.text
        long = await client.post("/settings", content=b" " * 70_000)
        assert (long.status_code, long.json()["error"]["code"]) == (413, "too_large")
        refused = await client.post("/change")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        schema = (await client.get("/openapi.json")).json()
    assert schema["paths"]["/change"]["post"]["security"] == [{"operator": []}]


def test_the_nearest_class_decides_the_status() -> None:
    class Own(UnknownSymbol):
        pass

    assert status_of(Own("x")) == STATUS_BY_ERROR[UnknownSymbol]
    assert status_of(SourceRefused("x")) == 403
    assert status_of(MarketDataError("x")) == 500


async def test_users_metrics_stand_beside_ours(tmp_path: Path) -> None:
    from prometheus_client import Counter

    app = make_app(tmp_path)
    app.metrics.add("own_things", "Things.", "gauge", lambda: 3.0)
    Counter("own_events", "Events.", registry=app.metrics.registry).inc(2)
    async with client_of(app) as client:
        await client.get("/metrics")
        for number in range(3):
            await client.request(f"MADEUP{number}", "/metrics")
        text = (await client.get("/metrics")).text
    for line in (
        "own_things 3.0",
        "own_events_total 2.0",
        'agent_info{agent="own",version="1.2"} 1.0',
        'agent_request_seconds_bucket{le="+Inf",route="/metrics"} 4.0',
        'agent_requests_total{method="(other)",route="/metrics",status="405"} 3.0',
    ):
        assert line in text
    assert "MADEUP" not in text


def test_the_listening_socket_lets_asyncio_turn_off_nagle(tmp_path: Path) -> None:
    """Without the protocol named, each small answer waited 40 ms."""
    environment = AgentEnvironment(name="own", data_directory=tmp_path)
    with _bound_socket(environment) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_token_is_made_once_and_an_empty_one_is_replaced(tmp_path: Path) -> None:
    token = OperatorToken(tmp_path / "new" / "operator.token")
    token.ensure()
    made = token.path.read_text()
    token.check(f"Bearer {made}")
    token.ensure()
    assert token.path.read_text() == made
    assert token.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in token.path.parent.iterdir()] == ["operator.token"]
    # What a process leaves that was killed, or ran out of space, between creating and writing.
    token.path.write_text("")
    token.ensure()
    assert token.path.read_text()


def test_a_token_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenUnusable, match=r"operator\.token"):
        OperatorToken(tmp_path / "file" / "operator.token").ensure()


def test_requests_an_agent_makes_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    root, asking = logging.getLogger(), logging.getLogger("httpx")
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(asking, "level", logging.NOTSET)
    root.setLevel(logging.INFO)
    assert asking.isEnabledFor(logging.INFO)
    handlers = root.handlers
    before = list(handlers)
    try:
        configure_logging()
        assert not asking.isEnabledFor(logging.INFO)
        assert asking.isEnabledFor(logging.WARNING)
        assert logging.getLogger("own").isEnabledFor(logging.INFO)
    finally:
        handlers[:] = before
        logging.getLogger("httpx").setLevel(logging.NOTSET)


# Serving


async def test_what_was_loaded_is_passed_over_while_serving_and_given_back_at_the_end(
    tmp_path: Path,
) -> None:
    app = make_app(tmp_path)
    server = AgentServer(uvicorn.Config(app), app)
    seen = []

    async def look() -> None:
        seen.append(gc.get_freeze_count())

    app.before_exit.append(look)
    before = gc.get_freeze_count()
    serving = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0)
    assert gc.get_freeze_count() > before
    server.request_stop(signal.SIGTERM)
    await serving
    assert seen == [0]


# Parameters


async def test_a_parameter_that_a_route_does_not_have_is_refused(tmp_path: Path) -> None:
    app = make_app(tmp_path)

    @app.get("/rows")
    async def get_rows(symbol: str | None = None, limit: int = 100) -> dict[str, Any]:
        return {"symbol": symbol, "limit": limit}

    @app.get("/modelled")
    async def get_modelled(asked: Annotated[OwnSettings, Query()]) -> dict[str, Any]:
        return asked.model_dump()

    @app.get("/own", openapi_extra={"parameters": [{"name": "length", "in": "query"}]})
    async def get_own(request: Request) -> dict[str, Any]:
        return dict(request.query_params)

    async with client_of(app) as client:
        refused = await client.get("/rows?symbl=AAPL&limit=5")
        assert refused.status_code == 422
        error = refused.json()["error"]
        assert (error["code"], error["subject"]) == ("invalid_request", "/rows")
        assert error["details"] == [
            {
                "parameter": "query.symbl",
                "problem": "There is no such parameter. Did you mean symbol?",
                "observed": "'AAPL'",
            }
        ]
        far = (await client.get("/rows?zzz=1&zzz=2")).json()["error"]["message"]
        assert "Known are: symbol, limit." in far
        assert (await client.get("/rows?symbol=AAPL&limit=5")).json() == {
            "symbol": "AAPL", "limit": 5,
        }  # fmt: skip
        assert (await client.get("/modelled?speed=3")).json() == {"speed": 3, "name": "x"}
        assert (await client.get("/modelled?sped=3")).status_code == 422
        assert (await client.get("/own?length=3")).json() == {"length": "3"}
        assert (await client.get("/own?legnth=3")).status_code == 422
        assert (await client.get("/health?since=1")).status_code == 200
    described = app.openapi()["paths"]["/rows"]["get"]["parameters"]
    assert [one["name"] for one in described] == ["symbol", "limit"]
