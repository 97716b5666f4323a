"""The puppet desk's indicators and levels, computed plainly from the puppet market's bars."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import fmean, pstdev
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.puppets.fake_market import SECONDS, Market
from tests.puppets.fake_pattern_data import LABELS
from trading_dashboard.models.pattern_context import (
    IndicatorDefinition,
    IndicatorParameter,
    IndicatorResponse,
    IndicatorsResponse,
    LevelsResponse,
)


def parameter(name: str, default: float, *, is_integer: bool = True) -> IndicatorParameter:
    return IndicatorParameter(
        name=name, default=default, minimum=1, maximum=500, is_integer=is_integer
    )


DEFINITIONS = [
    IndicatorDefinition(
        id="sma", name="Simple moving average", group="trend", pane="price", source="TA-Lib SMA",
        parameters=[parameter("period", 20)],
    ),
    IndicatorDefinition(
        id="bollinger", name="Bollinger bands", group="volatility", pane="price",
        parameters=[parameter("period", 20), parameter("width", 2.0, is_integer=False)],
        source="Bollinger 2001",
    ),
    IndicatorDefinition(
        id="roc", name="Rate of change", group="momentum", pane="own", source="TA-Lib ROC",
        parameters=[parameter("period", 10)],
    ),
]  # fmt: skip


class Indicators:
    """Routes that answer with numbers a test can check by hand."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def routes(self) -> list[Route]:
        return [
            Route("/indicators", self.listed),
            Route("/indicators/{symbol:path}", self.values),
            Route("/levels/{symbol:path}", self.levels),
        ]

    async def listed(self, _: Request) -> Response:
        return _answer(IndicatorsResponse(indicators=DEFINITIONS))

    def _closes(
        self, symbol: str, timeframe: str, count: int
    ) -> tuple[list[datetime], list[float]]:
        width = timedelta(seconds=SECONDS[timeframe])
        newest = self.market.start_of(timeframe)
        starts = [newest - width * back for back in range(count, 0, -1)]
        return starts, [self.market.value(symbol, start + width) for start in starts]

    async def values(self, request: Request) -> Response:
        query = request.query_params
        symbol, timeframe = request.path_params["symbol"], query.get("timeframe", "1d")
        known = {item.id: item for item in DEFINITIONS}[query["name"]]
        chosen = {p.name: float(query.get(p.name, p.default)) for p in known.parameters}
        limit, period = int(query.get("limit", "500")), int(chosen["period"])
        starts, closes = self._closes(symbol, timeframe, limit + period)
        windows = [closes[at - period + 1 : at + 1] for at in range(period, len(closes))]
        lines: list[dict[str, Any]]
        if known.id == "roc":
            moves = [
                (closes[at] / closes[at - period] - 1) * 100 for at in range(period, len(closes))
            ]
            lines = [{"name": "roc", "pane": "own", "values": moves}]
        else:
            middle = [fmean(window) for window in windows]
            lines = [{"name": "sma", "pane": "price", "values": middle}]
            if known.id == "bollinger":
                spread = [pstdev(window) * chosen["width"] for window in windows]
                upper = [m + s for m, s in zip(middle, spread, strict=True)]
                lower = [m - s for m, s in zip(middle, spread, strict=True)]
                named = (("upper", upper), ("middle", middle), ("lower", lower))
                lines = [{"name": n, "pane": "price", "values": v} for n, v in named]
        body = {"symbol": symbol, "timeframe": timeframe, "indicator": known.id, "lines": lines}
        body |= {"parameters": chosen, "as_of": starts[-1], "timestamps": starts[period:]}
        return _answer(IndicatorResponse.model_validate(LABELS | body))

    async def levels(self, request: Request) -> Response:
        symbol, timeframe = request.path_params["symbol"], request.query_params["timeframe"]
        close = self.market.value(symbol, self.market.start_of(timeframe))
        spread = {"last_touch": self.market.start_of(timeframe), "strength": 0.6}
        levels = [
            spread | {
                "price": close + away, "low": close + away - 0.2, "high": close + away + 0.2,
                "kind": "resistance" if away > 0 else "support", "touches": touches,
                "distance_atr": away / 1.5,
            }
            for away, touches in ((4.5, 3), (1.5, 5), (-2.25, 4))
        ]  # fmt: skip
        body = {"symbol": symbol, "timeframe": timeframe, "as_of": None, "close": close}
        return _answer(
            LevelsResponse.model_validate(LABELS | body | {"atr": 1.5, "levels": levels})
        )


def _answer(model: Any) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")
