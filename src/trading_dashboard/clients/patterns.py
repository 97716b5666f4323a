"""The pattern recognition agent's typed client.

Owns its paths, paging, which class an error becomes, and a stream that comes back after an
interruption. Models are those of `models.patterns`, `models.pattern_api`, `models.pattern_context`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from trading_dashboard.clients.json_client import JsonClient
from trading_dashboard.models.errors import (
    DataUnavailable,
    Forbidden,
    InvalidBars,
    InvalidParameter,
    PatternError,
    ScanQueueFull,
    ScanUnavailable,
    TradingDashboardError,
    UnknownIndicator,
    UnknownPattern,
    UnknownScan,
    UnknownSymbol,
)
from trading_dashboard.models.market import Interval
from trading_dashboard.models.pattern_api import (
    PATTERN_MESSAGE,
    ConfidenceResponse,
    HistoryResponse,
    HistoryRow,
    OwnBars,
    PatternOperation,
    PatternReset,
    PatternStreamMessage,
    ScanOrder,
    ScanResult,
    ScanStatus,
    SignalsResponse,
)
from trading_dashboard.models.pattern_context import (
    ContextResponse,
    IndicatorResponse,
    IndicatorsResponse,
    LevelsResponse,
)
from trading_dashboard.models.patterns import (
    CatalogueResponse,
    PatternKind,
    PatternsResponse,
    PatternState,
)

SILENCE_SECONDS = 5.0
"""The agent sends a heartbeat each second; after this long without a word the stream is dead."""
FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""A snapshot of 2,000 detections with their worth fits."""
PAGE = 500


class PatternsUnavailable(PatternError):
    """The agent does not answer, or answers what cannot be understood."""

    code = "patterns_unavailable"


class PatternsRefused(PatternError):
    """The agent refused in a way that has no class of its own. `api_code` is its code."""

    code = "patterns_refused"

    def __init__(self, message: str, *, api_code: str = "", **about: Any) -> None:
        super().__init__(message, **about)
        self.api_code = api_code


class PatternClient(JsonClient):
    """Asks one pattern recognition agent. Use it as an async context manager."""

    _ERRORS: ClassVar[dict[str, type[TradingDashboardError]]] = {
        kind.code: kind
        for kind in (
            UnknownSymbol, UnknownPattern, UnknownIndicator, UnknownScan, InvalidParameter,
            InvalidBars, ScanQueueFull, ScanUnavailable, DataUnavailable, Forbidden,
        )
    }  # fmt: skip

    async def patterns(
        self,
        symbol: str,
        *,
        timeframe: Interval = "1d",
        kind: PatternKind | None = None,
        state: PatternState | None = None,
        limit: int | None = None,
    ) -> PatternsResponse:
        """Return a symbol's patterns, newest first.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        asked = _given(timeframe=timeframe, kind=kind, state=state, limit=limit)
        return await self._get(f"/patterns/{quote(symbol, safe='')}", PatternsResponse, asked)

    async def detect(self, bars: OwnBars) -> PatternsResponse:
        """Return the patterns in bars of one's own.

        Raises:
            InvalidBars, UnknownPattern.
        """
        body = bars.model_dump(mode="json")
        return await self._request("POST", "/patterns/detect", PatternsResponse, json=body)

    async def history(
        self,
        *,
        symbol: str | None = None,
        timeframe: Interval | None = None,
        pattern: str | None = None,
    ) -> AsyncIterator[HistoryRow]:
        """Yield detections with what became of them, newest first, page by page.

        Raises:
            UnknownSymbol, UnknownPattern, DataUnavailable.
        """
        offset: int | None = 0
        while offset is not None:
            asked = _given(
                symbol=symbol, timeframe=timeframe, pattern=pattern, offset=offset, limit=PAGE
            )
            page = await self._get("/patterns/history", HistoryResponse, asked)
            for row in page.rows:
                yield row
            offset = page.next_offset

    async def confidence(
        self,
        *,
        symbol: str | None = None,
        timeframe: Interval | None = None,
        pattern: str | None = None,
        horizon: int | None = None,
    ) -> ConfidenceResponse:
        """Return what each pattern was worth up to now.

        Raises:
            UnknownPattern, UnknownSymbol, DataUnavailable, InvalidParameter.
        """
        asked = _given(symbol=symbol, timeframe=timeframe, pattern=pattern, horizon=horizon)
        return await self._get("/patterns/confidence", ConfidenceResponse, asked)

    async def signals(
        self,
        *,
        min_confidence: float = 0.0,
        min_reward_risk: float = 0.0,
        horizon: int | None = None,
    ) -> SignalsResponse:
        """Return confirmed chart patterns as trade ideas, newest first.

        Raises:
            InvalidParameter: Worth is not measured over that horizon.
        """
        asked = _given(
            min_confidence=min_confidence, min_reward_risk=min_reward_risk, horizon=horizon
        )
        return await self._get("/signals", SignalsResponse, asked)

    async def indicators(self) -> IndicatorsResponse:
        """Return every indicator there is."""
        return await self._get("/indicators", IndicatorsResponse)

    async def indicator(
        self,
        symbol: str,
        name: str,
        *,
        timeframe: Interval = "1d",
        limit: int | None = None,
        **parameters: float,
    ) -> IndicatorResponse:
        """Return an indicator's values at closed bars.

        Raises:
            UnknownIndicator, InvalidParameter, UnknownSymbol, DataUnavailable.
        """
        asked = _given(name=name, timeframe=timeframe, limit=limit, **parameters)
        return await self._get(f"/indicators/{quote(symbol, safe='')}", IndicatorResponse, asked)

    async def context(self, symbol: str) -> ContextResponse:
        """Return the regime of nine timeframes. Raises `UnknownSymbol`, `DataUnavailable`."""
        return await self._get(f"/context/{quote(symbol, safe='')}", ContextResponse)

    async def levels(self, symbol: str, *, timeframe: Interval = "1d") -> LevelsResponse:
        """Return support and resistance. Raises `UnknownSymbol`, `DataUnavailable`."""
        path = f"/levels/{quote(symbol, safe='')}"
        return await self._get(path, LevelsResponse, _given(timeframe=timeframe))

    async def catalogue(self) -> CatalogueResponse:
        """Return what each pattern is."""
        return await self._get("/catalogue", CatalogueResponse)

    # Scans

    async def scan(self, order: ScanOrder) -> ScanStatus:
        """Order a scan.

        Raises:
            ScanQueueFull, UnknownPattern, DataUnavailable.
        """
        body = order.model_dump(mode="json")
        return await self._request("POST", "/scan", ScanStatus, json=body)

    async def scan_status(self, scan: str) -> ScanStatus:
        """Return where a scan stands. Raises `UnknownScan`."""
        return await self._get(f"/scan/{quote(scan, safe='')}", ScanStatus)

    async def scan_patterns(self, scan: str, *, offset: int = 0, limit: int = PAGE) -> ScanResult:
        """Return a page of what a scan has found, newest first. Raises `UnknownScan`."""
        path = f"/scan/{quote(scan, safe='')}/patterns"
        return await self._get(path, ScanResult, _given(offset=offset, limit=limit))

    async def cancel_scan(self, scan: str) -> ScanStatus:
        """End a scan. Raises `UnknownScan`."""
        return await self._request("DELETE", f"/scan/{quote(scan, safe='')}", ScanStatus)

    # The stream

    async def stream(
        self,
        symbols: Sequence[str] = ("*",),
        timeframes: Sequence[Interval] = (),
        kinds: Sequence[PatternKind] = tuple(PatternKind),
    ) -> AsyncGenerator[PatternStreamMessage]:
        """Yield messages for ever, over as many connections as it takes.

        After an interruption a `PatternReset` (reason ``reconnected``) comes and then a snapshot:
        it holds all that is open or recent, so nothing that still counts is missed.

        Raises:
            Forbidden: The agent does not answer to this host name.
        """
        operation = PatternOperation(
            op="subscribe", symbols=list(symbols), timeframes=list(timeframes), kinds=list(kinds)
        )
        attempts, is_first = 0, True
        while True:
            received = False
            async with aclosing(self._connection(operation)) as messages:
                async for message in messages:
                    if not received and not is_first:
                        yield PatternReset(type="reset", seq=0, reason="reconnected")
                    received, is_first, attempts = True, False, 0
                    yield message
            attempts += 1
            ceiling = min(FIRST_RETRY_SECONDS * 2**attempts, MAX_RETRY_SECONDS)
            await asyncio.sleep(random.uniform(FIRST_RETRY_SECONDS / 2, ceiling))

    async def _connection(
        self, operation: PatternOperation
    ) -> AsyncGenerator[PatternStreamMessage]:
        """Yield one connection's messages until it is lost."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

        url = self._base_url.replace("http", "ws", 1) + "/stream"
        try:
            async with connect(url, max_size=MAX_MESSAGE_BYTES, proxy=None) as connection:
                await connection.send(operation.model_dump_json())
                expected = 1
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        text = await connection.recv()
                    message = PATTERN_MESSAGE.validate_json(text)
                    if message.seq != expected:
                        return
                    expected += 1
                    yield message
        except InvalidStatus as error:
            if error.response.status_code == 403:
                raise Forbidden(
                    "The agent refused the stream.",
                    subject=url,
                    next_step="Address it as localhost, or start it with --allow-host NAME.",
                ) from error
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, ValidationError):
            return

    # Private

    def _unreachable(self, error: Exception) -> PatternsUnavailable:
        return PatternsUnavailable(
            f"The pattern recognition agent does not answer at {self._base_url}.",
            subject=self._base_url,
            observed=f"{type(error).__name__}: {error}",
            next_step="Look at the agent's status and log.",
        )

    def _misunderstood(
        self, message: str, path: str, response: httpx.Response
    ) -> PatternsUnavailable:
        return PatternsUnavailable(
            message,
            subject=path,
            observed=response.text[:200],
            next_step="Is it a pattern recognition agent, and do versions match?",
        )

    def _refusal(self, response: httpx.Response) -> TradingDashboardError:
        try:
            error = response.json()["error"]
            about = {key: error[key] for key in ("subject", "observed", "next_step", "details")}
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            return PatternsUnavailable(
                f"The agent answered {response.status_code} without an explanation.",
                subject=self._base_url,
                observed=response.text[:200],
            )
        kind = self._ERRORS.get(code)
        if kind is None:
            return PatternsRefused(message, api_code=code, **about)
        return kind(message, **about)


def _given(**parameters: Any) -> dict[str, Any]:
    """Return the parameters that are given, as text or numbers."""
    return {key: str(value) for key, value in parameters.items() if value is not None}
