"""Serving the control API inside the supervisor's own event loop.

Owns uvicorn's life. uvicorn handles no signal here: they belong to the
supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from trading_dashboard.control_api.listening import BACKLOG

MAX_MESSAGE_BYTES = 64 * 1024
STARTUP_DEADLINE_SECONDS = 10.0
SHUTDOWN_DEADLINE_SECONDS = 1


class ControlServer:
    """One server, started and closed once.

    Attributes:
        url: The base address, such as ``http://127.0.0.1:40123``.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        config = uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=SHUTDOWN_DEADLINE_SECONDS,
        )
        logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; return as soon as requests are answered."""
        serving = asyncio.create_task(self._server.serve([self._listener]), name="control API")
        self._serving = serving
        async with asyncio.timeout(STARTUP_DEADLINE_SECONDS):
            while not self._server.started:
                if serving.done():
                    await serving
                    raise RuntimeError("the control API ended while it was starting")
                await asyncio.sleep(0.005)

    async def aclose(self) -> None:
        """Close every connection, long-lived ones at once, and end."""
        serving, self._serving = self._serving, None
        if serving is None:
            self._listener.close()
            return
        self._server.should_exit = True
        await serving


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Return False for a refused WebSocket handshake, which uvicorn takes for an error."""
    return "without completing handshake" not in record.msg


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
