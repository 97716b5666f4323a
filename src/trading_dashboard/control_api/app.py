"""The ASGI application: routes, stream, guard and error shapes put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, WebSocket
from starlette.types import ASGIApp

from trading_dashboard import __version__
from trading_dashboard.control_api.errors import install_error_handlers
from trading_dashboard.control_api.face import refuse_unknown_parameters
from trading_dashboard.control_api.guard import Guard
from trading_dashboard.control_api.routes import create_routers
from trading_dashboard.control_api.stream import CAPACITY, HEARTBEAT_SECONDS, StreamSession
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.control_api.verbs import VerbsUnderWay

_ABOUT = """Start, stop and watch the agents of one running supervisor. Loopback only.

Every error has the shape of `ErrorAnswer`. The role a route needs stands beside its security
scheme; an operator may do what a reader may. `/v1/ws` is a WebSocket for both: see
docs/control-api.md.
"""


def create_api(
    supervision: Supervision,
    tokens: Tokens,
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
        description=_ABOUT,
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    install_error_handlers(api)
    for router in create_routers(supervision, verbs, tokens):
        api.include_router(router, dependencies=[Depends(refuse_unknown_parameters)])

    @api.websocket("/v1/ws")
    async def stream(socket: WebSocket) -> None:
        await StreamSession(socket, supervision, heartbeat_seconds, stream_capacity).run()

    return api


def create_app(
    supervision: Supervision,
    tokens: Tokens,
    *,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    stream_capacity: int = CAPACITY,
) -> ASGIApp:
    """Return the guarded application.

    Args:
        supervision: The supervisor this is the face of.
        tokens: What clients must send; new in each run.
        heartbeat_seconds: Time between heartbeats on the stream.
        stream_capacity: Updates a stream's client may lag behind.
    """
    api = create_api(
        supervision, tokens, heartbeat_seconds=heartbeat_seconds, stream_capacity=stream_capacity
    )
    return Guard(api, tokens)
