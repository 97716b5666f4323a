"""The pattern recognition agent's typed client.

Owns its paths, paging, which class an error becomes, and a stream that comes back after an
interruption. Models are those of `models.patterns`, `models.pattern_api`, `models.pattern_context`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from urllib.parse import quote

from trading_dashboard.clients.agent_client import AgentClient, AgentRefused, by_code, given
from trading_dashboard.models.errors import (
    DataUnavailable,
    Forbidden,
    InvalidBars,
    InvalidParameter,
    PatternError,
    ScanQueueFull,
    ScanUnavailable,
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

FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""A snapshot of 2,000 detections with their worth fits."""
PAGE = 500


class PatternsUnavailable(PatternError):
    """The agent does not answer, or answers what cannot be understood."""

    code = "patterns_unavailable"


class PatternsRefused(AgentRefused, PatternError):
    """The agent refused in a way that has no class of its own. `api_code` is its code."""

    code = "patterns_refused"


class PatternClient(AgentClient):
    """Asks one pattern recognition agent. Use it as an async context manager."""

    _agent = "pattern recognition agent"
    _errors = by_code(
        (
            UnknownSymbol, UnknownPattern, UnknownIndicator, UnknownScan, InvalidParameter,
            InvalidBars, ScanQueueFull, ScanUnavailable, DataUnavailable, Forbidden,
        )
    )  # fmt: skip
    _unavailable = PatternsUnavailable
    _refused = PatternsRefused

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
        asked = given(timeframe=timeframe, kind=kind, state=state, limit=limit)
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
            asked = given(
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
        asked = given(symbol=symbol, timeframe=timeframe, pattern=pattern, horizon=horizon)
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
        asked = given(
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
        asked = given(name=name, timeframe=timeframe, limit=limit, **parameters)
        return await self._get(f"/indicators/{quote(symbol, safe='')}", IndicatorResponse, asked)

    async def context(self, symbol: str) -> ContextResponse:
        """Return the regime of nine timeframes. Raises `UnknownSymbol`, `DataUnavailable`."""
        return await self._get(f"/context/{quote(symbol, safe='')}", ContextResponse)

    async def levels(self, symbol: str, *, timeframe: Interval = "1d") -> LevelsResponse:
        """Return support and resistance. Raises `UnknownSymbol`, `DataUnavailable`."""
        path = f"/levels/{quote(symbol, safe='')}"
        return await self._get(path, LevelsResponse, given(timeframe=timeframe))

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
        return await self._get(path, ScanResult, given(offset=offset, limit=limit))

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

    def _connection(self, operation: PatternOperation) -> AsyncGenerator[PatternStreamMessage]:
        """Return one connection's messages until it is lost."""
        first = operation.model_dump_json()
        return self._messages(PATTERN_MESSAGE, max_bytes=MAX_MESSAGE_BYTES, first=first)
