"""Every HTTP answer of the agent, over real sockets."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from tests.integration.market_data.conftest import AgentProcess
from trading_dashboard.agents.kit import ErrorResponse
from trading_dashboard.models.health import HealthReport
from trading_dashboard.models.market import INTERVALS, HistoricalResponse, PriceResponse
from trading_dashboard.models.market_api import (
    ActionsResponse,
    ClockResponse,
    SourcesResponse,
    SymbolsResponse,
)
from trading_dashboard.models.market_reading import (
    CalendarResponse,
    GapsResponse,
    QualityReportResponse,
    QualityResponse,
    QuarantineResponse,
    QuotesResponse,
    StorageResponse,
    ValidationResponse,
)

JSON = "application/json"
ROUTES: list[tuple[str, type[BaseModel]]] = [
    ("/health", HealthReport),
    ("/symbols", SymbolsResponse),
    ("/symbols?text=micro&limit=2&offset=0", SymbolsResponse),
    ("/quotes?symbols=aapl,nope,IBM", QuotesResponse),
    ("/calendar/aapl", CalendarResponse),
    ("/calendar/aapl?start=2012-11-01&end=2012-11-30", CalendarResponse),
    ("/validate/appl", ValidationResponse),
    ("/validate/Aapl", ValidationResponse),
    ("/quality/report", QualityReportResponse),
    ("/quality/fb", QualityResponse),
    ("/gaps", GapsResponse),
    ("/gaps/ibm", GapsResponse),
    ("/quarantine", QuarantineResponse),
    ("/quarantine?symbol=IBM&limit=5", QuarantineResponse),
    ("/storage", StorageResponse),
    ("/price/aapl", PriceResponse),
    ("/actions/Msft", ActionsResponse),
    ("/sources", SourcesResponse),
    ("/clock", ClockResponse),
    *((f"/historical/ibm?interval={name}&limit=3", HistoricalResponse) for name in INTERVALS),
    ("/historical/ibm?include_partial=true&adjusted=all&page=first", HistoricalResponse),
]


def assert_error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    ErrorResponse.model_validate(body)
    assert body["error"]["code"] == code
    assert body["error"]["next_step"]
    assert "Traceback" not in answer.text
    error: dict[str, Any] = body["error"]
    return error


@pytest.fixture
def paused(agent: AgentProcess) -> AgentProcess:
    assert agent.set_clock(paused=True, now="2012-11-23T15:00:30Z").status_code == 200
    return agent


def test_answers_have_the_documented_shape(paused: AgentProcess) -> None:
    schema = paused.get("/openapi.json").json()
    for path, model in ROUTES:
        answer = paused.get(path)
        assert answer.status_code == 200, (path, answer.text)
        # Strictly what the model knows: no field is undocumented.
        model.model_validate(answer.json())
        if path != "/health":
            assert set(answer.json()) <= set(model.model_fields), path
            assert answer.json()["source"] == "demo"
            assert answer.json()["replay"] is True
            assert answer.json()["intraday"] == "simulated"
    documented = {"/" + path.split("/")[1] for path in schema["paths"]}
    asked = {"/" + path.split("?")[0].split("/")[1] for path, _ in ROUTES}
    assert documented == asked | {"/metrics", "/recordings"}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            refused = operation["responses"]["422"]["content"]["application/json"]
            assert refused["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
            (done,) = [a for code, a in operation["responses"].items() if code.startswith("2")]
            # Figures are text, and what is deleted is answered with nothing.
            is_bare = path == "/metrics" or "content" not in done
            assert is_bare or "example" in done["content"][JSON], path


def test_the_published_field_names(paused: AgentProcess) -> None:
    price = paused.get("/price/AAPL").json()
    published = ("symbol", "price", "timestamp", "volume", "bid", "ask", "source", "cached")
    assert {*published, "quality_score"} <= price.keys()
    assert price["bid"] <= price["price"] <= price["ask"]
    assert price["timestamp"] == "2012-11-23T15:00:30Z"
    history = paused.get("/historical/AAPL?interval=1h&start_date=2012-11-23").json()
    assert {"symbol", "start_date", "end_date", "interval", "data_points", "data"} <= history.keys()
    whole = paused.get("/historical/AAPL?end_date=2012-11-23&limit=1").json()
    bar = whole["data"][0]
    assert {
        "timestamp", "open", "high", "low", "close", "volume",
        "adjusted_close", "source", "quality_score",
    } <= bar.keys()  # fmt: skip


def test_a_named_start_is_never_cut_off(paused: AgentProcess) -> None:
    everything = paused.get("/historical/AAPL?start_date=2000-01-01").json()
    assert everything["data"][0]["timestamp"] == "2000-03-01T00:00:00Z"
    assert everything["data_points"] > 3000
    assert everything["next_page"] is None
    part = paused.get("/historical/AAPL?start_date=2000-01-01&limit=2").json()
    assert part["data"] == everything["data"][:2]
    rest = paused.get(f"/historical/AAPL?start_date=2000-01-01&page={part['next_page']}").json()
    assert part["data"] + rest["data"] == everything["data"]
    newest = paused.get("/historical/AAPL").json()
    assert newest["data"] == everything["data"][-500:]


def test_what_cannot_be_answered_says_why(paused: AgentProcess) -> None:
    near = assert_error(paused.get("/price/APPL"), 404, "unknown_symbol")
    assert near["details"] == [{"symbol": "AAPL"}]
    for path in ("/price/%00", "/price/" + "x" * 5000, "/actions/nope", "/historical/zz"):
        assert_error(paused.get(path), 404, "unknown_symbol")
    assert_error(paused.get("/nothing"), 404, "not_found")
    assert_error(httpx.delete(paused.url + "/clock", trust_env=False), 405, "method_not_allowed")
    swapped = "/historical/IBM?start_date=2012-02-02&end_date=2012-02-01"
    assert_error(paused.get(swapped), 422, "invalid_range")
    assert_error(paused.get("/historical/IBM?page=x"), 422, "invalid_range")
    for query in ("interval=7m", "limit=0", "limit=10001", "start_date=x", "adjusted=some"):
        error = assert_error(paused.get(f"/historical/IBM?{query}"), 422, "invalid_request")
        assert query.split("=")[0] in error["message"]


def test_only_the_operator_sets_the_clock(agent: AgentProcess) -> None:
    def post(body: Any, **headers: str) -> httpx.Response:
        return httpx.post(agent.url + "/clock", json=body, headers=headers, trust_env=False)

    before = agent.get("/clock").json()["speed"]
    wrong = ("", "Bearer", "Bearer x", f"Basic {agent.token}", f"Bearer {agent.token}x")
    for header in wrong:
        assert_error(post({"speed": 2}, authorization=header), 401, "unauthorized")
    assert_error(post({"speed": 2}), 401, "unauthorized")
    assert agent.get("/clock").json()["speed"] == before
    path = agent.data / "operator.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert agent.set_clock(speed=2).json()["speed"] == 2
    # A new token is valid at once, one that others can read never.
    old = agent.operator
    path.write_text("another-token")
    assert agent.set_clock(speed=3).json()["speed"] == 3
    assert_error(post({"speed": 4}, **old), 401, "unauthorized")
    path.chmod(0o644)
    assert_error(agent.set_clock(speed=4), 401, "unauthorized")


def test_a_bad_clock_change_is_refused_whole(agent: AgentProcess) -> None:
    before = agent.get("/clock").json()["speed"]
    changes: list[dict[str, Any]] = [
        {"speed": 0}, {"speed": 1001}, {"sped": 2}, {"speed": 2, "now": "2012-09-04T15:00:00"},
        {"paused": "perhaps"}, {"speed": "fast"},
    ]  # fmt: skip
    for change in changes:
        assert_error(agent.set_clock(**change), 422, "invalid_request")
    for now in ("1999-01-01T00:00:00Z", "2013-03-02T00:00:00Z"):
        assert_error(agent.set_clock(speed=2, now=now), 422, "invalid_range")
    assert_error(agent.set_clock(speed=1_000_000), 422, "invalid_range")
    assert agent.get("/clock").json()["speed"] == before


def test_the_clock_can_be_set_anywhere_in_the_data(agent: AgentProcess) -> None:
    cases = {
        "2012-03-09T18:00:00Z": "2012-03-09T18:00:00Z",
        "2012-03-10T18:00:00Z": "2012-03-12T13:30:00Z",  # a weekend, and daylight saving begins
        "2012-11-23T12:00:00-05:00": "2012-11-23T17:00:00Z",
        "2012-11-23T19:00:00Z": "2012-11-26T14:30:00Z",  # after a half day's close
    }
    for asked, expected in cases.items():
        assert agent.set_clock(now=asked, paused=True).json()["now"] == expected
        newest = agent.get("/historical/IBM?limit=1").json()["data"][0]["timestamp"]
        assert datetime.fromisoformat(newest) < datetime.fromisoformat(expected)
    assert agent.get("/clock").json()["paused"] is True
    assert agent.set_clock(paused=False).json()["paused"] is False


def test_other_hosts_and_origins_are_refused(agent: AgentProcess) -> None:
    for host in ("evil.example", f"evil.example:{agent.port}", "127.0.0.1.evil.example", ""):
        assert_error(agent.get("/price/IBM", headers={"Host": host}), 403, "forbidden")
    for host in ("localhost", f"LOCALHOST:{agent.port}", f"[::1]:{agent.port}"):
        assert agent.get("/price/IBM", headers={"Host": host}).status_code == 200
    foreign = {**agent.operator, "Origin": "https://evil.example"}
    answer = httpx.post(agent.url + "/clock", json={}, headers=foreign, trust_env=False)
    assert_error(answer, 403, "forbidden")


def test_metrics_are_prometheus_text(agent: AgentProcess) -> None:
    agent.get("/price/IBM")
    agent.get("/nothing")
    answer = agent.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'agent_requests_total{method="GET",route="/price/{symbol}",status="200"} 1.0' in (
        answer.text
    )
    assert 'route="(none)",status="404"' in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert "market_data_clock_speed 60.0" in answer.text


def test_the_clock_moves_and_health_follows(agent: AgentProcess) -> None:
    first = ClockResponse.model_validate(agent.get("/clock").json())
    health = agent.get("/health").json()
    assert ClockResponse.model_fields.keys() >= health["clock"].keys()
    assert datetime.fromisoformat(health["clock"]["now"]) >= first.now
    assert first.now < datetime.now(UTC)
    assert health["agent"] == "market_data"
    assert 0 <= health["data"]["age_seconds"] < 1
