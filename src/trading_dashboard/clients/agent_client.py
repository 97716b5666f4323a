"""What the agents' typed clients share: how a refusal becomes an error, and a stream's life.

Owns the reading of the one error shape and of one connection of `/stream`. Which errors there are,
and what follows on a lost connection, is each client's own matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from trading_dashboard.clients.json_client import JsonClient
from trading_dashboard.models.errors import Forbidden, TradingDashboardError

SILENCE_SECONDS = 5.0
"""An agent sends a heartbeat each second; after this long without a word the stream is dead."""


class Numbered(Protocol):
    """A message of a stream."""

    @property
    def seq(self) -> int:
        """Return its number on this connection, the first is 1."""


_Message = TypeVar("_Message", bound=Numbered)


class AgentRefused(TradingDashboardError):
    """An agent refused in a way that has no class of its own. `api_code` is its code."""

    code = "agent_refused"

    def __init__(self, message: str, *, api_code: str = "", **about: Any) -> None:
        super().__init__(message, **about)
        self.api_code = api_code


class AgentClient(JsonClient):
    """Asks one agent. Use it as an async context manager, from one event loop."""

    _agent: ClassVar[str]
    """What it is called, such as ``market data agent``."""
    _errors: ClassVar[Mapping[str, type[TradingDashboardError]]]
    """The class of each code that has one: `by_code`."""
    _unavailable: ClassVar[type[TradingDashboardError]]
    """No answer, or one that cannot be understood."""
    _refused: ClassVar[type[AgentRefused]]
    """A refusal whose code has no class."""
    _while_away: ClassVar[str] = "Look at the agent's status and log."
    """What to do while it does not answer."""

    def _unreachable(self, error: Exception) -> TradingDashboardError:
        return self._unavailable(
            f"The {self._agent} does not answer at {self._base_url}.",
            subject=self._base_url,
            observed=f"{type(error).__name__}: {error}",
            next_step=self._while_away,
        )

    def _misunderstood(
        self, message: str, path: str, response: httpx.Response
    ) -> TradingDashboardError:
        return self._unavailable(
            message,
            subject=path,
            observed=response.text[:200],
            next_step=f"Is it a {self._agent}, and do versions match?",
        )

    def _refusal(self, response: httpx.Response) -> TradingDashboardError:
        try:
            error = response.json()["error"]
            about = {key: error[key] for key in ("subject", "observed", "next_step", "details")}
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            return self._unavailable(
                f"The {self._agent} answered {response.status_code} without an explanation.",
                subject=self._base_url,
                observed=response.text[:200],
            )
        kind = self._errors.get(code)
        if kind is None:
            return self._refused(message, api_code=code, **about)
        return kind(message, **about)

    async def _messages(
        self,
        of: TypeAdapter[_Message],
        *,
        max_bytes: int,
        first: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[_Message]:
        """Yield one connection's messages until it is lost or silent, or one is missing.

        Args:
            of: What messages are.
            max_bytes: Of one message.
            first: Sent once the connection stands.
            headers: Of its request.

        Raises:
            Forbidden: The agent does not answer to this host name.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

        url = self._base_url.replace("http", "ws", 1) + "/stream"
        try:
            async with connect(
                url, max_size=max_bytes, proxy=None, additional_headers=headers
            ) as connection:
                if first is not None:
                    await connection.send(first)
                self._is_connected(True)
                expected = 1
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        text = await connection.recv()
                    message = of.validate_json(text)
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
        finally:
            self._is_connected(False)

    def _is_connected(self, is_connected: bool) -> None:
        """Take note that a connection of the stream stands, or does not any more."""


def by_code(
    kinds: Iterable[type[TradingDashboardError]],
) -> Mapping[str, type[TradingDashboardError]]:
    """Return error classes by their code."""
    return {kind.code: kind for kind in kinds}


def given(**parameters: Any) -> dict[str, str]:
    """Return the parameters that are given, as text."""
    return {key: str(value) for key, value in parameters.items() if value is not None}
