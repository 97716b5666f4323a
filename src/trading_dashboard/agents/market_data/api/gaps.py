"""`/gaps`, `/gaps/{symbol}` and `/quarantine`: what is missing, and what was not believed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import BY_SYMBOL, INVALID, UNKNOWN
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.market_reading import GapsResponse, QuarantineResponse

MAX_ROWS = 1_000
_SYMBOL = Query(max_length=64, description="Only of this symbol.", examples=["AAPL"])
_LIMIT = Query(ge=1, le=MAX_ROWS, description="Rows at most.")
_LABEL = {"source": "live", "replay": False, "intraday": "real"}
_GAPS = {
    "symbol": "AAPL",
    "gaps": [
        {"symbol": "AAPL", "source": "yahoo", "interval": "1m", "start": "2026-03-02T15:00:00Z",
         "end": "2026-03-02T15:12:00Z", "cause": "source_silent", "detail": "No tick for 720 s.",
         "found_at": "2026-03-02T15:02:00Z", "filled_at": "2026-03-02T15:20:11Z", "attempts": 2}
    ],
    **_LABEL,
}  # fmt: skip
_QUARANTINE = {
    "rejected": [
        {"symbol": "AAPL", "source": "yahoo", "interval": "1d",
         "timestamp": "2026-03-02T00:00:00Z", "received": "2026-03-02T21:01:07Z",
         "reason": "high_below_low", "detail": "high 261.1 is below low 262.4",
         "row": '{"open": 262.0, "high": 261.1, "low": 262.4, "close": 261.9}'}
    ],
    **_LABEL,
}  # fmt: skip


def add_gaps(app: AgentApp, market: Market) -> None:
    """Add the routes."""

    @app.get(
        "/gaps", tags=["quality"], response_model=GapsResponse,
        responses=example({**_GAPS, "symbol": None}),
    )  # fmt: skip
    async def get_all_gaps() -> Response:
        """Stretches of open hours without data, of all symbols, newest first."""
        gaps = (await market.gaps(None))[:MAX_ROWS]
        return OrjsonResponse({"symbol": None, "gaps": gaps, **market.label()})

    @app.get(
        "/gaps/{symbol:path}",
        tags=["quality"],
        response_model=GapsResponse,
        responses={**BY_SYMBOL, **example(_GAPS)},
    )
    async def get_gaps(symbol: Annotated[str, SYMBOL]) -> Response:
        """Stretches of open hours without the symbol's data, newest first."""
        gaps = (await market.gaps(symbol))[:MAX_ROWS]
        name = gaps[0]["symbol"] if gaps else symbol.strip().upper()
        return OrjsonResponse({"symbol": name, "gaps": gaps, **market.label()})


def add_quarantine(app: AgentApp, market: Market) -> None:
    """Add the route."""

    @app.get(
        "/quarantine",
        tags=["quality"],
        response_model=QuarantineResponse,
        responses={**INVALID, **UNKNOWN, **example(_QUARANTINE)},
    )
    async def get_quarantine(
        symbol: Annotated[str | None, _SYMBOL] = None, limit: Annotated[int, _LIMIT] = 100
    ) -> Response:
        """Rows that were not believed, with the reason, newest first."""
        return OrjsonResponse({"rejected": await market.rejected(symbol, limit), **market.label()})
