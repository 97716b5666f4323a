"""What the agents answer, raise, count and send is found in their documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import pytest

from tests.support import ROOT
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment
from trading_dashboard.agents.kit import __all__ as kit_names
from trading_dashboard.agents.kit.errors import _CODES, STATUS_BY_ERROR
from trading_dashboard.agents.kit.token import TokenUnusable
from trading_dashboard.agents.market_data.errors import StoreInUse, StoreUnusable
from trading_dashboard.agents.pattern_recognition.errors import RecordInUse, RecordUnusable
from trading_dashboard.models.market import INTERVALS
from trading_dashboard.models.market_api import MarketMessage
from trading_dashboard.models.pattern_api import PatternStreamMessage
from trading_dashboard.models.risk.errors import AccountStoreInUse
from trading_dashboard.models.risk.stream import RiskMessage

API = (ROOT / "docs" / "agents-api.md").read_text("utf-8")
OWN = (ROOT / "docs" / "own-agent.md").read_text("utf-8")


@pytest.fixture(scope="module", params=["market_data", "pattern_recognition", "risk_management"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentApp]:
    """Return an agent's application, not served."""
    agent = import_module(f"trading_dashboard.agents.{request.param}.assembly")
    data = tmp_path_factory.mktemp("data")
    app = agent.build(AgentEnvironment(name=request.param, data_directory=data))
    yield app
    if request.param == "pattern_recognition":
        app.state.agent.record.close()
    elif request.param == "risk_management":
        app.state.agent.store.close()


def test_routes_and_parameters(app: AgentApp) -> None:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            assert f"`{method.upper()} {path}`" in API
            for parameter in operation.get("parameters", []):
                assert re.search(rf"\b{parameter['name']}\b", API), parameter
    assert "`WS /stream`" in API


def test_fields_of_answers(app: AgentApp) -> None:
    for name, schema in app.openapi()["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert re.search(rf"\b{field}\b", API), f"{name}.{field}"


def test_metrics(app: AgentApp) -> None:
    families = [family.name for family in app.metrics.collect()]
    assert len(families) > 6
    for name in families:
        assert f"`{name}" in API


def test_error_codes() -> None:
    own = {StoreInUse.code, StoreUnusable.code, TokenUnusable.code, "invalid_operation"}
    own |= {RecordInUse.code, RecordUnusable.code, AccountStoreInUse.code}
    ours = {kind.code for kind in STATUS_BY_ERROR} | set(_CODES.values()) | own
    for code in ours | {"internal_error", "http_error", "invalid_request"}:
        assert f"`{code}`" in API


@pytest.mark.parametrize(
    ("messages", "count"), [(MarketMessage, 8), (PatternStreamMessage, 6), (RiskMessage, 7)]
)
def test_messages_and_intervals(messages: Any, count: int) -> None:
    kinds = [
        get_args(model.model_fields["type"].annotation)[0]
        for model in get_args(get_args(messages)[0])
    ]
    assert len(kinds) == count
    for kind in kinds:
        assert f"| `{kind}` |" in API
    assert " ".join(INTERVALS) in API


def test_the_kit_is_explained_and_its_example_runs(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shown = OWN + API
    for name in ("create_agent_app", "run_agent", "checked_settings"):
        assert name in kit_names
        assert name in shown
    code = OWN.split("```python\n")[1].split("```")[0]
    scope: dict[str, object] = {"__name__": "example"}
    exec(compile(code, "own-agent.md", "exec"), scope)
    build = scope["build"]
    assert callable(build)
    data = tmp_path_factory.mktemp("own")
    own = build(AgentEnvironment(name="my_agent", data_directory=data))
    assert set(own.openapi()["paths"]) == {"/health", "/metrics", "/hello"}
