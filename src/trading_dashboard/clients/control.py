"""The control API's typed client.

Owns the questions, the stream and the way errors come back: as the same classes the supervisor
raised (`models.errors`). Knows nothing about processes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from trading_dashboard.clients.json_client import REQUEST_TIMEOUT_SECONDS, JsonClient
from trading_dashboard.clients.lease import read_lease, read_token
from trading_dashboard.models import control, errors
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.configuration import (
    ConfigurationAnswer,
    ConfigurationMistake,
    ReloadAnswer,
)
from trading_dashboard.models.control import STREAM_MESSAGE, StreamMessage
from trading_dashboard.models.errors import NotSupervised, TradingDashboardError
from trading_dashboard.models.history import AvailabilityAnswer, EventsAnswer, IncidentsAnswer
from trading_dashboard.models.log_search import LogSearch

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
EVERYTHING = LogSearch()

_Answer = TypeVar("_Answer", bound=BaseModel)


class ControlApiError(TradingDashboardError):
    """The control API refused or failed in a way that has no class of its own.

    `api_code` is the code it gave.
    """

    code = "control_api_error"

    def __init__(self, message: str, *, api_code: str = "", **about: Any) -> None:
        super().__init__(message, **about)
        self.api_code = api_code


class ControlClient(JsonClient):
    """Talks to one supervisor. Use it as an async context manager, from one event loop."""

    def __init__(self, base_url: str, token: str) -> None:
        """Make a client.

        Args:
            base_url: Such as ``http://127.0.0.1:40123``.
            token: Content of ``var/run/control.token``.
        """
        self._authorization = {"Authorization": f"Bearer {token}"}
        super().__init__(base_url, self._authorization)

    @classmethod
    def from_project(cls, project_root: Path) -> Self:
        """Return a client of the supervisor that runs for a project.

        Raises:
            NotSupervised: None runs, or it does not answer requests yet.
        """
        lease = read_lease(project_root)
        if lease.control_url is None:
            raise NotSupervised(
                f"The supervisor of {project_root} (process {lease.pid}) serves no requests.",
                subject=str(project_root),
                next_step="Try again in a moment; it may just be starting.",
            )
        return cls(lease.control_url, read_token(project_root))

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def status(self) -> control.StatusAnswer:
        """Return the supervisor and all agents."""
        return await self._get("/v1/status", control.StatusAnswer)

    async def agents(self) -> dict[str, AgentInfo]:
        """Return all agents."""
        return (await self._get("/v1/agents", control.AgentsAnswer)).agents

    async def agent(self, name: str) -> AgentInfo:
        """Return one agent.

        Raises:
            UnknownAgent
        """
        return await self._get(f"/v1/agents/{_segment(name)}", AgentInfo)

    async def start(
        self,
        name: str,
        *,
        wait_seconds: float = control.MAX_WAIT_SECONDS,
        wait_for_health: bool = True,
    ) -> control.VerbAnswer:
        """Start an agent and what it depends on; wait for it, but not longer than said.

        Raises:
            UnknownAgent, AgentDisabled, SupervisorShuttingDown.
        """
        body = {"wait_seconds": wait_seconds, "wait_for_health": wait_for_health}
        return await self._verb(name, "start", body)

    async def stop(
        self, name: str, *, wait_seconds: float = control.MAX_WAIT_SECONDS
    ) -> control.VerbAnswer:
        """Stop an agent and every process it started.

        Raises:
            UnknownAgent, NotManaged.
        """
        return await self._verb(name, "stop", {"wait_seconds": wait_seconds})

    async def restart(
        self, name: str, *, wait_seconds: float = control.MAX_WAIT_SECONDS
    ) -> control.VerbAnswer:
        """Stop and start an agent.

        Raises:
            As `start` and `stop`.
        """
        return await self._verb(name, "restart", {"wait_seconds": wait_seconds})

    async def start_all(
        self, *, wait_seconds: float = control.MAX_WAIT_SECONDS
    ) -> control.AllAnswer:
        """Start every agent that starts by itself."""
        body = {"wait_seconds": wait_seconds}
        return await self._post("/v1/start-all", control.AllAnswer, body, wait_seconds)

    async def stop_all(
        self, *, wait_seconds: float = control.MAX_WAIT_SECONDS
    ) -> control.AllAnswer:
        """Stop all agents; the supervisor stays."""
        body = {"wait_seconds": wait_seconds}
        return await self._post("/v1/stop-all", control.AllAnswer, body, wait_seconds)

    async def shutdown(self) -> control.SupervisorInfo:
        """Begin the end of everything; returns at once."""
        return (await self._post("/v1/shutdown", control.ShutdownAnswer, {}, 0)).supervisor

    async def configuration(self) -> ConfigurationAnswer:
        """Return the settings in force, and what is wrong with the files now."""
        return await self._get("/v1/configuration", ConfigurationAnswer)

    async def reload(
        self, *, dry_run: bool = False, wait_seconds: float = control.MAX_WAIT_SECONDS
    ) -> ReloadAnswer:
        """Have the configuration read again.

        Raises:
            ConfigurationError: With every mistake; nothing was changed.
            ReloadUnavailable
        """
        body = {"dry_run": dry_run, "wait_seconds": wait_seconds}
        return await self._post("/v1/reload", ReloadAnswer, body, wait_seconds)

    async def logs(
        self, name: str, lines: int = 200, search: LogSearch = EVERYTHING
    ) -> control.LogsAnswer:
        """Return an agent's newest log lines that the search finds, oldest first.

        Raises:
            UnknownAgent
        """
        path = f"/v1/agents/{_segment(name)}/logs"
        wanted = search.model_dump(include={"grep", "level"}, exclude_none=True)
        return await self._get(path, control.LogsAnswer, {"lines": lines, **wanted})

    @asynccontextmanager
    async def log_file(self, name: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give an agent's current log file, in pieces.

        Raises:
            UnknownAgent
            NoLogFile
        """
        path = f"/v1/agents/{_segment(name)}/logs/file"
        try:
            async with self._http.stream("GET", path) as response:
                if response.is_error:
                    raise _error_of(await response.aread(), response.status_code)
                yield response.aiter_bytes()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def events(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        agent: str | None = None,
        kinds: Sequence[str] = (),
        before: int | None = None,
        limit: int = 100,
    ) -> EventsAnswer:
        """Return the newest remembered events that match, oldest first.

        Raises:
            HistoryUnavailable, InvalidPeriod.
        """
        params = _given(
            since=since, until=until, agent=agent, kind=list(kinds), before=before, limit=limit
        )
        return await self._get("/v1/events", EventsAnswer, params)

    async def availability(
        self, *, first: date | None = None, last: date | None = None, agent: str | None = None
    ) -> AvailabilityAnswer:
        """Return uptime and availability per UTC day, both days included; by default a week.

        Raises:
            HistoryUnavailable, InvalidPeriod.
        """
        params = _given(first=first, last=last, agent=agent)
        return await self._get("/v1/availability", AvailabilityAnswer, params)

    async def incidents(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        agent: str | None = None,
        limit: int = 100,
    ) -> IncidentsAnswer:
        """Return the newest incidents of a period, newest first; by default of a week.

        Raises:
            HistoryUnavailable, InvalidPeriod.
        """
        params = _given(since=since, until=until, agent=agent, limit=limit)
        return await self._get("/v1/incidents", IncidentsAnswer, params)

    async def metrics(self) -> str:
        """Return the Prometheus text."""
        return (await self._send("GET", "/metrics")).text

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[ControlStream]:
        """Open the stream: a snapshot, then events, until it is closed.

        Raises:
            NotSupervised: The supervisor does not answer.
            Unauthorized: The token is not this run's.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        url = self._base_url.replace("http", "ws", 1) + "/v1/ws"
        try:
            connection = await connect(
                url,
                additional_headers=self._authorization,
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=REQUEST_TIMEOUT_SECONDS,
                proxy=None,
            )
        except InvalidStatus as error:
            body = bytes(error.response.body or b"")
            raise _error_of(body, error.response.status_code) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise self._unreachable(error) from error
        async with connection:
            yield ControlStream(connection)

    async def _verb(self, name: str, verb: str, body: dict[str, Any]) -> control.VerbAnswer:
        path = f"/v1/agents/{_segment(name)}/{verb}"
        return await self._post(path, control.VerbAnswer, body, body["wait_seconds"])

    async def _post(
        self, path: str, kind: type[_Answer], body: dict[str, Any], wait_seconds: float
    ) -> _Answer:
        timeout = wait_seconds + REQUEST_TIMEOUT_SECONDS
        return await self._request("POST", path, kind, json=body or None, timeout=timeout)

    def _unreachable(self, error: Exception) -> NotSupervised:
        return NotSupervised(
            f"The supervisor does not answer at {self._base_url}.",
            subject=self._base_url,
            observed=f"{type(error).__name__}: {error}",
            next_step="Start one with `trading-dashboard up`.",
        )

    def _refusal(self, response: httpx.Response) -> TradingDashboardError:
        return _error_of(response.content, response.status_code)

    def _misunderstood(self, message: str, path: str, response: httpx.Response) -> ControlApiError:
        return ControlApiError(
            message, subject=path, observed=response.text[:200], next_step="Do versions match?"
        )


class ControlStream:
    """An open stream: iterate over its messages."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def __aiter__(self) -> AsyncIterator[StreamMessage]:
        return self._messages()

    async def subscribe_logs(
        self, agents: Sequence[str], lines: int = 200, search: LogSearch = EVERYTHING
    ) -> None:
        """Ask for these agents' newest lines and each new one, instead of those before."""
        operation = control.SubscribeLogs(
            agents=list(agents), lines=lines, grep=search.grep, level=search.level
        )
        await self._connection.send(operation.model_dump_json())

    async def unsubscribe_logs(self) -> None:
        """Ask for no more log lines."""
        await self._connection.send(control.UnsubscribeLogs().model_dump_json())

    async def _messages(self) -> AsyncIterator[StreamMessage]:
        from websockets.exceptions import ConnectionClosed

        try:
            async for text in self._connection:
                yield STREAM_MESSAGE.validate_json(text)
        except ConnectionClosed:
            return


def _given(**params: Any) -> dict[str, Any]:
    """Return the parameters that have a value, dates and times as text."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in params.items()
        if value is not None
    }


def _segment(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _error_of(content: bytes, status: int) -> TradingDashboardError:
    """Return the error a body describes, as the class the supervisor raised."""
    try:
        detail = control.ErrorAnswer.model_validate_json(content).error
    except ValidationError:
        text = f"The control API answered {status} without an explanation."
        return ControlApiError(text, observed=content[:200].decode(errors="replace"))
    about: dict[str, Any] = {
        "subject": detail.subject,
        "observed": detail.observed,
        "next_step": detail.next_step,
    }
    if detail.code == errors.ConfigurationError.code:
        return _configuration_error(detail)
    kind = _ERRORS_BY_CODE.get(detail.code)
    if kind is not None:
        return kind(detail.message, **about)
    if detail.details:
        about["observed"] = json.dumps(detail.details)
    return ControlApiError(detail.message, api_code=detail.code, **about)


def _configuration_error(detail: control.ErrorDetail) -> TradingDashboardError:
    try:
        found = [ConfigurationMistake.model_validate(item) for item in detail.details]
    except ValidationError:  # of a supervisor of another version
        return ControlApiError(detail.message, api_code=detail.code, subject=detail.subject)
    return errors.ConfigurationError([errors.Mistake(**item.model_dump()) for item in found])


_ERRORS_BY_CODE: dict[str, type[TradingDashboardError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, TradingDashboardError)
    and kind not in (TradingDashboardError, errors.ConfigurationError)
}
