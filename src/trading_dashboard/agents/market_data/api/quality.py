"""`/quality/{symbol}` and `/quality/report`: how good the data are, by source and symbol."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.market_data.api.answers import BY_SYMBOL
from trading_dashboard.agents.market_data.market import Market
from trading_dashboard.models.market_reading import QualityReportResponse, QualityResponse

_SCORE = {
    "symbol": "AAPL", "source": "demo", "score": 100.0, "grade": "A+", "completeness": 100.0,
    "accuracy": None, "timeliness": None, "consistency": 100.0, "validity": 100.0,
    "uniqueness": 100.0, "rows": 3148, "rejected": 0, "gaps": 0,
    "computed_at": "2012-09-04T14:31:00Z",
}  # fmt: skip
_LABEL = {"source": "demo", "replay": True, "intraday": "simulated"}


def add_quality(app: AgentApp, market: Market) -> None:
    """Add the routes; the report comes first, or it would be taken for a symbol."""

    @app.get(
        "/quality/report",
        tags=["quality"],
        response_model=QualityReportResponse,
        responses=example({"scores": [_SCORE], "total": 1, "grades": {"A+": 1}, **_LABEL}),
    )
    async def get_quality_report() -> Response:
        """The newest scores of all symbols, worst first."""
        scores = sorted(await market.quality_report(), key=lambda row: float(row["score"]))
        body = {
            "scores": scores,
            "total": len(scores),
            "grades": Counter(str(row["grade"]) for row in scores),
            **market.label(),
        }
        return OrjsonResponse(body)

    @app.get(
        "/quality/{symbol:path}",
        tags=["quality"],
        response_model=QualityResponse,
        responses={**BY_SYMBOL, **example({"symbol": "AAPL", "scores": [_SCORE], **_LABEL})},
    )
    async def get_quality(symbol: Annotated[str, SYMBOL]) -> Response:
        """The scores of a symbol, one for each source that has it."""
        scores = await market.quality(symbol)
        name = scores[0]["symbol"] if scores else symbol.strip().upper()
        return OrjsonResponse({"symbol": name, "scores": scores, **market.label()})
