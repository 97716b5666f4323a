"""The WebSocket: a snapshot, then every event, and log lines on request.

Owns one client's socket from its handshake to its close. A client that reads too slowly loses no
truth: the hub cuts it off and it gets a fresh snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from trading_dashboard.control_api.guard import GRANT
from trading_dashboard.control_api.log_routes import newest_lines
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Grant
from trading_dashboard.models.control import (
    STREAM_OPERATION,
    TOKEN_REPLACED,
    ErrorMessage,
    HeartbeatMessage,
    LogMessage,
    SnapshotMessage,
    SubscribeLogs,
    UpdateMessage,
)
from trading_dashboard.models.errors import TradingDashboardError, error_body
from trading_dashboard.models.events import LogLine
from trading_dashboard.models.log_search import LogSearch
from trading_dashboard.orchestrator.events import Lagged

HEARTBEAT_SECONDS = 5.0
CAPACITY = 1000
"""Updates a client may lag behind."""
GOING_AWAY = 1001


class _StreamEnded(Exception):
    """One of the socket's tasks saw its end."""


class _TokenReplaced(Exception):
    """The token that opened the socket is not accepted any more."""


class StreamSession:
    """One client."""

    def __init__(
        self,
        socket: WebSocket,
        supervision: Supervision,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        capacity: int = CAPACITY,
    ) -> None:
        self._socket = socket
        self._supervision = supervision
        self._heartbeat_seconds = heartbeat_seconds
        self._capacity = capacity
        self._sending = asyncio.Lock()
        self._logs: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the client until it leaves or the supervisor ends."""
        await self._socket.accept()
        has_left = False
        code, reason = GOING_AWAY, "the supervisor is stopping"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_updates())
                group.create_task(self._send_heartbeats())
                group.create_task(self._watch_token())
                await self._receive(group)
        except* _StreamEnded:
            pass
        except* _TokenReplaced:
            code, reason = TOKEN_REPLACED, "the token was replaced; connect with the new one"
        except* WebSocketDisconnect:
            has_left = True
        if not has_left:
            await self._close(code, reason)

    async def _close(self, code: int, reason: str) -> None:
        try:
            await self._socket.close(code, reason)
        except (RuntimeError, WebSocketDisconnect):
            return  # closed from the other side meanwhile

    async def _send_updates(self) -> NoReturn:
        is_running = True
        while is_running:
            with self._supervision.agents.events.subscribe(self._capacity) as subscription:
                snapshot = subscription.snapshot
                await self._send(
                    SnapshotMessage(
                        seq=snapshot.seq,
                        supervisor=self._supervision.describe(),
                        agents=dict(snapshot.agents),
                        events=self._supervision.agents.events.recent(),
                    )
                )
                try:
                    async for update in subscription:
                        event, agent = update.event, update.agent
                        await self._send(UpdateMessage(seq=event.seq, event=event, agent=agent))
                    is_running = False
                except Lagged:
                    continue
        raise _StreamEnded

    async def _send_heartbeats(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            await self._send(HeartbeatMessage())

    async def _watch_token(self) -> None:
        grant: Grant | None = self._socket.scope.get(GRANT)
        if grant is not None:
            await grant.revoked.wait()
            raise _TokenReplaced

    async def _receive(self, group: asyncio.TaskGroup) -> NoReturn:
        while True:
            try:
                text = await self._socket.receive_text()
                operation = STREAM_OPERATION.validate_json(text)
            except KeyError:  # a binary message
                await self._send_error("Messages are JSON text.")
                continue
            except ValidationError as error:
                problem = error.errors(include_url=False, include_input=False)[0]["msg"]
                await self._send_error(f"This message is not known: {problem}.")
                continue
            await self._end_logs()
            if isinstance(operation, SubscribeLogs):
                self._logs = group.create_task(self._send_logs(operation))

    async def _end_logs(self) -> None:
        if self._logs is not None:
            self._logs.cancel()
            await asyncio.wait({self._logs})
            self._logs = None

    async def _send_logs(self, wanted: SubscribeLogs) -> None:
        try:
            following = self._supervision.agents.follow_logs(wanted.agents)
            first = asyncio.ensure_future(anext(following))
        except TradingDashboardError as error:
            await self._send_refusal(error)
            return
        try:
            await asyncio.sleep(0)  # following before looking back: no line is lost between
            past = await self._past(wanted)
            await self._send_lines(sorted(past, key=lambda line: line.time))
            newest = {line.agent: line.seq for line in past}
            await self._follow(first, following, newest, wanted)
        except TradingDashboardError as error:
            await self._send_refusal(error)
        finally:
            first.cancel()

    async def _past(self, wanted: SubscribeLogs) -> Sequence[LogLine]:
        agents, lines = self._supervision.agents, wanted.lines
        return [
            line
            for name in wanted.agents
            for line in await newest_lines(agents, name, lines, wanted)
        ]

    async def _follow(
        self,
        first: asyncio.Future[LogLine],
        following: AsyncIterator[LogLine],
        newest: dict[str, int],
        search: LogSearch,
    ) -> None:
        try:
            line = await first
            while True:
                if line.seq > newest.get(line.agent, -1) and search.finds(line):
                    await self._send(LogMessage(line=line))
                line = await anext(following)
        except StopAsyncIteration:
            return

    async def _send_lines(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            await self._send(LogMessage(line=line))

    async def _send_refusal(self, error: TradingDashboardError) -> None:
        await self._send(ErrorMessage.model_validate({"error": error.as_body()["error"]}))

    async def _send_error(self, text: str) -> None:
        body = error_body("invalid_message", text, next_step="See docs/control-api.md.")
        await self._send(ErrorMessage.model_validate({"error": body["error"]}))

    async def _send(self, message: BaseModel) -> None:
        async with self._sending:
            await self._socket.send_text(message.model_dump_json())
