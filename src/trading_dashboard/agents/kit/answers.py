"""What routes answer with: JSON that is already plain types, and how answers are described.

Owns the response class, and the shape of examples in the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import Path, Response

from trading_dashboard.agents.kit.errors import ErrorResponse
from trading_dashboard.models.errors import error_body

Described = dict[int | str, dict[str, Any]]
"""Answers by status, as FastAPI's `responses` takes them."""

SYMBOL = Path(description="In any case, such as AAPL or BTC/USDT.", examples=["AAPL"])


class OrjsonResponse(Response):
    """A JSON body that is already plain types, or numpy's, or bytes that are JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body's bytes."""
        if isinstance(content, bytes):
            return content
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def example(body: Any, status: int = 200) -> Described:
    """Return a description of an answer by an example."""
    return {status: {"content": {"application/json": {"example": body}}}}


def error_example(
    status: int,
    description: str,
    *,
    code: str,
    message: str,
    subject: str,
    observed: Any,
    next_step: str,
    details: Sequence[dict[str, Any]] = (),
) -> Described:
    """Return a description of a refusal by an example in the one error shape."""
    body = error_body(
        code, message, subject=subject, observed=observed, next_step=next_step, details=details
    )
    content = {"application/json": {"example": body}}
    return {status: {"model": ErrorResponse, "description": description, "content": content}}


def invalid_example(subject: str, parameter: str = "query.limit") -> Described:
    """Return the description of what any route says of a request that cannot be used.

    Args:
        subject: One of the agent's paths.
        parameter: What it may have been given wrongly, a number.
    """
    problem = "Input should be greater than 0"
    return error_example(
        422,
        "The request cannot be used.",
        code="invalid_request",
        message=f"1 part of the request cannot be used: {parameter}: {problem}",
        subject=subject,
        observed="",
        next_step="Correct what `details` names; /openapi.json describes every parameter.",
        details=[{"parameter": parameter, "problem": problem, "observed": "'0'"}],
    )
