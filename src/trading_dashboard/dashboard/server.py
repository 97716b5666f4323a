"""The dashboard's server: one ASGI app on one loopback port.

Owns how Streamlit is configured and served, and how serving ends. Open WebSockets never delay the
end: they are closed, and what does not finish is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from trading_dashboard.clients.steady import SteadyTransport
from trading_dashboard.dashboard.desk_files import DeskFiles, dashboard_settings
from trading_dashboard.dashboard.gateway import Upstreams, gateway_routes
from trading_dashboard.dashboard.guard import Guard
from trading_dashboard.dashboard.login_page import LoginPage
from trading_dashboard.dashboard.page import page_routes
from trading_dashboard.dashboard.sessions import Sessions

HOST = "127.0.0.1"
SCRIPT = Path(__file__).with_name("main.py")
GRACE_SECONDS = 0.3


def streamlit_options(port: int) -> dict[str, Any]:
    """Return how Streamlit is set up: closed by default, quiet, nothing that wakes up idly."""
    return {
        "server.address": HOST,
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": ["localhost", HOST, "::1"],
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableAgentApi": False,
        "server.enableWebsocketCompression": False,
        "server.maxUploadSize": 1,
        "server.disconnectedSessionTTL": 30,
        "browser.gatherUsageStats": False,
        # A full collection after each run costs more than the run and stalls the sockets.
        "runner.postScriptGC": False,
        "runner.magicEnabled": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.showSidebarNavigation": False,
        "logger.hideWelcomeMessage": True,
        "theme.base": "dark",
    }


class DeskServer(uvicorn.Server):
    """uvicorn, ended by a flag; the signals are the process's own business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signal handlers alone."""
        yield


def cookie_name(port: int) -> str:
    """Return the session cookie's name; cookies know no ports, so the name carries it."""
    return f"td_session_{port}"


def guarded_app(port: int, files: DeskFiles) -> ASGIApp:
    """Return the whole application: Streamlit, the gateway and the login behind the guard."""
    import streamlit as st

    settings = dashboard_settings()
    sessions = Sessions(files.login_key, files.run_directory / "used-logins")
    client = httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        transport=SteadyTransport(max_connections=64, max_kept=8),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        yield
        await client.aclose()

    routes: list[BaseRoute] = [
        Route("/health", _health, methods=["GET"]),
        Route("/login", LoginPage(sessions, cookie_name(port)).__call__, methods=["GET"]),
        *gateway_routes(Upstreams(files, client), client, sessions),
        *page_routes(),
    ]
    guard = Middleware(
        Guard,
        sessions=sessions,
        allowed_hosts=settings.allowed_hosts,
        cookie_name=cookie_name(port),
    )
    return st.App(SCRIPT, lifespan=lifespan, routes=routes, middleware=[guard])


def serve(port: int) -> int:
    """Serve on loopback until SIGTERM or SIGINT. Returns the exit code."""
    try:
        listener = _listen(port)
    except OSError as error:
        sys.stderr.write(f"The dashboard cannot listen on {HOST}:{port}: {error.strerror}.\n")
        return 1
    actual_port: int = listener.getsockname()[1]
    _configure_streamlit(actual_port)
    app = guarded_app(actual_port, DeskFiles.from_environment())
    server = DeskServer(
        uvicorn.Config(
            app,
            host=HOST,
            port=actual_port,
            ws="websockets-sansio",
            ws_max_size=4 * 1024 * 1024,
            ws_per_message_deflate=False,
            # The login link must not be written anywhere.
            access_log=False,
            log_level="warning",
            server_header=False,
            # Declared as whole seconds, but only handed to `asyncio.wait_for`.
            timeout_graceful_shutdown=GRACE_SECONDS,  # type: ignore[arg-type]
        )
    )
    _end_on_signals(server)
    gc.freeze()
    sys.stdout.write(f"Dashboard listening on http://localhost:{actual_port}\n")
    sys.stdout.flush()
    asyncio.run(server.serve(sockets=[listener]))
    return 0


def _listen(port: int) -> socket.socket:
    # Named protocol: without it asyncio leaves Nagle on, and small answers wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(256)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _configure_streamlit(port: int) -> None:
    from streamlit import config
    from streamlit.web import bootstrap

    config._main_script_path = str(SCRIPT)
    bootstrap.load_config_options(streamlit_options(port))


def _end_on_signals(server: DeskServer) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # BREAK is how a supervisor asks on Windows, and only there.
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "healthy", "agent": "dashboard"})
