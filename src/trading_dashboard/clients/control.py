"""The control API's typed client.

Owns requests. Errors come back as the classes the supervisor raised (`control_errors`); the stream
is `control_stream`. Knows nothing about processes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from trading_dashboard.clients.control_errors import ControlApiError, error_of
from trading_dashboard.clients.credentials import Credentials
from trading_dashboard.clients.json_client import REQUEST_TIMEOUT_SECONDS, JsonClient
from trading_dashboard.clients.lease import read_lease, read_token
from trading_dashboard.models import control
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.configuration import ConfigurationAnswer, ReloadAnswer
from trading_dashboard.models.errors import NotSupervised, TradingDashboardError
from trading_dashboard.models.history import AvailabilityAnswer, EventsAnswer, IncidentsAnswer
from trading_dashboard.models.log_search import LogSearch
from trading_dashboard.models.requester import ClientName

if TYPE_CHECKING:
    from trading_dashboard.clients.control_stream import ControlStream

__all__ = ["ControlApiError", "ControlClient"]

EVERYTHING = LogSearch()

_Answer = TypeVar("_Answer", bound=BaseModel)


class ControlClient(JsonClient):
    """Talks to one supervisor. Use it as an async context manager, from one event loop."""

    def __init__(self, base_url: str, credentials: str | Credentials) -> None:
        """Make a client.

        Args:
            base_url: Such as ``http://127.0.0.1:40123``.
            credentials: Content of ``var/run/control.token``, or what reads it again when it is
                replaced.
        """
        super().__init__(base_url)
        given = credentials
        self._credentials = Credentials(given) if isinstance(given, str) else given

    @classmethod
    def from_project(
        cls, project_root: Path, client: ClientName = "api", user: str | None = None
    ) -> Self:
        """Return a client of the supervisor that runs for a project.

        It outlives a replacement of its token, not one of the supervisor.

        Args:
            project_root: The folder that holds ``config/``.
            client: Who asks, for the supervisor's record.
            user: Which user, for the same.

        Raises:
            NotSupervised: None runs, or it does not answer requests yet.
        """
        url = _control_url(project_root)

        def reread() -> str:
            if _control_url(project_root) != url:
                raise NotSupervised(
                    "The supervisor was replaced by another.",
                    subject=str(project_root),
                    next_step="Try again.",
                )
            return read_token(project_root)

        return cls(url, Credentials(read_token(project_root), reread, client, user))

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

    async def set_maintenance(
        self, name: str, request: control.MaintenanceRequest
    ) -> control.VerbAnswer:
        """Begin, change or end an agent's maintenance. Raises UnknownAgent."""
        path = f"/v1/agents/{_segment(name)}/maintenance"
        return await self._post(path, control.VerbAnswer, request.model_dump(exclude_none=True), 0)

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

    async def emergency_stop(
        self, *, wait_seconds: float = control.MAX_WAIT_SECONDS
    ) -> control.AllAnswer:
        """Kill every agent's processes at once; the supervisor and the dashboard stay."""
        body = {"wait_seconds": wait_seconds}
        return await self._post("/v1/emergency-stop", control.AllAnswer, body, wait_seconds)

    async def rotate_tokens(self, role: control.TokenRole | None = None) -> control.RotateAnswer:
        """Replace the tokens of one role or of both; the old ones work no more."""
        body = {"role": role} if role else {}
        wait = control.MAX_WAIT_SECONDS
        return await self._post("/v1/tokens/rotate", control.RotateAnswer, body, wait)

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
        response = await self._attempt("GET", path, stream=True)
        try:
            if response.is_error:
                raise error_of(await response.aread(), response.status_code)
            yield response.aiter_bytes()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            await response.aclose()

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
        from trading_dashboard.clients.control_stream import ControlStream

        stream = await ControlStream(self._base_url, self._credentials).open()
        try:
            yield stream
        finally:
            await stream.aclose()

    async def _verb(self, name: str, verb: str, body: dict[str, Any]) -> control.VerbAnswer:
        path = f"/v1/agents/{_segment(name)}/{verb}"
        return await self._post(path, control.VerbAnswer, body, body["wait_seconds"])

    async def _post(
        self, path: str, kind: type[_Answer], body: dict[str, Any], wait_seconds: float
    ) -> _Answer:
        timeout = wait_seconds + REQUEST_TIMEOUT_SECONDS
        return await self._request("POST", path, kind, json=body or None, timeout=timeout)

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = await self._attempt(method, path, **options)
        if response.is_error:
            raise self._refusal(response)
        return response

    async def _attempt(
        self, method: str, path: str, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Send a request, and again if the token has been replaced meanwhile."""
        used = self._credentials.token
        response = await self._send_once(method, path, stream, options)
        if response.status_code == HTTPStatus.UNAUTHORIZED and await self._credentials.renew(used):
            await response.aclose()
            response = await self._send_once(method, path, stream, options)
        return response

    async def _send_once(
        self, method: str, path: str, stream: bool, options: dict[str, Any]
    ) -> httpx.Response:
        headers = self._credentials.headers
        request = self._http.build_request(method, path, headers=headers, **options)
        try:
            return await self._http.send(request, stream=stream)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> NotSupervised:
        from trading_dashboard.clients.control_stream import unreachable

        return unreachable(self._base_url, error)

    def _refusal(self, response: httpx.Response) -> TradingDashboardError:
        return error_of(response.content, response.status_code)

    def _misunderstood(self, message: str, path: str, response: httpx.Response) -> ControlApiError:
        return ControlApiError(
            message, subject=path, observed=response.text[:200], next_step="Do versions match?"
        )


def _control_url(project_root: Path) -> str:
    lease = read_lease(project_root)
    if lease.control_url is None:
        raise NotSupervised(
            f"The supervisor of {project_root} (process {lease.pid}) serves no requests.",
            subject=str(project_root),
            next_step="Try again in a moment; it may just be starting.",
        )
    return lease.control_url


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
