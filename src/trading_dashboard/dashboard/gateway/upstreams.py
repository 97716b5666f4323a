"""Where the control API and the agents are, and with which authority the gateway asks them.

Owns addresses and tokens on the server's side. Only agents the supervisor knows can be reached,
only under their own address, and only by paths that mean what they look like.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from trading_dashboard.dashboard.desk_files import DeskFiles
from trading_dashboard.models.errors import NotSupervised, TradingDashboardError, UnknownAgent
from trading_dashboard.models.requester import ADDRESS_HEADER, CLIENT_HEADER, is_address

_SEGMENT = re.compile(r"(?:[A-Za-z0-9_^=~!$,:+-]|%5E|%3D|%2B|%3A|\.(?!\.))+")
_AGENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CACHE_SECONDS = 2.0
_LOOKUP_TIMEOUT_SECONDS = 2.0


class PathRefused(TradingDashboardError):
    """A path that is not plainly below the agent's own address."""

    code = "path_refused"


@dataclass(frozen=True, slots=True)
class Target:
    """One resolved request.

    Attributes:
        url: Absolute, http or https, with the query.
        headers: What the gateway adds.
        subject: Whom it goes to, for messages.
        is_control: Whether that is the control API, whose token may be replaced at any time.
    """

    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subject: str = "supervisor"
    is_control: bool = False

    @property
    def socket_url(self) -> str:
        """Return the same address for a WebSocket."""
        scheme = "wss" if self.url.scheme == "https" else "ws"
        return str(self.url.copy_with(scheme=scheme))


Renew = Callable[[], Awaitable[Target | None]]
"""Resolves a refused request again; None if that would give the same token."""


class Upstreams:
    """Resolves what the browser asked for."""

    def __init__(self, files: DeskFiles, client: httpx.AsyncClient) -> None:
        self._files = files
        self._client = client
        self._agents: dict[str, Any] = {}
        self._agents_from: str | None = None
        self._agents_until = 0.0
        self._lock = asyncio.Lock()

    def control(self, raw_path: str, query: str = "", visitor: str | None = None) -> Target:
        """Return the control API's endpoint ``/v1/<raw_path>``.

        Args:
            raw_path: Plain, relative.
            query: Without the question mark.
            visitor: The browser's address, for the supervisor's record of who did what.

        Raises:
            NotSupervised: No supervisor owns this desk.
            PathRefused: The path is not plain.
        """
        base, token = self._files.control_url(), self._files.control_token()
        if base is None or token is None:
            raise _not_supervised()
        path = f"/v1/{_plain_path(raw_path)}"
        headers = {"authorization": f"Bearer {token}", CLIENT_HEADER.lower(): "dashboard"}
        if visitor is not None and is_address(visitor):
            headers[ADDRESS_HEADER.lower()] = visitor
        return Target(_join(base, path, query), headers, is_control=True)

    async def agent(
        self, name: str, raw_path: str, query: str = "", *, with_authority: bool = False
    ) -> Target:
        """Return the agent's endpoint; `with_authority` adds its operator token.

        Without it the read token is added, of an agent that has one.

        Raises:
            UnknownAgent: The supervisor has no agent of that name.
            NotSupervised: The supervisor does not answer.
            PathRefused: The path is not plain.
        """
        path = f"/{_plain_path(raw_path)}"
        info = (await self._known_agents()).get(name) if _AGENT_NAME.fullmatch(name) else None
        if not isinstance(info, dict) or not _is_http(str(info.get("url"))):
            raise UnknownAgent("No agent of that name is configured.", subject=name)
        headers: dict[str, str] = {}
        if info.get("management") != "external":
            files = self._files
            token = files.agent_token(name) if with_authority else files.read_token(name)
            if token is not None:
                headers["authorization"] = f"Bearer {token}"
        return Target(_join(str(info["url"]), path, query), headers, name)

    async def _known_agents(self) -> dict[str, Any]:
        async with self._lock:
            target = self.control("status")
            is_same = self._agents_from == str(target.url)
            if is_same and time.monotonic() < self._agents_until:
                return self._agents
            self._agents = await self._ask(target)
            self._agents_from = str(target.url)
            self._agents_until = time.monotonic() + _CACHE_SECONDS
            return self._agents

    async def _ask(self, target: Target) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_SECONDS):
                response = await self._client.get(target.url, headers=dict(target.headers))
                if response.status_code == HTTPStatus.UNAUTHORIZED:  # replaced meanwhile
                    renewed = dict(self.control("status").headers)
                    response = await self._client.get(target.url, headers=renewed)
            response.raise_for_status()
            agents = response.json()["agents"]
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise _not_supervised() from error
        return agents if isinstance(agents, dict) else {}


def _not_supervised() -> NotSupervised:
    return NotSupervised(
        "The supervisor does not answer.",
        subject="supervisor",
        next_step="Start the desk again: trading-dashboard up",
    )


def _plain_path(raw_path: str) -> str:
    """Return the path if every segment is plain: nothing to normalise, decode or escape."""
    segments = raw_path.split("/")
    if all(_SEGMENT.fullmatch(segment) and segment != "." for segment in segments):
        return raw_path
    raise PathRefused("This path is not forwarded.", observed=raw_path[:200])


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _join(base: str, path: str, query: str) -> httpx.URL:
    prefix = httpx.URL(base).raw_path.decode("ascii").partition("?")[0].rstrip("/")
    raw = f"{prefix}{path}" + (f"?{query}" if query else "")
    if not raw.isascii():
        raise PathRefused("This path is not forwarded.", observed=raw[:200])
    try:
        return httpx.URL(base).copy_with(raw_path=raw.encode("ascii"), fragment=None)
    except httpx.InvalidURL as error:  # too long, or with control characters
        raise PathRefused("This path is not forwarded.", observed=raw[:200]) from error
