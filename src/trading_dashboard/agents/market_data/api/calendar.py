"""`/calendar/{symbol}`: when the symbol's exchange opens, rests and closes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import BY_SYMBOL
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market_reading import CalendarResponse

MAX_DAYS = 36_600
_DAYS_AHEAD = timedelta(days=7)
_DAYS = timedelta(days=37)

_START = Query(description="First day, inclusive; without it, 37 days before `end`.")
_END = Query(description="Last day, inclusive; without it, a week after the market clock.")
_EXAMPLE = {
    "symbol": "AAPL", "calendar": "XNYS", "time_zone": "America/New_York",
    "start": "2012-08-31", "end": "2012-09-04",
    "sessions": [
        {"session": "2012-08-31", "open": "2012-08-31T13:30:00Z",
         "close": "2012-08-31T20:00:00Z", "break_start": None, "break_end": None},
        {"session": "2012-09-04", "open": "2012-09-04T13:30:00Z",
         "close": "2012-09-04T20:00:00Z", "break_start": None, "break_end": None},
    ],
    "source": "demo", "replay": True, "intraday": "simulated",
}  # fmt: skip


def add_calendar(app: AgentApp, market: Market) -> None:
    """Add the route."""

    @app.get(
        "/calendar/{symbol:path}",
        tags=["market"],
        response_model=CalendarResponse,
        responses={**BY_SYMBOL, **example(_EXAMPLE)},
    )
    async def get_calendar(
        symbol: Annotated[str, SYMBOL],
        start: Annotated[date | None, _START] = None,
        end: Annotated[date | None, _END] = None,
    ) -> Response:
        """Regular sessions of the symbol's exchange; a replay tells of one to come at most."""
        first, last = _range(symbol, start, end, _today(market))
        return OrjsonResponse({**market.label(), **await market.calendar(symbol, first, last)})


def _today(market: Market) -> date:
    now = market.clock()["now"]
    return now.date() if isinstance(now, datetime) else date.fromisoformat(str(now)[:10])


def _range(symbol: str, start: date | None, end: date | None, today: date) -> tuple[date, date]:
    """Return the days asked for, or those around today."""
    if end is None:
        end = max(today, start or today)
        end += min(_DAYS_AHEAD, date.max - end)
    if start is None:
        start = end - min(_DAYS, end - date.min)
    if start > end or (end - start).days > MAX_DAYS:
        raise InvalidRange(
            f"start and end must be in order and {MAX_DAYS} days apart at most.",
            subject=symbol[:32],
            observed=f"{start} to {end}",
            next_step="Ask for a shorter range.",
        )
    return start, end
