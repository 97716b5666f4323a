"""Running an agent: its socket, its signals, its exit.

Owns the life of the process around the application. TERM and INT end it gracefully, within a
second even if a client does not cooperate; a second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence

import uvicorn

from trading_dashboard.agents.kit.app import AgentApp
from trading_dashboard.agents.kit.environment import AgentEnvironment, read_environment
from trading_dashboard.agents.kit.http_protocol import BoundedHttp
from trading_dashboard.agents.kit.logs import configure_logging
from trading_dashboard.agents.kit.memory import bound_arenas
from trading_dashboard.agents.kit.signals import call_on_stop_signals
from trading_dashboard.agents.kit.sockets import AgentSocket
from trading_dashboard.models.errors import (
    ConfigurationError,
    PortInUse,
    SourceRefused,
    TradingDashboardError,
)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CONFIGURATION = 2

SWITCH_SECONDS = 0.0005
"""After so long a thread hands over to one that waits. The event loop works in bits of less than a
millisecond; beside a thread that computes, each would wait for Python's usual 5 ms."""
_CLOSING_SECONDS = 0.2
_STUCK_SECONDS = 0.5
_BACKLOG = 512
_MAX_MESSAGE_BYTES = 16 * 1024

Build = Callable[[AgentEnvironment], AgentApp]

logger = logging.getLogger(__name__)


def run_agent(
    name: str, build: Build, *, default_port: int, arguments: Sequence[str] | None = None
) -> int:
    """Run an agent until it is asked to stop; return the process's exit code.

    Args:
        name: The agent's name when it runs by itself.
        build: Makes the application; may raise our errors, which are told on standard error.
        default_port: Used when neither option nor environment names one.
        arguments: The command line, without the program; `sys.argv` if None.
    """
    os.umask(0o077)  # what an agent writes is its owner's alone
    bound_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    configure_logging()
    try:
        environment = read_environment(name, default_port, arguments)
        with _bound_socket(environment) as listener:
            app = build(environment)
            asyncio.run(_serve(app, environment, listener))
    except (ConfigurationError, SourceRefused) as error:
        return _refuse(name, error, EXIT_CONFIGURATION)
    except TradingDashboardError as error:
        return _refuse(name, error, EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_FAILED
    return EXIT_OK


class AgentServer(uvicorn.Server):
    """uvicorn without its signal handlers, waiting for an event instead of polling for it."""

    def __init__(self, config: uvicorn.Config, app: AgentApp) -> None:
        super().__init__(config)
        self._agent = app
        self._stopping = asyncio.Event()

    def request_stop(self, received: signal.Signals) -> None:
        """Begin to stop; a second call stops at once."""
        if self._stopping.is_set():
            self.force_exit = True
        logger.info("Received %s, stopping", received.name)
        self._stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `run_agent` owns them."""
        yield

    async def main_loop(self) -> None:
        """Serve until asked to stop, then let the agent close its connections."""
        counter = 0
        gc.freeze()  # what was loaded to start stays: the collector need not look through it again
        while not self._stopping.is_set():
            await self.on_tick(counter)
            counter += 10  # uvicorn renews its Date header at every tenth
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stopping.wait()
        gc.unfreeze()  # libraries look at the end whether all of theirs was collected
        for close in self._agent.before_exit:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything; connections whose reader is stuck are cut."""
        cut = asyncio.get_running_loop().call_later(_STUCK_SECONDS, self._cut_connections)
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()

    def _cut_connections(self) -> None:
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()


async def _serve(app: AgentApp, environment: AgentEnvironment, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        host=environment.host,
        loop="asyncio",
        http=BoundedHttp,
        ws=AgentSocket,
        ws_max_size=_MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        backlog=_BACKLOG,
    )
    server = AgentServer(config, app)
    call_on_stop_signals(asyncio.get_running_loop(), server.request_stop)
    host, port = listener.getsockname()[:2]
    logger.info("%s serves http://%s:%s", environment.name, host, port)
    await server.serve([listener])
    logger.info("%s has stopped", environment.name)


@contextlib.contextmanager
def _bound_socket(environment: AgentEnvironment) -> Iterator[socket.socket]:
    """Bind the port before anything slow begins, so that a conflict is told at once."""
    family = socket.AF_INET6 if ":" in environment.host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is; without
    # that, each small answer waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        if sys.platform != "win32":  # there it lets two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((environment.host, environment.port))
        except OSError as error:
            raise PortInUse(
                f"Cannot serve on {environment.host}:{environment.port}.",
                subject=environment.name,
                observed=error.strerror or str(error),
                next_step="Stop what holds the port, or choose another with --port.",
            ) from error
        yield listener


def _refuse(name: str, error: TradingDashboardError, code: int) -> int:
    observed = f" Observed: {error.observed}." if error.observed is not None else ""
    next_step = f" {error.next_step}" if error.next_step else ""
    sys.stderr.write(f"{name} cannot run: {error.message}{observed}{next_step}\n")
    sys.stderr.flush()
    return code
