"""The OpenAPI document: every route of the control API in it, and completely."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts

from tests.support import ROOT
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.errors import STATUS_BY_ERROR
from trading_dashboard.control_api.guard import OPEN_PATHS, SOCKET_PATHS
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.control import TOKEN_REPLACED, TokenRole
from trading_dashboard.models.requester import ADDRESS_HEADER, CLIENT_HEADER, USER_HEADER

BOUNDS = {"maxLength", "maximum", "exclusiveMaximum", "enum", "const", "format", "$ref"}
_NOBODY = cast("Supervision", SimpleNamespace(agents=None, history=None))


def make_api() -> FastAPI:
    return create_api(_NOBODY, Tokens({}))


API = make_api()
DOCUMENT: dict[str, Any] = API.openapi()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
each_operation = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS]
)


def routes_of(api: FastAPI) -> set[tuple[str, str]]:
    """Return method and path of every HTTP route, walked, not taken from the document."""
    return {
        (method, str(route.path))
        for route in iter_route_contexts(api.routes)
        if isinstance(route.original_route, APIRoute)
        for method in route.methods or ()
    }


def test_every_route_is_in_the_document() -> None:
    assert routes_of(API) == {(method, path) for method, path, _ in OPERATIONS}
    others = {route.path for route in API.routes if isinstance(route, APIWebSocketRoute)}
    assert others == SOCKET_PATHS


def test_a_route_that_hides_is_noticed() -> None:
    """The control arm: what the walk above is for."""
    api = make_api()
    api.add_api_route("/v1/hidden", lambda: None, include_in_schema=False)
    assert ("GET", "/v1/hidden") in routes_of(api)
    assert "/v1/hidden" not in api.openapi()["paths"]


@each_operation
def test_it_says_what_it_does(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].endswith((".", "`."))
    assert operation["tags"]
    ids = [other["operationId"] for _, _, other in OPERATIONS]
    assert ids.count(operation["operationId"]) == 1


@each_operation
def test_parameters_and_bodies_are_bounded(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    for parameter in operation.get("parameters", []):
        assert is_bounded(parameter["schema"]), (parameter["name"], parameter["schema"])
        assert parameter["name"] in path or parameter["in"] != "path"
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        for model in references(content["schema"]):
            schema = DOCUMENT["components"]["schemas"][model]
            assert schema["additionalProperties"] is False
            for field, described in schema["properties"].items():
                assert is_bounded(described) or described.get("type") == "boolean", field
                assert described["description"]


@each_operation
def test_answers_and_errors_have_models(method: str, path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    success = [code for code in responses if code.startswith("2")]
    assert len(success) == 1
    assert all(response["description"] for response in responses.values())
    for code, response in responses.items():
        (content,) = response["content"].values()
        if code in success:
            assert content["schema"], "an answer has a schema"
        else:
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}


@each_operation
def test_each_error_that_occurs_is_told(method: str, path: str, operation: dict[str, Any]) -> None:
    expected = {"403", "408", "413", "500"}
    if path not in OPEN_PATHS:
        expected |= {"401"}
    if operation.get("parameters") or "requestBody" in operation:
        expected |= {"422"}
    if "requestBody" in operation:
        expected |= {"400"}
    if "{name}" in path:
        expected |= {"404"}
    if method == "POST" and ("agents" in path or "-all" in path):
        expected |= {"409", "503"}
    if path in ("/v1/events", "/v1/availability", "/v1/incidents"):
        expected |= {"503"}
    assert expected <= set(operation["responses"])


@each_operation
def test_the_role_it_needs_is_told(method: str, path: str, operation: dict[str, Any]) -> None:
    if path in OPEN_PATHS:
        assert "security" not in operation
        return
    role = TokenRole.READ_ONLY if method == "GET" else TokenRole.OPERATOR
    assert operation["security"] == [{"Token": [role]}]
    scheme = DOCUMENT["components"]["securitySchemes"]["Token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "control.read.token" in scheme["description"]


def test_there_is_one_shape_of_errors() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])


def test_the_documentation_knows_each_route_error_and_header() -> None:
    text = (ROOT / "docs" / "control-api.md").read_text(encoding="utf-8")
    for method, path, _ in OPERATIONS:
        assert f"`{method} {path.replace('{name}', 'NAME')}`" in text
    assert "`WS /v1/ws`" in text
    for code in {kind.code for kind in STATUS_BY_ERROR}:
        assert f"`{code}`" in text
    for header in (CLIENT_HEADER, USER_HEADER, ADDRESS_HEADER):
        assert f"`{header}`" in text
    for role in TokenRole:
        assert role in text
    assert str(TOKEN_REPLACED) in text


def is_bounded(schema: dict[str, Any]) -> bool:
    """Return whether every form a value may have has an end."""
    if "anyOf" in schema:
        forms = [form for form in schema["anyOf"] if form != {"type": "null"}]
        return all(is_bounded(form) for form in forms)
    if schema.get("type") == "array":
        return "maxItems" in schema and is_bounded(schema["items"])
    return bool(BOUNDS & set(schema))


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)
