"""One error shape for everything an agent answers, whoever raised it.

Owns the table from errors to HTTP status and the handlers; tracebacks go to the log, never out.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from trading_dashboard.models.errors import (
    ConfigurationError,
    DataUnavailable,
    Forbidden,
    InvalidBars,
    InvalidParameter,
    InvalidRange,
    RecordingConflict,
    ScanQueueFull,
    ScanUnavailable,
    SourceRefused,
    TradingDashboardError,
    Unauthorized,
    UnknownIndicator,
    UnknownPattern,
    UnknownRecording,
    UnknownScan,
    UnknownSource,
    UnknownSymbol,
    error_body,
)
from trading_dashboard.models.risk.errors import (
    AccountStoreError,
    DuplicateOrder,
    InvalidImport,
    InvalidLimit,
    InvalidOrder,
    InvalidScenario,
    NotEnoughData,
    OrderDenied,
    OrderFinal,
    ReopeningRefused,
    RiskBusy,
    RiskUnavailable,
    UnknownOrder,
)

STATUS_BY_ERROR: dict[type[TradingDashboardError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    SourceRefused: 403,
    UnknownSymbol: 404,
    UnknownSource: 404,
    UnknownRecording: 404,
    RecordingConflict: 409,
    InvalidBars: 422,
    InvalidParameter: 422,
    InvalidRange: 422,
    UnknownIndicator: 404,
    UnknownPattern: 404,
    UnknownScan: 404,
    ScanQueueFull: 429,
    ScanUnavailable: 503,
    ConfigurationError: 422,
    DataUnavailable: 503,
    UnknownOrder: 404,
    OrderDenied: 409,
    OrderFinal: 409,
    DuplicateOrder: 409,
    ReopeningRefused: 409,
    InvalidOrder: 422,
    InvalidImport: 422,
    InvalidLimit: 422,
    InvalidScenario: 422,
    NotEnoughData: 422,
    RiskBusy: 429,
    RiskUnavailable: 503,
    AccountStoreError: 503,
}
"""HTTP status of our errors, by the nearest class; 500 for the rest."""

_CODES = {
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type",
}  # fmt: skip

_Error = TypeVar("_Error", bound=Exception)

logger = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """What went wrong. `code` is for programs, the rest for people."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    subject: str | None
    observed: Any
    next_step: str | None
    details: list[dict[str, Any]]


class ErrorResponse(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(frozen=True)

    error: ErrorDetail


def status_of(error: TradingDashboardError) -> int:
    """Return the HTTP status of an error."""
    for kind in type(error).__mro__:
        if kind in STATUS_BY_ERROR:
            return STATUS_BY_ERROR[kind]
    return 500


def install_error_handlers(app: FastAPI) -> None:
    """Give every error of `app` the one shape."""
    _handle(app, TradingDashboardError, _ours)
    _handle(app, RequestValidationError, _invalid)
    _handle(app, HTTPException, _framework)
    _handle(app, Exception, _unexpected)


def _handle(
    app: FastAPI, kind: type[_Error], handler: Callable[[Request, _Error], Awaitable[JSONResponse]]
) -> None:
    """Let `handler` answer errors of a kind; the framework's own type is that of all errors."""

    async def handle(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, kind):
            raise error
        return await handler(request, error)

    app.add_exception_handler(kind, handle)


async def _ours(_: Request, error: TradingDashboardError) -> JSONResponse:
    status = status_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(error.as_body(), status, headers)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    details = [
        {
            "parameter": ".".join(str(part) for part in item["loc"]),
            "problem": item["msg"],
            "observed": repr(item.get("input"))[:200],
        }
        for item in error.errors()
    ]
    body = error_body(
        "invalid_request",
        f"{len(details)} part{'s' if len(details) != 1 else ''} of the request "
        "cannot be used: " + "; ".join(f"{d['parameter']}: {d['problem']}" for d in details),
        subject=request.url.path,
        next_step="Correct what `details` names; /openapi.json describes every parameter.",
        details=details,
    )
    return JSONResponse(body, 422)


async def _framework(request: Request, error: HTTPException) -> JSONResponse:
    body = error_body(
        _CODES.get(error.status_code, "http_error"),
        f"{request.method} {request.url.path}: {error.detail}.",
        subject=request.url.path,
        observed=request.method,
        next_step="/openapi.json lists what this agent answers.",
    )
    headers = dict(error.headers) if error.headers else None
    return JSONResponse(body, error.status_code, headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed unexpectedly", request.method, request.url.path, exc_info=error)
    body = error_body(
        "internal_error",
        "The agent failed to answer; the log has the details.",
        subject=request.url.path,
        next_step="Read the agent's log.",
    )
    return JSONResponse(body, 500)
