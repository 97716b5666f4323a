"""One exchange of ccxt, bounded: no proxies, redirects, retries or pacing of its own, no key.

Owns the library's object and what its failures mean. Imports ccxt and aiohttp; `load` is slow and
belongs into a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import ccxt

from trading_dashboard.agents.market_data.sources.contract import (
    NotOffered,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceRefusal,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.http import (
    MAX_BODY_BYTES,
    retry_after_seconds,
)

SHAPES = (TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError)
"""What parsers raise over an answer of a shape they do not expect."""
REFUSED = frozenset({401, 403, 407, 451})

SEEN: ContextVar[dict[str, Any]] = ContextVar("seen")
"""Status and headers of the newest answer to one question; others may be under way."""

Kinds = tuple[type[Exception], ...]
FAILURES: tuple[tuple[Kinds, type[SourceFailure], str], ...] = (
    ((ccxt.RateLimitExceeded, ccxt.DDoSProtection), SourceLimited, "has had enough requests"),
    ((ccxt.AuthenticationError, ccxt.RestrictedLocation), SourceRefusal, "refuses the request"),
    ((ccxt.BadSymbol,), UnknownToSource, "does not know the symbol"),
    ((ccxt.NotSupported,), NotOffered, "does not offer this"),
    ((ccxt.BadResponse, RecursionError, *SHAPES), SourceGarbled, "answered something unreadable"),
    ((ccxt.NetworkError, OSError, aiohttp.ClientError), SourceUnreachable, "cannot be reached"),
)


class _Bounded(aiohttp.ClientResponse):
    """An answer that is read up to a limit, and not fetched from elsewhere."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Begin; a redirect ends here."""
        started = await super().start(connection)
        if 300 <= self.status < 400:
            raise aiohttp.ClientConnectionError("redirect")
        return started

    async def read(self) -> bytes:
        """Return the body. Raises `ClientPayloadError` if it is too long or breaks off."""
        if self._body is not None:
            return self._body
        body = bytearray()
        try:
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise aiohttp.ClientPayloadError("too long")
        except (aiohttp.ClientError, OSError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            raise aiohttp.ClientPayloadError("broken off") from None
        self._body = bytes(body)
        return self._body


def load(exchange: str, has_stream: bool) -> Callable[[float, str, str], Client]:
    """Import the library, and return what makes a client of an exchange, in the loop.

    It takes seconds for a request, and addresses to use for the exchange's own or nothing.
    """
    logging.getLogger("ccxt").setLevel(logging.WARNING)  # it logs whole answers
    package = "ccxt.pro" if has_stream else "ccxt.async_support"
    module: ModuleType = importlib.import_module(f"{package}.{exchange}")
    context = ssl.create_default_context()

    def made(seconds: float, base_url: str, stream_url: str) -> Client:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=8),
            response_class=_Bounded,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        library = getattr(module, exchange)(
            {
                "enableRateLimit": False,
                "timeout": int(seconds * 1000),
                "session": session,
                "ssl_context": context,
                "asyncio_loop": asyncio.get_running_loop(),
                "options": {"maxRetriesOnFailure": 0, "tradesLimit": 10_000},
            }
        )
        return Client(f"ccxt:{exchange}", library, session, base_url, stream_url)

    return made


class Client:
    """The library's exchange, its answers' rows left alone and its errors made ours."""

    def __init__(
        self,
        source: str,
        library: Any,
        session: aiohttp.ClientSession,
        base_url: str,
        stream_url: str,
    ) -> None:
        self.library = library
        self._source = source
        self._session = session
        library.on_rest_response = self._noticed
        self._ended: Exception | None = None
        self._inner_client = library.client
        self._inner_close = library.on_close
        self._inner_error = library.on_error
        library.client, library.on_close, library.on_error = self._stream, self._closed, self._erred
        # The library's own sorts rows and leaves out those without a time.
        library.parse_ohlcvs = self._rows
        # It makes up a last price from others, and fails over texts that are no numbers.
        library.safe_ticker = library.safe_trade = _as_told
        _only_spot(library.options)
        library.urls["api"] = _moved(library.urls["api"], base_url, stream_url)

    async def close(self) -> None:
        """Close all connections."""
        await self.library.close()
        await self._session.close()

    async def watch(self, verb: str, *arguments: Any) -> Any:
        """Return the next of a stream, which ends with the first failure of its connection.

        The library would connect again by itself, and what was missed would not be known.
        """
        if (ended := self._ended) is not None:
            raise self._failure(ended, {})
        return await self.ask(verb, *arguments)

    async def leave_stream(self) -> None:
        """Close the streams only, so that they can be begun anew."""
        await self.library.close_ws_clients()
        self._ended = None

    async def ask(self, verb: str, *arguments: Any) -> Any:
        """Return what a method of the library brings. Raises `SourceFailure`."""
        seen: dict[str, Any] = {}
        SEEN.set(seen)
        try:
            return await getattr(self.library, verb)(*arguments)
        except SourceFailure:
            raise
        except (ccxt.BaseError, aiohttp.ClientError, OSError, RecursionError, *SHAPES) as error:
            failure = self._failure(error, seen)
        # Raised here, where no error of the library is being handled: none becomes its context.
        raise failure

    def _failure(self, error: Exception, seen: dict[str, Any]) -> SourceFailure:
        """Return what an error means, told by its kind and status: its text has the answer."""
        status = seen.get("status", 0)
        observed = f"{type(error).__name__}, HTTP {status}" if status else type(error).__name__
        if status in REFUSED:
            return SourceRefusal(f"{self._source} refuses the request ({observed}).")
        if isinstance(error.__cause__, aiohttp.ClientError) and not isinstance(
            error.__cause__, aiohttp.ClientConnectionError
        ):
            return SourceGarbled(f"{self._source}: the answer broke off ({observed}).")
        wait = None
        if status in {418, 429, 503}:
            wait = retry_after_seconds(seen["headers"].get("Retry-After"))
        for kinds, failure, words in FAILURES:
            if isinstance(error, kinds):
                return failure(f"{self._source} {words} ({observed}).", retry_after=wait)
        return SourceRefusal(f"{self._source} refuses the request ({observed}).")

    def _stream(self, url: str) -> Any:
        """Return the library's connection, its frames read so that a bad one is told."""
        made = self._inner_client(url)
        read = made.handle_message
        if read == getattr(made, "guarded", None):
            return made

        def guarded(message: Any) -> None:
            # Past the library, an error here is logged, and the stream goes silent for good.
            try:
                read(message)
            except (ccxt.BaseError, aiohttp.ClientError, RecursionError, *SHAPES):
                made.on_error(ccxt.BadResponse("frame"))

        made.handle_message = made.guarded = guarded
        return made

    def _closed(self, client: Any, code: Any) -> None:
        self._ended = self._ended or ccxt.NetworkError("closed")
        self._inner_close(client, code)

    def _erred(self, client: Any, error: Exception) -> None:
        self._ended = self._ended or error
        self._inner_error(client, error)

    def _noticed(self, status: int, *rest: Any) -> str:
        """Note an answer's status and headers, before it is judged, and return its body."""
        _, _, _, headers, body, *_ = rest
        SEEN.get().update(status=status, headers=headers)
        return str(body)

    def _rows(self, told: Any, market: Any = None, *_: Any, **__: Any) -> list[object]:
        if not isinstance(told, list):
            raise SourceGarbled(f"{self._source} answered no list of rows.")
        return [self._row(one, market) for one in told]

    def _row(self, told: Any, market: Any) -> object:
        try:
            return self.library.parse_ohlcv(told, market)
        except SHAPES:
            return None


def _as_told(told: dict[str, Any], *_: Any) -> dict[str, Any]:
    return told


def _only_spot(options: dict[str, Any]) -> None:
    """Load no markets of derivatives, where that can be chosen: they are most of them."""
    chosen = options.get("fetchMarkets")
    types = chosen.get("types") if isinstance(chosen, dict) else None
    if isinstance(types, list) and "spot" in types:
        options["fetchMarkets"] = {**options["fetchMarkets"], "types": ["spot"]}


def _moved(addresses: Any, base_url: str, stream_url: str) -> Any:
    """Return addresses at other hosts, their paths kept."""
    if isinstance(addresses, dict):
        return {name: _moved(one, base_url, stream_url) for name, one in addresses.items()}
    if not isinstance(addresses, str):
        return addresses
    parts = urlsplit(addresses)
    is_stream = parts.scheme.startswith("ws")
    if not (target := stream_url if is_stream else base_url):
        return addresses
    base = urlsplit(target)
    scheme = {"http": "ws", "https": "wss"}[base.scheme] if is_stream else base.scheme
    return urlunsplit((scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))
