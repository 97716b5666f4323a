"""`/clock`: market time, and how the operator changes a replay's.

Owns both routes. Reading is any market's; only a replay's clock can be set.
"""

from __future__ import annotations

from fastapi import Response, Security

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.market_data.agent import MarketDataAgent
from trading_dashboard.agents.market_data.api.answers import (
    INVALID,
    REFUSED,
    OrjsonResponse,
    example,
)
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market_api import ClockChange, ClockResponse

_EXAMPLE = {
    "now": "2012-09-04T14:31:00Z", "replay": True, "speed": 60.0, "paused": False,
    "finished": False, "calendar": "XNYS", "time_zone": "America/New_York", "market": "open",
    "session": "2012-09-04", "next_open": "2012-09-05T13:30:00Z",
    "next_close": "2012-09-04T20:00:00Z", "start": "2000-03-02T14:30:00Z",
    "end": "2013-03-01T21:00:00Z", "source": "demo", "intraday": "simulated",
}  # fmt: skip


def add_clock(app: AgentApp, market: Market) -> None:
    """Add the route that tells the time."""

    @app.get("/clock", tags=["clock"], response_model=ClockResponse, responses=example(_EXAMPLE))
    async def get_clock() -> Response:
        """Market time, its pace and the session."""
        return OrjsonResponse({**market.clock(), **market.label()})


def add_clock_setting(app: AgentApp, agent: MarketDataAgent, market: Market) -> None:
    """Add the route that changes a replay's clock."""
    clock = agent.clock

    @app.post(
        "/clock",
        tags=["clock"],
        response_model=ClockResponse,
        responses={**REFUSED, **INVALID, **example(_EXAMPLE)},
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
        return OrjsonResponse({**market.clock(), **market.label()})


def _check_jump(change: ClockChange, agent: MarketDataAgent) -> None:
    first, last = agent.clock.first_instant(), agent.clock.last_instant()
    if change.now is not None and not first <= change.now <= last:
        raise InvalidRange(
            "now is outside the replay's data.",
            subject="now",
            observed=change.now.isoformat(),
            next_step=f"Use a time from {first.isoformat()} to {last.isoformat()}.",
        )
