"""`/scan`: many symbols looked at once. A scan changes nothing; it is bounded because it costs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.pattern_recognition.api.answers import (
    BUSY,
    INVALID,
    LABEL,
    UNAVAILABLE,
    UNKNOWN,
)
from trading_dashboard.agents.pattern_recognition.api.examples import DETECTION, SCAN
from trading_dashboard.agents.pattern_recognition.scanning import Scanning
from trading_dashboard.models.pattern_api import ScanOrder, ScanResult, ScanStatus

MAX_PAGE = 2_000
_ID = Path(max_length=64, description="As POST /scan answered.", examples=["9f86d081884c7d65"])
_LIMIT = Query(ge=1, le=MAX_PAGE, description="Detections at most.")
_OFFSET = Query(ge=0, le=10_000_000, description="So many are left out at the beginning.")
_RESULT = {"status": SCAN, "patterns": [DETECTION], "total": 12, "next_offset": 1, **LABEL}


def add_scans(app: AgentApp, scanning: Scanning) -> None:
    """Add the routes."""
    _add_result(app, scanning)

    @app.post(
        "/scan",
        tags=["scan"],
        status_code=202,
        response_model=ScanStatus,
        responses={**UNKNOWN, **INVALID, **BUSY, **UNAVAILABLE, **example(SCAN, 202)},
    )
    async def order_scan(order: ScanOrder) -> Response:
        """Order a scan; it runs when those before it are over."""
        status = await scanning.order(order)
        return OrjsonResponse(status.model_dump(mode="json"), 202)

    @app.get(
        "/scan/{id}",
        tags=["scan"],
        response_model=ScanStatus,
        responses={**UNKNOWN, **INVALID, **example(SCAN)},
    )
    async def get_scan(id: Annotated[str, _ID]) -> Response:  # noqa: A002 - the route's word
        """Where a scan stands."""
        return OrjsonResponse(scanning.jobs.status(id).model_dump(mode="json"))

    @app.delete(
        "/scan/{id}",
        tags=["scan"],
        response_model=ScanStatus,
        responses={**UNKNOWN, **INVALID, **example({**SCAN, "state": "cancelled"})},
    )
    async def cancel_scan(id: Annotated[str, _ID]) -> Response:  # noqa: A002
        """End a scan; what it has found stays."""
        return OrjsonResponse(scanning.jobs.cancel(id).model_dump(mode="json"))


def _add_result(app: AgentApp, scanning: Scanning) -> None:
    @app.get(
        "/scan/{id}/patterns",
        tags=["scan"],
        response_model=ScanResult,
        responses={**UNKNOWN, **INVALID, **example(_RESULT)},
    )
    async def get_scan_patterns(
        id: Annotated[str, _ID],  # noqa: A002
        offset: Annotated[int, _OFFSET] = 0,
        limit: Annotated[int, _LIMIT] = 100,
    ) -> Response:
        """What a scan has found so far, newest first."""
        return OrjsonResponse(await scanning.found(id, offset, limit))
