"""A supervisor without processes, served over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trading_dashboard.control_api.app import create_app
from trading_dashboard.control_api.listening import bind_loopback
from trading_dashboard.control_api.server import ControlServer
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.control import SupervisorInfo, TokenRole
from trading_dashboard.models.errors import AgentDisabled, NotManaged, UnknownAgent
from trading_dashboard.models.events import EventKind, LogFigures, LogLine
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.history.event_history import EventHistory

TOKEN = "token-of-this-run"
READ_TOKEN = "token-to-look-only"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def log_line(agent: str, seq: int) -> LogLine:
    return LogLine(
        agent=agent, seq=seq, time=NOW, stream="stdout", level="info", text=f"line {seq}"
    )


class FakeManager:
    """Agents that change state at once; `gate` holds verbs back until it is set."""

    def __init__(self) -> None:
        self.infos = {
            name: AgentInfo(
                name=name, path="/x", url=f"http://localhost:{port}", port=port,
                enabled=name != "disabled", log_path=f"/x/{name}.log",
            )
            for name, port in (("first", 1), ("disabled", 2), ("external", 3), ("buggy", 4))
        }  # fmt: skip
        self.events = EventHub(lambda: dict(self.infos))
        self.gate = asyncio.Event()
        self.gate.set()
        self.actions: list[tuple[str, str, str]] = []
        self.lines: dict[str, list[LogLine]] = {name: [] for name in self.infos}
        self.written: dict[str, LogFigures] = {}
        self._followers: list[asyncio.Queue[LogLine]] = []

    async def start_agent(
        self, agent_name: str, wait_for_health: bool = True, *, origin: str = "library"
    ) -> bool:
        if agent_name == "disabled":
            raise AgentDisabled("Agent 'disabled' is disabled.", subject=agent_name)
        if agent_name == "buggy":
            raise ZeroDivisionError("secret detail")
        await self.gate.wait()
        self.actions.append(("start", agent_name, origin))
        self.set(agent_name, AgentStatus.RUNNING)
        return True

    async def stop_agent(
        self, agent_name: str, timeout: float | None = None, *, origin: str = "library"
    ) -> bool:
        if agent_name == "external":
            raise NotManaged("Agent 'external' is not ours.", subject=agent_name)
        await self.gate.wait()
        self.actions.append(("stop", agent_name, origin))
        self.set(agent_name, AgentStatus.STOPPED)
        return True

    async def restart_agent(self, agent_name: str, *, origin: str = "library") -> bool:
        self.actions.append(("restart", agent_name, origin))
        self.set(agent_name, AgentStatus.RUNNING)
        return True

    async def set_maintenance(
        self, agent_name: str, maintenance: Maintenance | None, *, origin: str = "library"
    ) -> bool:
        self.actions.append(("maintenance", agent_name, origin))
        changed = self.infos[agent_name].model_copy(update={"maintenance": maintenance})
        self.infos[agent_name] = changed
        return True

    async def start_all_enabled_agents(
        self, only: Sequence[str] | None = None, *, origin: str = "library"
    ) -> dict[str, bool]:
        return {"first": await self.start_agent("first", origin=origin)}

    async def stop_all_agents(self, *, origin: str = "library") -> dict[str, bool]:
        return {"first": await self.stop_agent("first", origin=origin)}

    async def emergency_stop(self, *, origin: str = "library") -> dict[str, bool]:
        self.actions.append(("emergency stop", "", origin))
        self.set("first", AgentStatus.STOPPED)
        return {"first": True, "external": False}

    async def get_agent_status(self, agent_name: str) -> AgentInfo | None:
        return self.infos.get(agent_name)

    async def get_all_agent_status(self) -> dict[str, AgentInfo]:
        return dict(self.infos)

    def log_figures(self, agent_name: str) -> LogFigures:
        self._known(agent_name)
        return self.written.get(agent_name, LogFigures())

    def logs(self, agent_name: str, lines: int = 200) -> Sequence[LogLine]:
        self._known(agent_name)
        return self.lines[agent_name][-lines:]

    async def follow_logs(self, agent_names: Sequence[str]) -> AsyncIterator[LogLine]:
        for name in agent_names:
            self._known(name)
        queue: asyncio.Queue[LogLine] = asyncio.Queue()
        self._followers.append(queue)
        while True:
            yield await queue.get()

    def set(self, name: str, status: AgentStatus) -> None:
        health = Health.HEALTHY if status is AgentStatus.RUNNING else Health.UNKNOWN
        info = self.infos[name].model_copy(update={"status": status, "health": health})
        self.infos[name] = info
        self.events.publish(EventKind.TRANSITION, info, {"to": status})

    def write(self, agent: str) -> None:
        line = log_line(agent, len(self.lines[agent]))
        self.lines[agent].append(line)
        for queue in self._followers:
            queue.put_nowait(line)

    @property
    def followers(self) -> int:
        return len(self._followers)

    def _known(self, name: str) -> None:
        if name not in self.infos:
            raise UnknownAgent(f"No agent is called '{name}'.", subject=name)


@dataclass
class Desk:
    """A served fake supervisor."""

    manager: FakeManager
    server: ControlServer
    supervision: Supervision
    tokens: Tokens
    stored: dict[TokenRole, str]
    """What would be in the tokens' files."""
    shutdowns: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url


@asynccontextmanager
async def serve(
    heartbeat_seconds: float = 5.0,
    stream_capacity: int = 1000,
    history: EventHistory | None = None,
) -> AsyncIterator[Desk]:
    """Serve a fake supervisor on a free port until the block is left."""
    manager = FakeManager()
    shutdowns: list[str] = []
    stored = {TokenRole.OPERATOR: TOKEN, TokenRole.READ_ONLY: READ_TOKEN}
    tokens = Tokens(stored, stored.__setitem__)
    info = SupervisorInfo(
        run_id="r1", pid=1, version="0", environment="development", project_root="/x",
        started_at=NOW, state="running",
    )  # fmt: skip
    supervision = Supervision(
        agents=manager,
        describe=lambda: info,
        request_shutdown=shutdowns.append,
        history=history,
    )
    app = create_app(
        supervision, tokens, heartbeat_seconds=heartbeat_seconds, stream_capacity=stream_capacity
    )
    server = ControlServer(app, bind_loopback(0))
    await server.start()
    try:
        yield Desk(manager, server, supervision, tokens, stored, shutdowns)
    finally:
        await server.aclose()
