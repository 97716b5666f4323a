"""`/indicators`, `/context` and `/levels`: what is around a pattern."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.pattern_recognition.api.answers import BY_SYMBOL, TIMEFRAME
from trading_dashboard.agents.pattern_recognition.api.examples import (
    CONTEXT,
    INDICATOR,
    INDICATORS,
    LEVELS,
)
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import (
    INDICATORS as KINDS,
)
from trading_dashboard.agents.pattern_recognition.surroundings import (
    MAX_INDICATOR_BARS,
    Surroundings,
    indicator_definitions,
)
from trading_dashboard.models.errors import InvalidParameter
from trading_dashboard.models.market import Interval
from trading_dashboard.models.pattern_context import (
    ContextResponse,
    IndicatorResponse,
    IndicatorsResponse,
    LevelsResponse,
)

DEFAULT_BARS = 500
_NAME = Query(min_length=1, max_length=64, description="Its id in GET /indicators.")
_LIMIT = Query(ge=1, le=MAX_INDICATOR_BARS, description="Newest bars at most.")
_OWN = frozenset({"name", "timeframe", "limit"})


def _parameters() -> list[dict[str, Any]]:
    """Return the parameters indicators have, for the OpenAPI document."""
    names = sorted({one.name for kind in KINDS.values() for one in kind.parameters})
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": "number"},
            "description": "Of indicators that have it, with its bounds in GET /indicators.",
        }
        for name in names
    ]


def add_surroundings(app: AgentApp, asked: Surroundings) -> None:
    """Add the routes."""
    _add_indicators(app, asked)

    @app.get(
        "/context/{symbol:path}",
        tags=["context"],
        response_model=ContextResponse,
        responses={**BY_SYMBOL, **example(CONTEXT)},
    )
    async def get_context(symbol: Annotated[str, SYMBOL]) -> Response:
        """Trend and volatility of nine timeframes, and how far they agree."""
        return OrjsonResponse(await asked.context(symbol))

    @app.get(
        "/levels/{symbol:path}",
        tags=["context"],
        response_model=LevelsResponse,
        responses={**BY_SYMBOL, **example(LEVELS)},
    )
    async def get_levels(
        symbol: Annotated[str, SYMBOL], timeframe: Annotated[Interval, TIMEFRAME] = "1d"
    ) -> Response:
        """Support and resistance, lowest first."""
        return OrjsonResponse(await asked.levels(symbol, timeframe))


def _add_indicators(app: AgentApp, asked: Surroundings) -> None:
    @app.get(
        "/indicators",
        tags=["context"],
        response_model=IndicatorsResponse,
        responses=example(INDICATORS),
    )
    async def get_indicators() -> Response:
        """Every indicator, its parameters and their bounds."""
        return OrjsonResponse({"indicators": indicator_definitions()})

    @app.get(
        "/indicators/{symbol:path}",
        tags=["context"],
        response_model=IndicatorResponse,
        responses={**BY_SYMBOL, **example(INDICATOR)},
        openapi_extra={"parameters": _parameters()},
    )
    async def get_indicator(
        request: Request,
        symbol: Annotated[str, SYMBOL],
        name: Annotated[str, _NAME],
        timeframe: Annotated[Interval, TIMEFRAME] = "1d",
        limit: Annotated[int, _LIMIT] = DEFAULT_BARS,
    ) -> Response:
        """An indicator's values at closed bars; any of its parameters may be given by name."""
        given = {
            key: _number(key, value)
            for key, value in request.query_params.items()
            if key not in _OWN
        }
        return OrjsonResponse(await asked.indicator(symbol, timeframe, name, given, limit))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidParameter(
            f"Parameter '{name[:40]}' is not a number.",
            subject=name[:40],
            observed=text[:40],
            next_step="GET /indicators says what it may be.",
        ) from None
