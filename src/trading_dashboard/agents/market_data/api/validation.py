"""`/validate/{symbol}`: whether a symbol exists, where, and what else may have been meant."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import INVALID, UNAVAILABLE
from trading_dashboard.agents.market_data.market import Body, Market
from trading_dashboard.models.market_reading import ValidationResponse

_FOUND = 20
_SUGGESTIONS = 5
_MAX_TEXT = 64
_EXAMPLE = {
    "symbol": "AAPL", "valid": True, "message": "AAPL is Apple Inc., NASDAQ.",
    "name": "Apple Inc.", "exchange": "NASDAQ", "currency": "USD", "asset_class": "equity",
    "sources": ["demo"], "suggestions": [],
    "source": "demo", "replay": True, "intraday": "simulated",
}  # fmt: skip


def add_validation(app: AgentApp, market: Market) -> None:
    """Add the route."""

    @app.get(
        "/validate/{symbol:path}",
        tags=["market"],
        response_model=ValidationResponse,
        responses={**INVALID, **UNAVAILABLE, **example(_EXAMPLE)},
    )
    async def get_validation(symbol: Annotated[str, SYMBOL]) -> Response:
        """Whether a symbol exists at the market clock; if not, what is near."""
        name = symbol.strip()[:_MAX_TEXT]
        found, _ = await market.symbols(name, _FOUND, 0) if name else ([], 0)
        return OrjsonResponse({**market.label(), **judged(name, found)})


def judged(asked: str, found: list[Body]) -> dict[str, Any]:
    """Return a body shaped like `ValidationResponse`, without the label."""
    exact = [row for row in found if str(row["symbol"]).upper() == asked.upper()]
    others = {str(row["symbol"]): str(row["name"]) for row in found if row not in exact}
    suggestions = [
        {"symbol": symbol, "name": name} for symbol, name in list(others.items())[:_SUGGESTIONS]
    ]
    if not exact:
        near = " or ".join(item["symbol"] for item in suggestions[:3])
        return {
            "symbol": asked.upper(),
            "valid": False,
            "message": f"{asked.upper() or 'An empty name'} is not known at the market clock."
            + (f" Did you mean {near}?" if near else ""),
            "name": None, "exchange": None, "currency": None, "asset_class": None,
            "sources": [],
            "suggestions": suggestions,
        }  # fmt: skip
    row = exact[0]
    return {
        "symbol": row["symbol"],
        "valid": True,
        "message": f"{row['symbol']} is {row['name'].rstrip('.')}, {row['exchange']}.",
        "name": row["name"],
        "exchange": row["exchange"],
        "currency": row["currency"],
        "asset_class": row.get("asset_class"),
        "sources": list(dict.fromkeys(str(item["source"]) for item in exact)),
        "suggestions": [],
    }
