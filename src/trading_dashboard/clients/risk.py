"""The risk management agent's typed client.

Owns its paths, which class an error becomes, and a stream that comes back after an interruption.
Models are those of `models.risk`. What changes the account needs a token: the trade token for
orders, the operator token for everything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from trading_dashboard.clients.agent_client import AgentClient, AgentRefused, by_code, given
from trading_dashboard.models.errors import (
    DataUnavailable,
    Forbidden,
    Unauthorized,
    UnknownSymbol,
)
from trading_dashboard.models.risk import errors
from trading_dashboard.models.risk.account import (
    CashMove,
    FillsResponse,
    ImportReport,
    JournalEntry,
    JournalKind,
    JournalResponse,
    Order,
    OrdersResponse,
    OrderTicket,
    PositionsResponse,
)
from trading_dashboard.models.risk.gate import (
    CheckResult,
    GateReopening,
    GateStatus,
    KillReport,
    KillSwitch,
    LeaseRenewal,
    LimitChange,
    LimitsResponse,
)
from trading_dashboard.models.risk.measures import (
    BacktestResponse,
    PortfolioRisk,
    RiskQuestion,
    SizingQuestion,
    SizingResponse,
    StressQuestion,
    StressResponse,
    VarMethod,
)
from trading_dashboard.models.risk.stream import RISK_MESSAGE, RiskMessage, RiskRefusal

FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
HEAVY_TIMEOUT_SECONDS = 90.0
"""Monte Carlo and back-tests take seconds, and may have to wait for each other."""
PAGE = 500

Format = Literal["csv", "json"]
_Answer = TypeVar("_Answer", bound=BaseModel)
_MEDIA_TYPES = {"csv": "text/csv", "json": "application/json"}


class RiskAgentUnavailable(errors.RiskError):
    """The agent does not answer, or answers what cannot be understood."""

    code = "risk_agent_unavailable"


class RiskRefused(AgentRefused, errors.RiskError):
    """The agent refused in a way that has no class of its own. `api_code` is its code."""

    code = "risk_refused"


class RiskClient(AgentClient):
    """Asks one risk management agent. Use it as an async context manager."""

    _agent = "risk management agent"
    _errors = by_code(
        (
            errors.InvalidOrder, errors.OrderDenied, errors.UnknownOrder, errors.OrderFinal,
            errors.DuplicateOrder, errors.InvalidImport, errors.ReopeningRefused,
            errors.InvalidLimit, errors.NotEnoughData, errors.InvalidScenario, errors.RiskBusy,
            errors.RiskUnavailable, errors.AccountStoreError, errors.AccountStoreInUse,
            UnknownSymbol, DataUnavailable, Unauthorized, Forbidden,
        )
    )  # fmt: skip
    _unavailable = RiskAgentUnavailable
    _refused = RiskRefused
    _while_away = "Look at the agent's status and log. Until it answers, do not trade."

    def __init__(self, base_url: str, token: str | None = None) -> None:
        """Make a client.

        Args:
            base_url: Such as ``http://localhost:8002``.
            token: The trade or the operator token; reading needs none.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url, headers)
        self._headers = headers

    # The account

    async def positions(self) -> PositionsResponse:
        """Return the account, valued at the newest prices."""
        return await self._get("/positions", PositionsResponse)

    async def import_positions(
        self, data: bytes, *, form: Format = "csv", dry_run: bool = True
    ) -> ImportReport:
        """Import holdings, or see what would come of it.

        Raises:
            InvalidImport: With every problem by row; nothing was taken.
            Unauthorized
        """
        return await self._request(
            "POST",
            "/positions/import",
            ImportReport,
            params={"format": form, "dry_run": str(dry_run).lower()},
            content=data,
            headers={"Content-Type": _MEDIA_TYPES[form]},
        )

    async def export_positions(self, *, form: Format = "csv") -> bytes:
        """Return the holdings as a file that can be imported again."""
        response = await self._send("GET", "/positions/export", params={"format": form})
        return response.content

    async def clear_sample(self) -> PositionsResponse:
        """Take the demo's sample portfolio out of the account. Raises `Unauthorized`."""
        return await self._request("POST", "/sample/clear", PositionsResponse)

    async def move_cash(self, amount: CashMove) -> PositionsResponse:
        """Pay cash in, or take it out.

        Raises:
            InvalidOrder: More than there is.
            Unauthorized
        """
        return await self._change("POST", "/cash", PositionsResponse, amount)

    # Orders

    async def check(self, ticket: OrderTicket) -> CheckResult:
        """Return what would become of an order now. Reserves nothing."""
        return await self._change("POST", "/check", CheckResult, ticket)

    async def place(self, ticket: OrderTicket) -> Order:
        """Place an order; returns once it is durable.

        Raises:
            OrderDenied: `details` has the findings of the check.
            InvalidOrder, DuplicateOrder, UnknownSymbol, AccountStoreError, Unauthorized.
        """
        return await self._change("POST", "/orders", Order, ticket)

    async def orders(
        self, *, status: str | None = None, before: str | None = None, limit: int | None = None
    ) -> OrdersResponse:
        """Return a page of orders, newest first."""
        return await self._get(
            "/orders", OrdersResponse, given(status=status, before=before, limit=limit)
        )

    async def order(self, order_id: str) -> Order:
        """Return one order. Raises `UnknownOrder`."""
        return await self._get(f"/orders/{quote(order_id, safe='')}", Order)

    async def cancel(self, order_id: str) -> Order:
        """Cancel an order. Raises `UnknownOrder`, `OrderFinal`, `Unauthorized`."""
        return await self._request("DELETE", f"/orders/{quote(order_id, safe='')}", Order)

    async def cancel_all(self) -> OrdersResponse:
        """Cancel every order that works; returns those cancelled. Raises `Unauthorized`."""
        return await self._request("DELETE", "/orders", OrdersResponse)

    async def fills(self, *, before: str | None = None, limit: int | None = None) -> FillsResponse:
        """Return a page of fills, newest first."""
        return await self._get("/fills", FillsResponse, given(before=before, limit=limit))

    # Risk

    async def portfolio_risk(
        self,
        *,
        confidence: float | None = None,
        horizon_days: int | None = None,
        window: int | None = None,
    ) -> PortfolioRisk:
        """Return the account's measures. Raises `DataUnavailable`, `RiskBusy`."""
        asked = given(confidence=confidence, horizon_days=horizon_days, window=window)
        return await self._heavy("GET", "/risk/portfolio", PortfolioRisk, params=asked)

    async def calculate(self, question: RiskQuestion) -> PortfolioRisk:
        """Return the measures of holdings of one's own.

        Raises:
            NotEnoughData, UnknownSymbol, DataUnavailable, RiskBusy.
        """
        body = question.model_dump(mode="json")
        return await self._heavy("POST", "/risk/calculate", PortfolioRisk, json=body)

    async def limits(self) -> LimitsResponse:
        """Return all limits, and where they stand."""
        return await self._get("/risk/limits", LimitsResponse)

    async def set_limit(self, change: LimitChange) -> LimitsResponse:
        """Change a limit. Raises `InvalidLimit`, `Unauthorized`."""
        return await self._change("PUT", "/risk/limits", LimitsResponse, change)

    async def stress(self, question: StressQuestion | None = None) -> StressResponse:
        """Return what scenarios do: the historical ones, or what is asked.

        Raises:
            InvalidScenario, DataUnavailable, RiskBusy.
        """
        if question is None:
            return await self._heavy("GET", "/risk/stress", StressResponse)
        body = question.model_dump(mode="json")
        return await self._heavy("POST", "/risk/stress", StressResponse, json=body)

    async def backtest(
        self,
        *,
        symbol: str | None = None,
        method: VarMethod | None = None,
        confidence: float | None = None,
        window: int | None = None,
    ) -> BacktestResponse:
        """Return VaR held against what came: of a symbol, or of the account's holdings.

        Raises:
            NotEnoughData, UnknownSymbol, DataUnavailable, RiskBusy.
        """
        asked = given(symbol=symbol, method=method, confidence=confidence, window=window)
        return await self._heavy("GET", "/risk/backtest", BacktestResponse, params=asked)

    async def size(self, question: SizingQuestion) -> SizingResponse:
        """Return how big a position should be. Raises `InvalidScenario`, `DataUnavailable`."""
        body = question.model_dump(mode="json")
        return await self._heavy("POST", "/sizing", SizingResponse, json=body)

    # The gate

    async def gate(self) -> GateStatus:
        """Return whether it may be traded, and why not."""
        return await self._get("/gate", GateStatus)

    async def kill(self, order: KillSwitch) -> KillReport:
        """Halt everything; the report says whether a probe order was denied afterwards."""
        return await self._change("POST", "/gate/kill", KillReport, order)

    async def reopen(self, reopening: GateReopening) -> GateStatus:
        """Open the gate again. Raises `ReopeningRefused`, `Unauthorized`."""
        return await self._change("POST", "/gate/reopen", GateStatus, reopening)

    async def renew_lease(self, renewal: LeaseRenewal) -> GateStatus:
        """Renew the supervisor's lease. Raises `Unauthorized`."""
        return await self._change("POST", "/gate/lease", GateStatus, renewal)

    async def journal(self, *, kind: JournalKind | None = None) -> AsyncIterator[JournalEntry]:
        """Yield the journal, newest first, page by page."""
        before: int | None = None
        while True:
            asked = given(before=before, limit=PAGE, kind=kind)
            page = await self._get("/journal", JournalResponse, asked)
            for entry in page.entries:
                yield entry
            if page.next_before is None:
                return
            before = page.next_before

    # The stream

    async def stream(self) -> AsyncGenerator[RiskMessage]:
        """Yield messages for ever, over as many connections as it takes.

        Each connection begins with a `RiskSnapshot`, which takes the place of all there was; so
        nothing that still counts is missed. A gap in the sequence counts as an interruption.

        Raises:
            Forbidden: The agent does not answer to this host name.
        """
        attempts = 0
        while True:
            async with aclosing(self._connection()) as messages:
                async for message in messages:
                    attempts = 0
                    yield message
            attempts += 1
            ceiling = min(FIRST_RETRY_SECONDS * 2**attempts, MAX_RETRY_SECONDS)
            await asyncio.sleep(random.uniform(FIRST_RETRY_SECONDS / 2, ceiling))

    async def _connection(self) -> AsyncGenerator[RiskMessage]:
        """Yield one connection's messages until it is lost, or refuses."""
        reading = self._messages(RISK_MESSAGE, max_bytes=MAX_MESSAGE_BYTES, headers=self._headers)
        async with aclosing(reading) as messages:
            async for message in messages:
                if isinstance(message, RiskRefusal):
                    return
                yield message

    # Private

    async def _change(
        self, method: str, path: str, kind: type[_Answer], body: BaseModel
    ) -> _Answer:
        return await self._request(method, path, kind, json=body.model_dump(mode="json"))

    async def _heavy(self, method: str, path: str, kind: type[_Answer], **options: Any) -> _Answer:
        return await self._request(method, path, kind, timeout=HEAVY_TIMEOUT_SECONDS, **options)
