"""`/clock`: market time, and how the operator changes a replay's.

Owns both routes. Reading is any market's; only a replay's clock can be set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Response, Security

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import INVALID, REFUSED
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.market_api import ClockChange, ClockResponse

_EXAMPLE = {
    "now": "2012-09-04T14:31:00Z", "replay": True, "speed": 60.0, "paused": False,
    "finished": False, "calendar": "XNYS", "time_zone": "America/New_York", "market": "open",
    "session": "2012-09-04", "next_open": "2012-09-05T13:30:00Z",
    "next_close": "2012-09-04T20:00:00Z", "start": "2000-03-02T14:30:00Z",
    "end": "2013-03-01T21:00:00Z", "source": "demo", "intraday": "simulated",
}  # fmt: skip


SetClock = Callable[[ClockChange], Awaitable[None]]


def add_clock(app: AgentApp, market: Market) -> None:
    """Add the route that tells the time."""

    @app.get("/clock", tags=["clock"], response_model=ClockResponse, responses=example(_EXAMPLE))
    async def get_clock() -> Response:
        """Market time, its pace and the session."""
        return OrjsonResponse({**market.clock(), **market.label()})


def add_clock_setting(app: AgentApp, market: Market, set_clock: SetClock) -> None:
    """Add the route that changes a replay's clock."""

    @app.post(
        "/clock",
        tags=["clock"],
        response_model=ClockResponse,
        responses={**REFUSED, **INVALID, **example(_EXAMPLE)},
        dependencies=[Security(app.operator)],
    )
    async def post_clock(change: ClockChange) -> Response:
        """Change speed, pause or go on, or jump. Answered once it is safely on disk."""
        await set_clock(change)
        return OrjsonResponse({**market.clock(), **market.label()})
