"""Every error as one JSON shape, with its HTTP status from one table."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from trading_dashboard.models import errors
from trading_dashboard.models.errors import TradingDashboardError, error_body

STATUS_BY_ERROR: dict[type[TradingDashboardError], HTTPStatus] = {
    errors.ConfigurationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownAgent: HTTPStatus.NOT_FOUND,
    errors.AgentDisabled: HTTPStatus.CONFLICT,
    errors.AgentStartFailed: HTTPStatus.CONFLICT,
    errors.PortInUse: HTTPStatus.CONFLICT,
    errors.DependencyUnavailable: HTTPStatus.CONFLICT,
    errors.NotManaged: HTTPStatus.CONFLICT,
    errors.NoLogFile: HTTPStatus.NOT_FOUND,
    errors.AgentError: HTTPStatus.CONFLICT,
    errors.AlreadySupervised: HTTPStatus.CONFLICT,
    errors.NotSupervised: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SupervisorShuttingDown: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.HistoryUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ReloadUnavailable: HTTPStatus.CONFLICT,
    errors.InvalidPeriod: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    TradingDashboardError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The nearest class in an error's ancestry counts."""

_FRAMEWORK_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.BAD_REQUEST: "invalid_request",
}


def status_of(error: TradingDashboardError) -> HTTPStatus:
    """Return the HTTP status of an error."""
    return next(STATUS_BY_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_BY_ERROR)


def install_error_handlers(app: FastAPI) -> None:
    """Give every error of the app, the framework's own included, the one shape."""
    app.add_exception_handler(TradingDashboardError, _ours)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    assert isinstance(error, TradingDashboardError)  # noqa: S101 - registered for this class
    return JSONResponse(error.as_body(), status_of(error))


def not_found(path: str) -> dict[str, Any]:
    """Return the body for a stream that is not there."""
    return error_body(
        "not_found",
        "There is no stream at this address.",
        subject=path[:200],
        next_step="The stream is at /v1/ws.",
    )


async def _of_framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = _FRAMEWORK_CODES.get(HTTPStatus(error.status_code), "http_error")
    what = f"{request.method} {request.url.path}"
    body = error_body(
        code,
        f"{what}: {error.detail}.",
        subject=request.url.path,
        observed=request.method,
        next_step="See /openapi.json for what is served.",
    )
    return JSONResponse(body, error.status_code, headers=dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    details = [
        {"place": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
        for item in error.errors()
    ]
    body = error_body(
        "invalid_request",
        f"{request.method} {request.url.path}: {len(details)} wrong in the request.",
        subject=request.url.path,
        next_step=_remedy(request),
        details=details,
    )
    return JSONResponse(body, HTTPStatus.UNPROCESSABLE_ENTITY)


def _remedy(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = request.headers.get("content-length", "0") != "0"
    if has_body and kind != "application/json":
        return "Send the body with `Content-Type: application/json`."
    return "Correct what `details` names; /openapi.json says what is right."


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(unexpected_body(request.url.path, error), HTTPStatus.INTERNAL_SERVER_ERROR)


def unexpected_body(path: str, error: Exception) -> dict[str, Any]:
    """Return the body for a fault of ours: its kind only; the traceback is in the log."""
    return error_body(
        "internal_error",
        f"{path}: the supervisor failed with {type(error).__name__}.",
        subject=path,
        next_step="The traceback is in var/log/supervisor.log.",
    )
