"""The routes of recordings: listed, begun, ended and deleted.

Owns parameters and bodies; the recordings are `Library`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Path, Response, Security

from trading_dashboard.agents.kit import AgentApp, ErrorResponse
from trading_dashboard.agents.kit.answers import example
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.models.errors import UnknownSource
from trading_dashboard.models.market_api import (
    RecordingInfo,
    RecordingOrder,
    RecordingsResponse,
)

_NAME = Path(description="Name of the recording.", max_length=64)
_OPERATOR: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorResponse, "description": "No valid operator token."},
    409: {"model": ErrorResponse, "description": "It cannot be done as the recording is now."},
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorResponse, "description": "No recording, or no source, has this name."}
}
_EXAMPLE = {
    "name": "monday", "source": "ccxt:binance", "symbols": ["BTC/USDT"], "state": "complete",
    "reason": "stopped", "made_at": "2026-03-02T14:25:00Z", "start": "2026-03-02T14:25:00Z",
    "end": "2026-03-02T16:00:00Z", "rows": 512345, "size_bytes": 4194304, "playing": False,
}  # fmt: skip
_BEGUN = _EXAMPLE | {"state": "recording", "reason": None, "rows": 0, "size_bytes": 0}


def add_recordings(app: AgentApp, library: Library, sources: Callable[[], Sequence[str]]) -> None:
    """Add the routes; of the sources the first is recorded if none is named."""
    _add_making(app, library, sources)

    @app.get(
        "/recordings",
        tags=["recordings"],
        response_model=RecordingsResponse,
        responses=example({"recordings": [_EXAMPLE]}),
    )
    async def get_recordings() -> dict[str, Any]:
        """All recordings, newest first, and what is being recorded."""
        return {"recordings": await library.recordings()}

    @app.delete(
        "/recordings/{name}",
        tags=["recordings"],
        status_code=204,
        response_class=Response,
        responses={**_OPERATOR, **_UNKNOWN},
        dependencies=[Security(app.operator)],
    )
    async def delete_recording(name: Annotated[str, _NAME]) -> None:
        """Delete a recording that is neither made nor played now."""
        await library.delete(name)


def _add_making(app: AgentApp, library: Library, sources: Callable[[], Sequence[str]]) -> None:
    @app.post(
        "/recordings",
        tags=["recordings"],
        response_model=RecordingInfo,
        status_code=201,
        responses={**_OPERATOR, **_UNKNOWN, **example(_BEGUN, 201)},
        dependencies=[Security(app.operator)],
    )
    async def start_recording(order: RecordingOrder) -> dict[str, Any]:
        """Begin to record a source's stream. Answered once the recording is on disk."""
        symbols = tuple(symbol.strip().upper() for symbol in order.symbols)
        return await library.start(order.name, _source(order.source, sources()), symbols)

    @app.post(
        "/recordings/{name}/stop",
        tags=["recordings"],
        response_model=RecordingInfo,
        responses={**_OPERATOR, **_UNKNOWN, **example(_EXAMPLE)},
        dependencies=[Security(app.operator)],
    )
    async def stop_recording(name: Annotated[str, _NAME]) -> dict[str, Any]:
        """End a recording. Answered once all that was heard is on disk."""
        return await library.stop(name)


def _source(wanted: str | None, sources: Sequence[str]) -> str:
    if wanted is None or wanted in sources:
        return wanted or sources[0]
    raise UnknownSource(
        f"There is no source '{wanted[:32]}'.",
        subject=wanted[:32],
        observed=", ".join(sources),
        next_step="GET /sources lists all.",
    )
