"""Connections that are kept for the next request, without its failing because of that.

A server closes a connection that nobody used for a while, most of ours after 5 s. A request sent in
that very moment is answered by nothing. Owns what happens then: a read is asked once more on a
connection of its own; a change is never sent twice, and so never on a kept connection.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

KEPT_SECONDS = 2.0
"""Shorter than servers wait (5 s is usual), so that reads, too, seldom meet a closed connection."""
_READS = ("GET", "HEAD")
_CLOSED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)


class SteadyTransport(httpx.AsyncBaseTransport):
    """A transport for `httpx.AsyncClient`; no proxy of the environment is used."""

    def __init__(
        self,
        *,
        max_connections: int = 100,
        max_kept: int = 20,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        """Make a transport without connections.

        Args:
            max_connections: At once for reads, and as many for what is sent alone.
            max_kept: Connections that wait for the next read.
            kept_seconds: How long they do.
        """
        self._kept = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(
                max_connections=max_connections,
                max_keepalive_connections=max_kept,
                keepalive_expiry=kept_seconds,
            ),
        )
        self._alone = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        await self._kept.__aenter__()
        await self._alone.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self._kept.__aexit__(kind, error, trace)
        await self._alone.__aexit__(kind, error, trace)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises as `httpx.AsyncHTTPTransport` does."""
        if request.method not in _READS:
            return await self._alone.handle_async_request(request)
        try:
            return await self._kept.handle_async_request(request)
        except _CLOSED:
            return await self._alone.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._kept.aclose()
        await self._alone.aclose()
