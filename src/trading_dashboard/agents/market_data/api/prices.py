"""`/price/{symbol}`, `/quotes` and `/actions/{symbol}`: prices, and what changed them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import BY_SYMBOL, INVALID
from trading_dashboard.agents.market_data.market import Body, Market
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market import PriceResponse
from trading_dashboard.models.market_api import ActionsResponse
from trading_dashboard.models.market_reading import QuotesResponse

MAX_QUOTES = 500
_MAX_TEXT = 5_000
_SYMBOLS = Query(
    min_length=1,
    max_length=_MAX_TEXT,
    description=f"Names in any case, separated by commas; {MAX_QUOTES} names at most.",
    examples=["AAPL,IBM"],
)
_LABEL = {"source": "demo", "replay": True, "intraday": "simulated"}
_PRICE = {
    "symbol": "AAPL", "price": 672.1, "timestamp": "2012-09-04T14:31:00Z", "volume": 912345,
    "bid": 672.03, "ask": 672.17, "quality_score": 100.0, "cached": False, "currency": "USD",
    "previous_close": 665.24, "change_percent": 1.0312, "day_open": 665.76, "day_high": 672.9,
    "day_low": 664.5, "session": "2012-09-04", "age_seconds": 0.4, "seq": 73710061, **_LABEL,
}  # fmt: skip
_QUOTES = {
    "quotes": {"AAPL": _PRICE},
    "errors": {
        "APPL": {
            "code": "unknown_symbol",
            "message": "Symbol 'APPL' is not known at the market clock.",
            "subject": "APPL",
            "observed": "5 symbols at 2012-09-04T14:31:00Z",
            "next_step": "Did you mean AAPL? GET /symbols lists all.",
            "details": [{"symbol": "AAPL"}],
        }
    },
    **_LABEL,
}
_ACTIONS = {
    "symbol": "AAPL",
    "actions": [
        {"symbol": "AAPL", "ex_date": "2005-02-28", "kind": "split", "ratio": 2.0, "amount": None,
         "source": "demo"}
    ],
    **_LABEL,
}  # fmt: skip


def add_prices(app: AgentApp, market: Market) -> None:
    """Add the routes."""

    @app.get(
        "/price/{symbol:path}",
        tags=["market"],
        response_model=PriceResponse,
        responses={**BY_SYMBOL, **example(_PRICE)},
    )
    async def get_price(symbol: Annotated[str, SYMBOL]) -> Response:
        """The newest price of a symbol."""
        return OrjsonResponse(await market.price(symbol))

    @app.get(
        "/quotes",
        tags=["market"],
        response_model=QuotesResponse,
        responses={**INVALID, **example(_QUOTES)},
    )
    async def get_quotes(symbols: Annotated[str, _SYMBOLS]) -> Response:
        """The newest prices of many symbols at once; what has none has an error instead."""
        return OrjsonResponse(_sorted(await market.quotes(_names(symbols)), market.label()))

    @app.get(
        "/actions/{symbol:path}",
        tags=["market"],
        response_model=ActionsResponse,
        responses={**BY_SYMBOL, **example(_ACTIONS)},
    )
    async def get_actions(symbol: Annotated[str, SYMBOL]) -> Response:
        """Splits and dividends effective by the market clock."""
        actions = await market.actions(symbol)
        name = actions[0]["symbol"] if actions else symbol.strip().upper()
        return OrjsonResponse({"symbol": name, "actions": actions, **market.label()})


def _names(text: str) -> list[str]:
    """Return the names, each once, in their order."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names) or len(names) > MAX_QUOTES:
        raise InvalidRange(
            f"symbols must be 1 to {MAX_QUOTES} names with commas between them.",
            subject="symbols",
            observed=f"{len(names)} names" if all(names) else "an empty name",
            next_step="Ask for them in several requests." if all(names) else "Leave it out.",
        )
    return names


def _sorted(answers: Any, label: Body) -> dict[str, Any]:
    """Return the prices and the errors apart."""
    return {
        "quotes": {name: body for name, body in answers.items() if "error" not in body},
        "errors": {name: body["error"] for name, body in answers.items() if "error" in body},
        **label,
    }
