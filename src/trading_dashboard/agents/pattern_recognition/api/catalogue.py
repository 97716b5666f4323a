"""`/catalogue` and its pictures: what each pattern is; `/signals`: confirmed ones as ideas."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.pattern_recognition.api.answers import INVALID, UNKNOWN
from trading_dashboard.agents.pattern_recognition.api.examples import CATALOGUE, SIGNALS
from trading_dashboard.agents.pattern_recognition.catalogue import definitions, known
from trading_dashboard.agents.pattern_recognition.pictures import picture_of
from trading_dashboard.agents.pattern_recognition.questions import Questions
from trading_dashboard.models.pattern_api import SignalsResponse
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings
from trading_dashboard.models.patterns import CatalogueResponse

_ID = Path(max_length=64, description="Of a pattern.", examples=["ascending_triangle"])
_MIN_CONFIDENCE = Query(ge=0, le=1, description="Least confidence over the horizon.")
_MIN_REWARD = Query(ge=0, le=1_000, description="Least reward for a risk of one.")
_HORIZON = Query(ge=1, le=250, description="Over how many bars the worth is meant.")
_SVG = {"image/svg+xml": {"schema": {"type": "string"}}}


def add_catalogue(app: AgentApp, settings: ShapeSettings) -> None:
    """Add what each pattern is."""

    @app.get(
        "/catalogue",
        tags=["catalogue"],
        response_model=CatalogueResponse,
        responses=example(CATALOGUE),
    )
    async def get_catalogue() -> Response:
        """Every pattern: its definition in words, its source, its thresholds in force."""
        return OrjsonResponse({"patterns": definitions(settings)})

    @app.get(
        "/catalogue/{id}.svg",
        tags=["catalogue"],
        response_class=Response,
        responses={200: {"content": _SVG}, **UNKNOWN, **INVALID},
    )
    async def get_picture(id: Annotated[str, _ID]) -> Response:  # noqa: A002 - the route's word
        """A pattern's picture, in the reader's own colours (`currentColor`)."""
        headers = {"Cache-Control": "max-age=3600"}
        return Response(picture_of(known(id)), media_type="image/svg+xml", headers=headers)


def add_signals(app: AgentApp, questions: Questions) -> None:
    """Add the trade ideas."""

    @app.get(
        "/signals",
        tags=["patterns"],
        response_model=SignalsResponse,
        responses={**INVALID, **example(SIGNALS)},
    )
    async def get_signals(
        min_confidence: Annotated[float, _MIN_CONFIDENCE] = 0.0,
        min_reward_risk: Annotated[float, _MIN_REWARD] = 0.0,
        horizon: Annotated[int | None, _HORIZON] = None,
    ) -> Response:
        """Confirmed chart patterns that are open: entry, stop, target, reward against risk."""
        found = await questions.signals(min_confidence, min_reward_risk, horizon)
        return OrjsonResponse(found)
