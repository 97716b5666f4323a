"""`/symbols` and `/sources`: what there is, and where it is from."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import INVALID, UNAVAILABLE
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.market_api import SourcesResponse, SymbolsResponse

DEFAULT_SYMBOLS = 1_000
MAX_SYMBOLS = 5_000
_TEXT = Query(
    max_length=64,
    description="Part of a symbol or name. Best first: the symbol itself, symbols that begin so, "
    "names and words that begin so, what contains it, else near misses.",
    examples=["micro"],
)
_LIMIT = Query(ge=1, le=MAX_SYMBOLS, description="Symbols at most.")
_OFFSET = Query(ge=0, le=10_000_000, description="So many are left out at the beginning.")
_LABEL = {"source": "demo", "replay": True, "intraday": "simulated"}
_SYMBOLS = {
    "symbols": [
        {"symbol": "MSFT", "name": "Microsoft Corporation", "exchange": "NASDAQ",
         "calendar": "XNYS", "time_zone": "America/New_York", "currency": "USD",
         "asset_class": "equity", "first_session": "2000-03-01", "last_session": "2012-09-04",
         "source": "demo"}
    ],
    "total": 1,
    "next_offset": None,
    **_LABEL,
}  # fmt: skip
_SOURCES = {
    "sources": [
        {"name": "demo", "active": True, "real": False, "description": "Replay of real days",
         "licence": "Public domain", "intervals": ["1m", "1d"], "status": "ok"}
    ],
    **_LABEL,
}  # fmt: skip


def add_symbols(app: AgentApp, market: Market) -> None:
    """Add the routes."""

    @app.get(
        "/symbols",
        tags=["market"],
        response_model=SymbolsResponse,
        responses={**INVALID, **UNAVAILABLE, **example(_SYMBOLS)},
    )
    async def get_symbols(
        text: Annotated[str | None, _TEXT] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_SYMBOLS,
        offset: Annotated[int, _OFFSET] = 0,
    ) -> Response:
        """Symbols listed by the market clock, all or those that fit a text."""
        found, total = await market.symbols(text, limit, offset)
        after = offset + len(found)
        body = {
            "symbols": found,
            "total": total,
            "next_offset": after if found and after < total else None,
            **market.label(),
        }
        return OrjsonResponse(body)

    @app.get(
        "/sources", tags=["market"], response_model=SourcesResponse, responses=example(_SOURCES)
    )
    async def get_sources() -> Response:
        """Where data comes from and under which licence."""
        return OrjsonResponse({"sources": market.sources(), **market.label()})
