"""HTTP to a provider: one question, bounded in time and size, its failures in our words.

Owns the connection and where the key travels. The key joins a request below httpx, in the
transport, so that no request, response, exception or log line of httpx ever holds it; whatever the
provider or a library writes is rid of it before it is shown. Retries and limits are `choosing`'s.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

from trading_dashboard import __version__
from trading_dashboard.agents.market_data.sources.contract import (
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceMisconfigured,
    SourceRefusal,
    SourceUnreachable,
)
from trading_dashboard.agents.market_data.sources.keys import where_to_put
from trading_dashboard.agents.market_data.sources.options import SourceOptions

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_WORDS = 200
"""So many characters of what a provider says are passed on."""
DEADLINE_SECONDS = 20.0
MAX_RETRY_AFTER_SECONDS = 86_400.0
REDACTED = "[redacted]"

LOGGERS = tuple(
    logging.getLogger(name)
    for name in (
        "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
        "httpcore.socks",
    )
)  # fmt: skip
"""Who may write addresses and headers."""
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})

Parameters = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key and where it goes: a parameter of the query, or a header with a scheme before it."""

    key: str = field(repr=False)
    parameter: str = ""
    header: str = ""
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status below 500 that is no redirect and no 429, and the whole body."""

    status: int
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Return whether it was answered as asked."""
        return self.status < 300


class ProviderConnection:
    """Asks one provider. Made without I/O; `get` between `open` and `close`, from one loop."""

    def __init__(
        self, options: SourceOptions, default_url: str, credential: Credential | None = None
    ) -> None:
        """Take the options ``base_url`` and ``timeout_seconds``. Raises `SourceMisconfigured`."""
        self.source = options.source
        self._url = checked_url(options, options.text("base_url", default_url))
        self._deadline = options.number("timeout_seconds", DEADLINE_SECONDS, 0.05, 300)
        self._credential = credential
        self._veil = _Veil(credential.key if credential else "")
        self._client: httpx.AsyncClient | None = None
        self._under_way: set[asyncio.Timeout] = set()

    async def open(self) -> None:
        """Get ready; connects to nothing."""
        if self._client is not None:
            return
        is_https = self._url.scheme == "https"
        context = await asyncio.to_thread(httpx.create_ssl_context) if is_https else False
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=30)
        transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        self._client = httpx.AsyncClient(
            base_url=self._url,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"trading-dashboard/{__version__}",
            },
            transport=_WithCredential(transport, self._credential),
            timeout=self._deadline,
            follow_redirects=False,
            trust_env=False,
        )
        for logger in LOGGERS:
            logger.addFilter(self._veil)

    async def close(self) -> None:
        """Close all connections; questions under way fail."""
        client, self._client = self._client, None
        if client is None:
            return
        for timeout in [one for one in self._under_way if not one.expired()]:
            timeout.reschedule(asyncio.get_running_loop().time())
        await client.aclose()
        for logger in LOGGERS:
            logger.removeFilter(self._veil)

    async def get(self, path: str, parameters: Parameters) -> Answer:
        """Return the answer to one question; the key is added here.

        Raises:
            SourceUnreachable: No answer in time, the provider's own fault, or a redirect.
            SourceLimited: 429.
            SourceGarbled: The answer broke off, is too long, or no HTTP.
        """
        answer = await self._exchange(path, parameters)
        # Raised here, where no error of a library is being handled: none becomes its context.
        if isinstance(answer, SourceFailure):
            raise answer
        return answer

    def parsed(self, answer: Answer, **options: Any) -> Any:
        """Return an answer's JSON; NaN and Infinity are read. Raises `SourceGarbled`."""
        try:
            return json.loads(answer.body, **options)
        except (ValueError, RecursionError) as error:
            problem = type(error).__name__
            if isinstance(error, json.JSONDecodeError):
                problem = f"{error.msg} at character {error.pos}"
        raise SourceGarbled(
            f"{self.source} answered {len(answer.body)} bytes that are not whole JSON ({problem})."
        )

    def refused(self, answer: Answer) -> SourceFailure:
        """Return what a status of 400 to 499 means, if the provider did not say it better."""
        said = self.words_of(answer.body)
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return SourceRefusal(
                f"{self.source} refuses the request (HTTP {answer.status}){said} "
                f"Check the key and what its plan includes. {where_to_put(self.source)}"
            )
        if answer.status == HTTPStatus.REQUEST_TIMEOUT:
            return SourceUnreachable(f"{self.source} gave up waiting (HTTP 408).")
        return SourceRefusal(f"{self.source} refuses the request (HTTP {answer.status}){said}")

    def plain(self, text: object) -> str:
        """Return what somebody else wrote, without the key, on one line, and bounded."""
        words = " ".join(self._veil.over(str(text)).split())
        words = "".join(letter if letter.isprintable() else "?" for letter in words)
        return words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 1]}…"

    def words_of(self, body: bytes) -> str:
        """Return ``: "what the provider says".``, or a full stop if it said nothing readable."""
        try:
            told: Any = json.loads(body[: 64 * 1024])
        except (ValueError, RecursionError):
            return "."
        said = told.get("message", told.get("error")) if isinstance(told, dict) else None
        return f': "{self.plain(said)}".' if isinstance(said, str) and said.strip() else "."

    async def _exchange(self, path: str, parameters: Parameters) -> Answer | SourceFailure:
        """Return the answer, or the failure that it is."""
        if self._client is None:
            return SourceUnreachable(f"{self.source} is not open.")
        has_begun = False
        timeout = asyncio.timeout(self._deadline)
        try:
            async with timeout:
                self._under_way.add(timeout)
                async with self._client.stream("GET", path, params=dict(parameters)) as response:
                    has_begun = True
                    return await self._read(response)
        except (TimeoutError, httpx.TimeoutException):
            return self._late(has_begun)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            return self._broken(error, has_begun)
        finally:
            self._under_way.discard(timeout)

    async def _read(self, response: httpx.Response) -> Answer | SourceFailure:
        status = response.status_code
        if 300 <= status < 400 or status < 200:
            host = self.plain(response.headers.get("location", "nowhere")).partition("?")[0]
            return SourceUnreachable(
                f"{self.source} answered with a redirect (HTTP {status}) to {host}. It is not "
                "followed, since the key would go there. Check the network and base_url."
            )
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return SourceGarbled(
                    f"{self.source} answered more than {MAX_BODY_BYTES // 2**20} MiB: not read. "
                    "Ask for a shorter range."
                )
        wait = retry_after_seconds(response.headers.get("retry-after"))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            said = self.words_of(bytes(body))
            return SourceLimited(
                f"{self.source} has had enough requests (HTTP 429){said}",
                retry_after=wait if wait is not None else wait_in(said),
            )
        if status >= 500:
            said = self.words_of(bytes(body))
            return SourceUnreachable(
                f"{self.source} failed by itself (HTTP {status}){said}", retry_after=wait
            )
        return Answer(status, bytes(body))

    def _late(self, has_begun: bool) -> SourceFailure:
        if self._client is None:
            return SourceUnreachable(f"{self.source} was closed while it was asked.")
        observed = "its answer was not complete" if has_begun else "it did not answer"
        return SourceUnreachable(f"{self.source}: {observed} within {self._deadline:g} s.")

    def _broken(self, error: Exception, has_begun: bool) -> SourceFailure:
        if self._client is None:
            return SourceUnreachable(f"{self.source} was closed while it was asked.")
        observed = f"{type(error).__name__}: {self.plain(error)}"
        if has_begun:
            return SourceGarbled(f"{self.source}: the answer broke off ({observed}).")
        is_silent = "disconnected" in str(error)
        if isinstance(error, httpx.RemoteProtocolError) and not is_silent:
            return SourceGarbled(f"{self.source} does not answer in HTTP ({observed}).")
        return SourceUnreachable(
            f"{self.source} cannot be reached at {self._url.host} ({observed})."
        )


def wait_in(words: str) -> float | None:
    """Return the seconds after which a limit that is told in words is over, as far as it says."""
    for pattern, seconds in ((r"\bsecond", 1.0), (r"\bminute", 60.0)):
        if re.search(pattern, words) and not re.search(r"\bday\b|\bdaily\b", words):
            return seconds
    return None


class _Veil(logging.Filter):
    """Takes one key out of texts and log records, however it is written there."""

    def __init__(self, key: str) -> None:
        super().__init__()
        forms = {key, quote(key, safe=""), quote(key), quote_plus(key), json.dumps(key)[1:-1]}
        shapes = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._pattern = re.compile(shapes, re.IGNORECASE) if key else None

    def over(self, text: str) -> str:
        """Return the text without the key."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record; let all pass."""
        record.msg, record.args = self.over(record.getMessage()), ()
        return True


class _WithCredential(httpx.AsyncBaseTransport):
    """Adds the key to a request's copy, below everything that logs or keeps requests."""

    def __init__(self, inner: httpx.AsyncBaseTransport, credential: Credential | None) -> None:
        self._inner = inner
        self._credential = credential

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the copy."""
        if (credential := self._credential) is None:
            return await self._inner.handle_async_request(request)
        url, headers = request.url, request.headers.copy()
        if credential.parameter:
            url = url.copy_set_param(credential.parameter, credential.key)
        if credential.header:
            headers[credential.header] = f"{credential.scheme} {credential.key}".strip()
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                url,
                headers=headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def checked_url(options: SourceOptions, text: str, name: str = "base_url") -> httpx.URL:
    """Return the address an option names: https, or plain http to this machine."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise options.wrong(name, "(not shown)", "this is no address.") from None
    if url.userinfo or url.query or url.fragment or not url.host:
        remedy = "use an address without user, query or fragment."
        raise options.wrong(name, f"{url.scheme}://{url.host}", remedy)
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        remedy = "use https, since a key and prices travel there; http only to this machine."
        raise options.wrong(name, f"{url.scheme}://{url.host}", remedy)
    return url


def _is_loopback(host: str) -> bool:
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def retry_after_seconds(value: str | None) -> float | None:
    """Return the seconds of a header that has seconds or a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None


def key_needed(source: str, key: str | None) -> str:
    """Return the key. Raises `SourceMisconfigured`, saying where to put one, without."""
    if not key:
        raise SourceMisconfigured(f"{source} needs a key. {where_to_put(source)}")
    return key
