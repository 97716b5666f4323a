"""The HTTP routes of the market data agent.

Owns parameters, documentation and bodies; answers come from `DemoMarket` as of one instant each.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import Query, Response, Security
from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import AgentApp, ErrorResponse
from trading_dashboard.agents.market_data.agent import MarketDataAgent
from trading_dashboard.agents.market_data.demo.dataset import SOURCE
from trading_dashboard.agents.market_data.demo.history import (
    DEFAULT_LIMIT,
    FIRST_PAGE,
    MAX_LIMIT,
    Question,
)
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.streaming.connection import serve_stream
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market import HistoricalResponse, Interval, PriceResponse
from trading_dashboard.models.market_api import (
    ActionsResponse,
    ClockChange,
    ClockResponse,
    SourcesResponse,
    SymbolsResponse,
)

_INLINE_SESSIONS = 2
"""Questions that need more simulated sessions than this leave the event loop."""

_FIRST_DAY = Query(description="First day, inclusive.")
_LAST_DAY = Query(description="Last day, inclusive.")
_INTERVAL = Query(description="Length of a bar.")
_LIMIT = Query(
    ge=1,
    le=MAX_LIMIT,
    description="Bars at most: the first ones from `start_date` on, else the newest ones. "
    f"By default {MAX_LIMIT} with a `start_date`, else {DEFAULT_LIMIT}.",
)
_PAGE = Query(
    max_length=200,
    description="The last answer's `next_page`, or `first` to go forward from the first bar.",
)
_ADJUSTED = Query(description="Adjust prices and volumes for actions effective by the clock.")
_PARTIAL = Query(description="Also the bar that is forming, marked `closed: false`.")

_LABEL: dict[str, Any] = {"source": SOURCE, "replay": True, "intraday": "simulated"}
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorResponse, "description": "The symbol is not known at the market clock."}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorResponse, "description": "No valid operator token."}
}


class OrjsonResponse(Response):
    """A JSON body that is already plain types."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body's bytes."""
        return orjson.dumps(content)


def add_routes(app: AgentApp, agent: MarketDataAgent) -> None:
    """Add all routes."""
    _add_market(app, agent)
    _add_historical(app, agent)
    _add_clock(app, agent)

    async def stream(websocket: WebSocket) -> None:
        await serve_stream(websocket, agent.hub)

    app.router.add_websocket_route("/stream", stream, name="stream")


def _add_market(app: AgentApp, agent: MarketDataAgent) -> None:
    market, clock = agent.market, agent.clock

    @app.get("/symbols", tags=["market"], response_model=SymbolsResponse)
    async def get_symbols() -> Response:
        """Symbols listed by the market clock."""
        return OrjsonResponse({"symbols": market.symbols(clock.instant()), **_LABEL})

    @app.get("/price/{symbol}", tags=["market"], response_model=PriceResponse, responses=_UNKNOWN)
    async def get_price(symbol: str) -> Response:
        """The newest price of a symbol."""
        instant = clock.instant()
        series = market.find(symbol, instant)
        return OrjsonResponse(market.quote(series.listing.symbol, instant))

    @app.get(
        "/actions/{symbol}", tags=["market"], response_model=ActionsResponse, responses=_UNKNOWN
    )
    async def get_actions(symbol: str) -> Response:
        """Splits and dividends effective by the market clock."""
        instant = clock.instant()
        name = market.find(symbol, instant).listing.symbol
        body = {"symbol": name, "actions": market.actions(name, instant), **_LABEL}
        return OrjsonResponse(body)

    @app.get("/sources", tags=["market"], response_model=SourcesResponse)
    async def get_sources() -> Response:
        """Where data comes from and under which licence."""
        return OrjsonResponse({"sources": market.sources(), **_LABEL})


def _add_historical(app: AgentApp, agent: MarketDataAgent) -> None:
    market, clock = agent.market, agent.clock

    @app.get(
        "/historical/{symbol}",
        tags=["market"],
        response_model=HistoricalResponse,
        responses=_UNKNOWN,
    )
    async def get_historical(
        symbol: str,
        start_date: Annotated[date | None, _FIRST_DAY] = None,
        end_date: Annotated[date | None, _LAST_DAY] = None,
        interval: Annotated[Interval, _INTERVAL] = "1d",
        limit: Annotated[int | None, _LIMIT] = None,
        page: Annotated[str | None, _PAGE] = None,
        adjusted: Annotated[Literal["none", "splits", "all"], _ADJUSTED] = "none",
        include_partial: Annotated[bool, _PARTIAL] = False,
    ) -> Response:
        """Bars of a symbol up to the market clock, oldest first."""
        instant = clock.instant()
        series = market.find(symbol, instant)
        if limit is None:
            limit = MAX_LIMIT if start_date else DEFAULT_LIMIT
        question = Question(
            symbol=series.listing.symbol,
            interval=interval,
            start=start_date,
            end=end_date,
            limit=limit,
            # Who names a start is answered from there on, never with a beginning cut off.
            page=page or (FIRST_PAGE if start_date else None),
            adjusted=adjusted,
            include_partial=include_partial,
        )

        def answer() -> Response:
            return OrjsonResponse(market.history.answer(question, series, instant))

        sessions = market.history.cost(question)
        if sessions <= _INLINE_SESSIONS and limit <= DEFAULT_LIMIT:
            return answer()
        return await agent.computed(answer, sessions)


def _add_clock(app: AgentApp, agent: MarketDataAgent) -> None:
    clock = agent.clock

    def stated() -> Response:
        return OrjsonResponse({**clock.state().model_dump(mode="json"), **_LABEL})

    @app.get("/clock", tags=["clock"], response_model=ClockResponse)
    async def get_clock() -> Response:
        """Market time, its pace and the session."""
        return stated()

    @app.post(
        "/clock",
        tags=["clock"],
        response_model=ClockResponse,
        responses=_REFUSED,
        dependencies=[Security(app.operator)],
    )
    async def set_clock(change: ClockChange) -> Response:
        """Change speed, pause or go on, or jump. Answered once it is safely on disk."""
        position = None
        if change.now is not None:
            _check_jump(change, agent)
            position = clock.timeline.position_of(change.now)
        async with agent.setting:
            # Subscribers get all that happened at the old pace before the new one begins.
            agent.hub.advance()
            try:
                clock.set(position=position, speed=change.speed, paused=change.paused)
                if position is not None:
                    agent.hub.jumped()
                else:
                    agent.hub.clock_changed()
                await agent.on_disk(agent.journal.sync)
            except OSError as error:
                raise StoreUnusable(
                    "The clock's change could not be put on disk.",
                    observed=str(error),
                    next_step="Check the data directory's free space and permissions.",
                ) from error
        return stated()


def _check_jump(change: ClockChange, agent: MarketDataAgent) -> None:
    first, last = agent.clock.first_instant(), agent.clock.last_instant()
    if change.now is not None and not first <= change.now <= last:
        raise InvalidRange(
            "now is outside the replay's data.",
            subject="now",
            observed=change.now.isoformat(),
            next_step=f"Use a time from {first.isoformat()} to {last.isoformat()}.",
        )


def add_metrics(app: AgentApp, agent: MarketDataAgent) -> None:
    """Add the agent's own figures."""
    hub, clock = agent.hub, agent.clock
    add = app.metrics.add
    add("market_data_stream_connections", "Open streams.", "gauge", lambda: hub.subscribers)
    add("market_data_stream_messages_total", "Messages sent.", "counter", lambda: hub.sent)
    add(
        "market_data_stream_conflated_total",
        "Updates merged into newer ones because a reader was slow.",
        "counter",
        lambda: hub.conflated,
    )
    add(
        "market_data_clock_seconds",
        "Market time, seconds since 1970.",
        "gauge",
        lambda: clock.instant().now,
    )
    add("market_data_clock_speed", "Market seconds per second.", "gauge", lambda: clock.speed)
    add(
        "market_data_clock_moving",
        "1 while market time passes, 0 when paused, finished or held.",
        "gauge",
        lambda: float(clock.is_moving and not clock.overdue_seconds()),
    )
