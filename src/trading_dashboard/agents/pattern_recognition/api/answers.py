"""How the answers of this agent's routes are described in its OpenAPI document."""

from __future__ import annotations

from fastapi import Query

from trading_dashboard.agents.kit.answers import Described, error_example, invalid_example

TIMEFRAME = Query(description="Length of a bar.")
LABEL = {"source": "demo", "replay": True, "intraday": "simulated"}

UNKNOWN: Described = error_example(
    404,
    "The symbol, pattern, indicator or scan is not known.",
    code="unknown_symbol",
    message="Symbol 'APPL' is not known at the market clock.",
    subject="APPL",
    observed="5 symbols at 2012-09-04T14:31:00Z",
    next_step="Did you mean AAPL? GET /symbols lists all.",
    details=[{"symbol": "AAPL"}],
)
UNAVAILABLE: Described = error_example(
    503,
    "Market data does not answer, and what is asked for is not known here.",
    code="data_unavailable",
    message="The market data agent does not answer at http://localhost:8000.",
    subject="http://localhost:8000",
    observed="ConnectError: All connection attempts failed",
    next_step="Look at the agent's status and log.",
)
INVALID: Described = invalid_example("/patterns/AAPL")
BUSY: Described = error_example(
    429,
    "As many scans wait as may.",
    code="scan_queue_full",
    message="The scan was not taken: no more may wait.",
    subject="/scan",
    observed=8,
    next_step="Wait for one to end, or cancel one with DELETE /scan/ID.",
)
BY_SYMBOL: Described = {**UNKNOWN, **UNAVAILABLE, **INVALID}
"""What a question about one symbol may be refused with."""
