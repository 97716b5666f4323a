"""The ASGI application: routes, stream, guard and error shapes put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, WebSocket
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

from trading_dashboard import __version__
from trading_dashboard.control_api.errors import install_error_handlers
from trading_dashboard.control_api.guard import Guard
from trading_dashboard.control_api.routes import create_routers
from trading_dashboard.control_api.stream import CAPACITY, HEARTBEAT_SECONDS, StreamSession
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.verbs import VerbsUnderWay

_bearer = HTTPBearer(auto_error=False, description="Content of var/run/control.token.")


def create_api(
    supervision: Supervision,
    *,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    stream_capacity: int = CAPACITY,
) -> FastAPI:
    """Return the API without its guard; `app.openapi()` describes it completely."""
    verbs = VerbsUnderWay()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await verbs.aclose()

    api = FastAPI(
        title="Trading Dashboard control API",
        version=__version__,
        description="Start, stop and watch the agents of one running supervisor. Loopback only.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    install_error_handlers(api)
    health, *rest = create_routers(supervision, verbs)
    api.include_router(health)
    for router in rest:
        # Checked by the guard; named here so that the OpenAPI document says it.
        api.include_router(router, dependencies=[Depends(_bearer)])

    @api.websocket("/v1/ws")
    async def stream(socket: WebSocket) -> None:
        await StreamSession(socket, supervision, heartbeat_seconds, stream_capacity).run()

    return api


def create_app(
    supervision: Supervision,
    token: str,
    *,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    stream_capacity: int = CAPACITY,
) -> ASGIApp:
    """Return the guarded application.

    Args:
        supervision: The supervisor this is the face of.
        token: What clients must send; new in each run.
        heartbeat_seconds: Time between heartbeats on the stream.
        stream_capacity: Updates a stream's client may lag behind.
    """
    api = create_api(
        supervision, heartbeat_seconds=heartbeat_seconds, stream_capacity=stream_capacity
    )
    return Guard(api, token)
