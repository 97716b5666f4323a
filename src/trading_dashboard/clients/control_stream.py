"""The control API's stream, typed.

Owns one client's socket. When its token is replaced the supervisor closes it; it is opened again
with the new one, and what was asked of it is asked again, with no log line twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Self

from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from trading_dashboard.clients.control_errors import error_of
from trading_dashboard.clients.credentials import Credentials
from trading_dashboard.models import control
from trading_dashboard.models.control import STREAM_MESSAGE, LogMessage, StreamMessage
from trading_dashboard.models.errors import NotSupervised, Unauthorized
from trading_dashboard.models.log_search import LogSearch

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
OPEN_TIMEOUT_SECONDS = 10.0
EVERYTHING = LogSearch()


class ControlStream:
    """An open stream: iterate over its messages."""

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        """Prepare it; `open` connects."""
        self._url = base_url.replace("http", "ws", 1) + "/v1/ws"
        self._base_url = base_url
        self._credentials = credentials
        self._connection: ClientConnection | None = None
        self._wanted: BaseModel | None = None
        self._newest: dict[str, int] = {}

    async def open(self) -> Self:
        """Connect.

        Raises:
            NotSupervised: The supervisor does not answer.
            Unauthorized: The token is not this run's.
        """
        used = self._credentials.token
        try:
            self._connection = await self._connect()
        except Unauthorized:
            if not await self._credentials.renew(used):
                raise
            self._connection = await self._connect()
        return self

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    def __aiter__(self) -> AsyncIterator[StreamMessage]:
        return self._messages()

    async def subscribe_logs(
        self, agents: Sequence[str], lines: int = 200, search: LogSearch = EVERYTHING
    ) -> None:
        """Ask for these agents' newest lines and each new one, instead of those before."""
        self._newest.clear()
        await self._ask(
            control.SubscribeLogs(
                agents=list(agents), lines=lines, grep=search.grep, level=search.level
            )
        )

    async def unsubscribe_logs(self) -> None:
        """Ask for no more log lines."""
        await self._ask(control.UnsubscribeLogs())

    async def _ask(self, operation: BaseModel) -> None:
        self._wanted = operation
        assert self._connection is not None  # noqa: S101 - nobody has an unopened one
        await self._connection.send(operation.model_dump_json())

    async def _messages(self) -> AsyncIterator[StreamMessage]:
        while self._connection is not None:
            try:
                async for text in self._connection:
                    message = STREAM_MESSAGE.validate_json(text)
                    if self._is_new(message):
                        yield message
            except ConnectionClosed:
                pass
            if self._connection.close_code != control.TOKEN_REPLACED:
                return
            await self.open()
            if self._wanted is not None:
                await self._ask(self._wanted)

    def _is_new(self, message: StreamMessage) -> bool:
        if isinstance(message, LogMessage):
            line = message.line
            if line.seq <= self._newest.get(line.agent, -1):
                return False
            self._newest[line.agent] = line.seq
        return True

    async def _connect(self) -> ClientConnection:
        try:
            return await connect(
                self._url,
                additional_headers=self._credentials.headers,
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=OPEN_TIMEOUT_SECONDS,
                proxy=None,
            )
        except InvalidStatus as error:
            body = bytes(error.response.body or b"")
            raise error_of(body, error.response.status_code) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise unreachable(self._base_url, error) from error


def unreachable(base_url: str, error: Exception) -> NotSupervised:
    """Return the error for a supervisor that does not answer."""
    return NotSupervised(
        f"The supervisor does not answer at {base_url}.",
        subject=base_url,
        observed=f"{type(error).__name__}: {error}",
        next_step="Start one with `trading-dashboard up`.",
    )
