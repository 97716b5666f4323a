"""What all routes answer with: JSON that is already plain types, and how errors are described.

Owns the response class, the descriptions and the examples of errors in the OpenAPI document.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Path, Query, Response

from trading_dashboard.agents.kit import ErrorResponse

Described = dict[int | str, dict[str, Any]]

SYMBOL = Path(description="In any case, such as AAPL or BTC/USDT.", examples=["AAPL"])
TIMEFRAME = Query(description="Length of a bar.")
LABEL = {"source": "demo", "replay": True, "intraday": "simulated"}


class OrjsonResponse(Response):
    """A JSON body that is already plain types, or numpy's."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body's bytes."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def example(body: Any, status: int = 200) -> Described:
    """Return a description of an answer by an example."""
    return {status: {"content": {"application/json": {"example": body}}}}


def _error(
    description: str, code: str, message: str, subject: str, observed: Any, next_step: str,
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
        "The symbol, pattern, indicator or scan is not known.",
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
        "Market data does not answer, and what is asked for is not known here.",
        "data_unavailable",
        "The market data agent does not answer at http://localhost:8000.",
        "http://localhost:8000",
        "ConnectError: All connection attempts failed",
        "Look at the agent's status and log.",
        [],
    )
}
INVALID: Described = {
    422: _error(
        "The request cannot be used.",
        "invalid_request",
        "1 part of the request cannot be used: query.limit: Input should be greater than 0",
        "/patterns/AAPL",
        "",
        "Correct what `details` names; /openapi.json describes every parameter.",
        [{"parameter": "query.limit", "problem": "Input should be greater than 0",
          "observed": "'0'"}],
    )
}  # fmt: skip
BUSY: Described = {
    429: _error(
        "As many scans wait as may.",
        "scan_queue_full",
        "The scan was not taken: no more may wait.",
        "/scan",
        8,
        "Wait for one to end, or cancel one with DELETE /scan/ID.",
        [],
    )
}
BY_SYMBOL: Described = {**UNKNOWN, **UNAVAILABLE, **INVALID}
"""What a question about one symbol may be refused with."""
