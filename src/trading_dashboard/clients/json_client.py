"""What the typed clients share: a request to one service, its answer checked, its failure told.

Owns the connections' life. Which error a failure becomes is each client's own matter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from trading_dashboard.clients.steady import SteadyTransport
from trading_dashboard.models.errors import TradingDashboardError

REQUEST_TIMEOUT_SECONDS = 10.0

_Answer = TypeVar("_Answer", bound=BaseModel)


class JsonClient(ABC):
    """Asks one service. Use it as an async context manager, from one event loop."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self._base_url,
            headers=headers,
            timeout=REQUEST_TIMEOUT_SECONDS,
            transport=SteadyTransport(),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def _get(
        self, path: str, kind: type[_Answer], params: dict[str, Any] | None = None
    ) -> _Answer:
        return await self._request("GET", path, kind, params=params)

    async def _request(
        self, method: str, path: str, kind: type[_Answer], **options: Any
    ) -> _Answer:
        response = await self._send(method, path, **options)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            text = f"{method} {path} answered something else than {kind.__name__}."
            raise self._misunderstood(text, path, response) from error

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise self._refusal(response)
        return response

    @abstractmethod
    def _unreachable(self, error: Exception) -> TradingDashboardError:
        """Return what it means that no answer came."""

    @abstractmethod
    def _refusal(self, response: httpx.Response) -> TradingDashboardError:
        """Return the error that an answer which is no success describes."""

    @abstractmethod
    def _misunderstood(
        self, message: str, path: str, response: httpx.Response
    ) -> TradingDashboardError:
        """Return what it means that an answer is of another shape than expected."""
