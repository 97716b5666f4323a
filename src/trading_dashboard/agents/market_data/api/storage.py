"""`/storage`: what is kept, and how much room it takes."""

from __future__ import annotations

from fastapi import Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.market_reading import StorageResponse

_EXAMPLE = {
    "files": [{"name": "market_data.duckdb", "bytes": 1585152}],
    "total_bytes": 1585152, "free_bytes": 53687091200, "rows": 3148,
    "series": [
        {"source": "demo", "symbol": "AAPL", "interval": "1d", "rows": 3148,
         "first": "2000-03-01T00:00:00Z", "last": "2012-08-31T00:00:00Z"}
    ],
    "source": "demo", "replay": True, "intraday": "simulated",
}  # fmt: skip


def add_storage(app: AgentApp, market: Market) -> None:
    """Add the route."""

    @app.get(
        "/storage", tags=["market"], response_model=StorageResponse, responses=example(_EXAMPLE)
    )
    async def get_storage() -> Response:
        """Files, rows and the room left on the disk."""
        return OrjsonResponse({**market.label(), **await market.storage()})
