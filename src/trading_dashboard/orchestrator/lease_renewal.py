"""The supervisor's word to agents that must not go on without it: a lease, renewed every second.

An agent with ``lease: true`` is told, with its operator token, that it is looked after, and how the
agents it depends on are. When that stops, for whatever reason, its lease runs out by itself.

The token goes to the process this supervisor started and to nobody else: not to an adopted one, not
to another machine, and not to whoever took the port. Whatever the agent does (hang, refuse, be
gone) costs nothing but its own lease, and one line in the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from pathlib import Path

import httpcore

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.risk.gate import LeaseRenewal
from trading_dashboard.models.states import AgentStatus, Health, Management
from trading_dashboard.orchestrator.addresses import host_and_port, is_loopback
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.events import EventHub, Update
from trading_dashboard.orchestrator.launching import agent_token_path
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.runtime import Handle, Runtime

PATH = "/gate/lease"
INTERVAL_SECONDS = 1.0
TTL_SECONDS = 3.0
DEADLINE_SECONDS = 0.8
MAX_REASON = 300
QUIET_SECONDS = 60.0
"""A problem with one agent is logged no more often."""

_TELLING = frozenset({EventKind.TRANSITION, EventKind.HEALTH_CHANGED})

_log = logging.getLogger("trading_dashboard.supervisor")


class LeaseRefused(Exception):
    """The renewal did not come to its end; says why, and never the token."""


class LeaseRenewer:
    """Renews the leases of one supervisor's agents. `run` is the task."""

    def __init__(
        self, agents: Roster, runtime: Runtime, events: EventHub, state_directory: Path
    ) -> None:
        self._agents = agents
        self._runtime = runtime
        self._events = events
        self._state_directory = state_directory
        self._run_id = uuid.uuid4().hex
        self._lines: dict[str, _Line] = {}
        self._reasons: dict[str, str] = {}
        """Why each agent is in the status it is in."""
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Renew every second, and at once when one they depend on changes, until cancelled."""
        end_listening = self._events.tap(self._note)
        try:
            while True:
                self._news.clear()
                await self._renew_all()
                try:
                    async with asyncio.timeout(INTERVAL_SECONDS):
                        await self._news.wait()
                except TimeoutError:
                    pass
        finally:
            end_listening()
            for line in self._lines.values():
                await line.aclose()

    def _note(self, update: Update) -> None:
        """Wake up if what happened concerns an agent with a lease. Runs within each event."""
        agent = update.agent
        if agent is None or update.event.kind not in _TELLING:
            return
        if update.event.kind is EventKind.TRANSITION:
            self._reasons[agent.name] = str(update.event.data.get("reason") or "")
        concerned = [self._agents.find(agent.name), *self._agents.dependents(agent.name)]
        if any(task is not None and task.settings.lease for task in concerned):
            self._news.set()

    async def _renew_all(self) -> None:
        leased = {task.settings.name: task for task in self._agents if task.settings.lease}
        for name in [name for name in self._lines if name not in leased]:
            await self._lines.pop(name).aclose()
        await asyncio.gather(*(self._renew(name, task) for name, task in leased.items()))

    async def _renew(self, name: str, task: AgentTask) -> None:
        """Renew one lease, if there is a process of ours to renew it for. Never raises."""
        line = self._lines.get(name)
        if line is None:
            token_file = agent_token_path(self._state_directory, name)
            line = self._lines[name] = _Line(name, self._runtime, token_file)
        try:
            handle = task.handle
            if handle is None or not _is_ours(task.info) or self._runtime.poll(handle) is not None:
                return
            async with asyncio.timeout(DEADLINE_SECONDS):
                await line.send(handle, task.settings.url, self._renewal(task))
        except (LeaseRefused, TimeoutError) as error:
            await line.failed(str(error) or f"no answer within {DEADLINE_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - supervision goes on; the lease runs out
            await line.failed(f"{type(error).__name__} in the supervisor")
        else:
            line.succeeded()

    def _renewal(self, task: AgentTask) -> LeaseRenewal:
        found = {name: self._agents.find(name) for name in task.settings.depends_on}
        infos = {name: None if other is None else other.info for name, other in found.items()}
        reasons = {name: self._reason(info) for name, info in infos.items() if info is not None}
        return LeaseRenewal(
            run_id=self._run_id,
            ttl_seconds=TTL_SECONDS,
            agents={name: _word(info) for name, info in infos.items()},
            reasons={name: reason[:MAX_REASON] for name, reason in reasons.items() if reason},
        )

    def _reason(self, info: AgentInfo) -> str | None:
        """Return what happened to an agent that is not well."""
        if info.status is not AgentStatus.RUNNING:
            return self._reasons.get(info.name)
        return None if info.health is Health.HEALTHY else info.health_message


class _Line:
    """The connection to one agent's process, and what was said of it in the log."""

    def __init__(self, name: str, runtime: Runtime, token_file: Path) -> None:
        self._name = name
        self._runtime = runtime
        self._token_file = token_file
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._generation = 0
        self._listeners: frozenset[int] | None = None
        self._token = ""
        self._problem: str | None = None
        self._told_at = -QUIET_SECONDS

    async def send(self, handle: Handle, url: str, renewal: LeaseRenewal) -> None:
        """Hand over a renewal.

        Raises:
            LeaseRefused: It was not accepted, or may not be sent.
        """
        host, port = host_and_port(url)
        if not is_loopback(host):
            raise LeaseRefused("it does not serve on this machine")
        await self._make_sure(handle, host, port)
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(max_connections=1)
            self._token = _read(self._token_file)
        headers = [
            (b"Host", f"{_bracketed(host)}:{port}".encode()),
            (b"Authorization", b"Bearer " + self._token.encode()),
            (b"Content-Type", b"application/json"),
        ]
        body = renewal.model_dump_json().encode()
        try:
            response = await self._pool.request(
                "POST", url.rstrip("/") + PATH, headers=headers, content=body
            )
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise LeaseRefused(f"{type(error).__name__}: {error}"[:200]) from error
        if not 200 <= response.status < 300:
            raise LeaseRefused(f"POST {PATH} was answered with {response.status}")

    async def failed(self, problem: str) -> None:
        """Begin anew with the next renewal, and say so now and then."""
        await self.aclose()
        now = time.monotonic()
        if now - self._told_at >= QUIET_SECONDS:
            self._told_at = now
            _log.warning("%s: its lease could not be renewed: %s", self._name, problem)
        self._problem = problem

    def succeeded(self) -> None:
        """Say that it works again, if it was said that it did not."""
        if self._problem is not None:
            _log.info("%s: its lease is renewed again", self._name)
        self._problem = None

    async def aclose(self) -> None:
        """Close the connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _make_sure(self, handle: Handle, host: str, port: int) -> None:
        """Raise LeaseRefused unless it is this process that listens on the port.

        That is found out when a connection is made, and again when other sockets listen there.
        """
        listeners = self._runtime.listeners(port)
        is_same = handle.generation == self._generation and listeners == self._listeners
        if is_same and self._pool is not None:
            return
        await self.aclose()
        if not await self._runtime.serves(handle, host, port):
            raise LeaseRefused(f"who listens on port {port} is not the process that was started")
        self._generation, self._listeners = handle.generation, listeners


def _is_ours(info: AgentInfo) -> bool:
    return info.management is Management.MANAGED and info.status is AgentStatus.RUNNING


def _word(info: AgentInfo | None) -> str:
    """Return how an agent is: its health while it runs, else what it is instead."""
    if info is None:
        return "unknown"
    return info.health.value if info.status is AgentStatus.RUNNING else info.status.value


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise LeaseRefused(f"its operator token cannot be read from {path}") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
