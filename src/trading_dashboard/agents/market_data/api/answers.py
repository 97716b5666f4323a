"""How the answers of this agent's routes are described in its OpenAPI document."""

from __future__ import annotations

from trading_dashboard.agents.kit.answers import Described, error_example, invalid_example

UNKNOWN: Described = error_example(
    404,
    "The symbol is not known at the market clock.",
    code="unknown_symbol",
    message="Symbol 'APPL' is not known at the market clock.",
    subject="APPL",
    observed="5 symbols at 2012-09-04T14:31:00Z",
    next_step="Did you mean AAPL? GET /symbols lists all.",
    details=[{"symbol": "AAPL"}],
)
UNAVAILABLE: Described = error_example(
    503,
    "No source that has it can answer now.",
    code="data_unavailable",
    message="No source can answer for AAPL now.",
    subject="AAPL",
    observed="yahoo: 429, asked to wait 60 s",
    next_step="GET /sources says how each source is and when it is asked again.",
    details=[{"code": "source_limited", "retry_after": 60.0}],
)
INVALID: Described = invalid_example("/symbols")
REFUSED: Described = error_example(
    401,
    "No valid operator token.",
    code="unauthorized",
    message="This needs the operator token.",
    subject="/clock",
    observed="no Authorization header",
    next_step="Send Authorization: Bearer with the content of the token's file.",
)
BY_SYMBOL: Described = {**UNKNOWN, **UNAVAILABLE, **INVALID}
"""What a question about one symbol may be refused with."""
