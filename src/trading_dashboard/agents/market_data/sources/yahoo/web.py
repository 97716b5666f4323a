"""Yahoo's HTTP endpoints, asked by yfinance's own means: its session, its cookie and crumb.

Owns the connection and what its failures mean. yfinance renews, repeats and caches on its own
account; here each question goes out once, within one deadline, past proxies and caches. Blocks:
only used in `worker`'s thread. Imports yfinance, and pandas with it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from curl_cffi import CurlECode, CurlOpt
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import RequestException, Timeout
from yfinance import cache
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError

from trading_dashboard.agents.market_data.sources.contract import (
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceRefusal,
    SourceUnreachable,
)
from trading_dashboard.agents.market_data.sources.http import (
    MAX_BODY_BYTES,
    retry_after_seconds,
)

DATA = "https://query2.finance.yahoo.com"
COOKIE_HOST = "fc.yahoo.com"
CRUMB_PATH = "/v1/test/getcrumb"
MAX_CRUMB = 64
GARBLED_CODES = frozenset({1, 8, 18, 23, 61, 63, 92})
"""libcurl's: no HTTP, cut short, not decodable, or too long."""

Parameters = Mapping[str, str | int]
Answer = tuple[int, Mapping[str, Any]]


class _NoCrumb(YFRateLimitError):  # type: ignore[misc] # ships no types
    """There is no cookie or crumb to be had; yfinance asks without, which charts allow."""


class _Bounded(Session[Response]):
    """A session with a deadline for all requests of one question, that repeats none."""

    def __init__(self, base_url: str) -> None:
        super().__init__(
            impersonate="chrome",
            trust_env=False,
            curl_options={CurlOpt.MAXFILESIZE_LARGE: MAX_BODY_BYTES, CurlOpt.NOPROXY: "*"},
        )
        self.refused: Response | None = None
        self._until = 0.0
        self._base_url = base_url
        self._cookie: Response | None = None

    def begin(self, until: float) -> None:
        """Take a question's deadline."""
        self.refused, self._until = None, until

    def request(self, method: Any, url: str, **options: Any) -> Response:  # type: ignore[override]
        """Send one request, as far as time is left."""
        parts = urlsplit(url)
        if parts.hostname == COOKIE_HOST:
            return self._greeted(method, url, options)
        if parts.path == CRUMB_PATH:
            return self._crumb(method, url, options)
        if f"{parts.scheme}://{parts.netloc}" != DATA:
            raise _NoCrumb  # consent forms are for people to agree to
        response = self._send(method, url, {**options, "allow_redirects": False})
        if not 200 <= response.status_code < 300:
            # Seen by yfinance it would be asked again, up to five times.
            self.refused = response
            raise YFException("refused")
        return response

    def _greeted(self, method: Any, url: str, options: dict[str, Any]) -> Response:
        """Return the page that sets the cookie, asked for once."""
        if self._cookie is None:
            try:
                self._cookie = self._send(method, url, options)
            except RequestException:
                raise _NoCrumb from None
        return self._cookie

    def _crumb(self, method: Any, url: str, options: dict[str, Any]) -> Response:
        """Return the crumb; what is none would be kept and sent as one."""
        try:
            response = self._send(method, url, options)
        except RequestException:
            raise _NoCrumb from None
        crumb = response.text
        if (
            response.status_code != 200
            or not 0 < len(crumb) <= MAX_CRUMB
            or set(crumb) & set("<{ ")
        ):
            raise _NoCrumb
        return response

    def _send(self, method: Any, url: str, options: dict[str, Any]) -> Response:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Timeout("no time left", CurlECode.OPERATION_TIMEDOUT)
        options["timeout"] = left
        return super().request(method, self._address(url), **options)

    def _address(self, url: str) -> str:
        if not self._base_url:
            return url
        base, parts = urlsplit(self._base_url), urlsplit(url)
        path = base.path.rstrip("/") + parts.path
        return urlunsplit((base.scheme, base.netloc, path, parts.query, ""))


class Web:
    """Asks Yahoo."""

    def __init__(self, source: str, base_url: str, cache_directory: str) -> None:
        self._source = source
        self._base_url = base_url
        # Debug lines of yfinance have the crumb.
        logging.getLogger("yfinance").setLevel(logging.ERROR)
        # Kept in memory by the session; on disk it would be pickled, by default in the home.
        cache.set_cache_location(cache_directory)
        cache._CookieCacheManager._Cookie_cache = cache._CookieCacheDummy()
        self._renew()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, path: str, parameters: Parameters, until: float) -> Answer:
        """Return the status and the JSON object of one answer; NaN and Infinity are read.

        Args:
            path: Of Yahoo's second host.
            parameters: Of the question.
            until: Monotonic time by which it is over.

        Raises:
            SourceFailure: There is none; one of 4xx that says in JSON what is wrong is one.
        """
        outcome = self._exchange(path, parameters, until)
        # Raised here, where no error of a library is being handled: none becomes its context.
        if isinstance(outcome, SourceFailure):
            raise outcome
        return outcome

    def _exchange(self, path: str, parameters: Parameters, until: float) -> Answer | SourceFailure:
        self._session.begin(until)
        try:
            response = self._yahoo.get(f"{DATA}{path}", params=dict(parameters), timeout=1)
        except RequestException as error:
            return self._broken(error)
        except (YFException, OSError, ValueError) as error:
            if (refused := self._session.refused) is not None:
                return self._refusal(refused)
            return SourceUnreachable(f"{self._source} failed ({type(error).__name__}).")
        return self._parsed(response)

    def _parsed(self, response: Response) -> Answer | SourceFailure:
        body = response.content
        try:
            told: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            return SourceGarbled(
                f"{self._source} answered {len(body)} bytes that are not whole JSON "
                f"({type(error).__name__})."
            )
        if not isinstance(told, dict):
            return SourceGarbled(f"{self._source} answered JSON that is no object.")
        return response.status_code, told

    def _refusal(self, response: Response) -> Answer | SourceFailure:
        status = response.status_code
        wait = retry_after_seconds(response.headers.get("retry-after"))
        if status == 429:
            return SourceLimited(
                f"{self._source} has had enough requests (HTTP 429).", retry_after=wait
            )
        if status >= 500:
            return SourceUnreachable(
                f"{self._source} failed by itself (HTTP {status}).", retry_after=wait
            )
        if status < 400:
            return SourceUnreachable(
                f"{self._source} answered with a redirect (HTTP {status}), which is not followed. "
                "Check the network."
            )
        told = self._parsed(response)
        if status == 401 and b"Crumb" in response.content:
            self._renew()
            return SourceUnreachable(f"{self._source} let our session run out; a new one is made.")
        if status in {401, 403} or isinstance(told, SourceFailure):
            return SourceRefusal(f"{self._source} refuses the request (HTTP {status}).")
        return told

    def _broken(self, error: RequestException) -> SourceFailure:
        observed = f"{type(error).__name__}, libcurl {int(error.code)}"
        if isinstance(error, Timeout):
            return SourceUnreachable(f"{self._source} did not answer in time ({observed}).")
        has_begun = getattr(error.response, "status_code", 0) != 0
        if int(error.code) in GARBLED_CODES or has_begun:
            return SourceGarbled(f"{self._source}: the answer broke off ({observed}).")
        return SourceUnreachable(f"{self._source} cannot be reached ({observed}).")

    def _renew(self) -> None:
        self._session = _Bounded(self._base_url)
        # The class hands out one instance for the process, and with it one session.
        self._yahoo: Any = type.__call__(YfData, self._session)
