"""What all routes answer with: JSON that is already plain types, and how errors are described.

Owns the response class, the descriptions and the examples of errors in the OpenAPI document.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Path, Response

from trading_dashboard.agents.kit import ErrorResponse

Described = dict[int | str, dict[str, Any]]

SYMBOL = Path(description="In any case, such as AAPL or BTC/USDT.", examples=["AAPL"])


class OrjsonResponse(Response):
    """A JSON body that is already plain types."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body's bytes."""
        return orjson.dumps(content)


def example(body: dict[str, Any], status: int = 200) -> Described:
    """Return a description of an answer by an example."""
    return {status: {"content": {"application/json": {"example": body}}}}


def _error(
    description: str, code: str, message: str, subject: str, observed: str, next_step: str,
    details: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    body = {
        "error": {
            "code": code, "message": message, "subject": subject, "observed": observed,
            "next_step": next_step, "details": details,
        }
    }  # fmt: skip
    content = {"application/json": {"example": body}}
    return {"model": ErrorResponse, "description": description, "content": content}


UNKNOWN: Described = {
    404: _error(
        "The symbol is not known at the market clock.",
        "unknown_symbol",
        "Symbol 'APPL' is not known at the market clock.",
        "APPL",
        "5 symbols at 2012-09-04T14:31:00Z",
        "Did you mean AAPL? GET /symbols lists all.",
        [{"symbol": "AAPL"}],
    )
}
UNAVAILABLE: Described = {
    503: _error(
        "No source that has it can answer now.",
        "data_unavailable",
        "No source can answer for AAPL now.",
        "AAPL",
        "yahoo: 429, asked to wait 60 s",
        "GET /sources says how each source is and when it is asked again.",
        [{"code": "source_limited", "retry_after": 60.0}],
    )
}
INVALID: Described = {
    422: _error(
        "The request cannot be used.",
        "invalid_request",
        "1 part of the request cannot be used: query.limit: Input should be greater than 0",
        "/symbols",
        "",
        "Correct what `details` names; /openapi.json describes every parameter.",
        [{"parameter": "query.limit", "problem": "Input should be greater than 0",
          "observed": "'0'"}],
    )
}  # fmt: skip
REFUSED: Described = {
    401: _error(
        "No valid operator token.",
        "unauthorized",
        "This needs the operator token.",
        "/clock",
        "no Authorization header",
        "Send Authorization: Bearer with the content of the token's file.",
        [],
    )
}
BY_SYMBOL: Described = {**UNKNOWN, **UNAVAILABLE, **INVALID}
"""What a question about one symbol may be refused with."""
