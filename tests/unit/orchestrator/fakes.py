"""A runtime without processes and a prober without sockets, steered by the test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import eventually, write_project
from trading_dashboard.config import LoadedSettings, load_settings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import AgentStartFailed
from trading_dashboard.models.events import LogFigures, LogLine
from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.expectations import SUCCESS, Expectation
from trading_dashboard.orchestrator.market_time.calendars import CalendarStore
from trading_dashboard.orchestrator.output.line_watch import LineWatch
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.runtime import (
    CommandEnd,
    ExitCallback,
    ExitStatus,
    Handle,
    Launch,
    LogWatch,
    PortOwner,
    StopReport,
    Usage,
)

FAST_RESTART = {"first_delay_seconds": 0.01, "max_delay_seconds": 0.01}


@dataclass
class FakeProcess:
    """A process that exists in name only."""

    handle: Handle
    on_exit: ExitCallback
    exit_status: ExitStatus | None = None


@dataclass
class FakeRuntime:
    """Implements `Runtime`; records what it was asked to do."""

    launches: list[Launch] = field(default_factory=list)
    stops: list[tuple[str, int, float]] = field(default_factory=list)
    ports: dict[int, PortOwner] = field(default_factory=dict)
    rivals: dict[int, PortOwner] = field(default_factory=dict)
    sockets: dict[int, frozenset[int]] = field(default_factory=dict)
    commands: list[tuple[str, Launch]] = field(default_factory=list)
    command_end: CommandEnd = field(default_factory=lambda: CommandEnd(returncode=0))
    watches: dict[str, LineWatch] = field(default_factory=dict)
    removed: list[PortOwner] = field(default_factory=list)
    processes: dict[str, FakeProcess] = field(default_factory=dict)
    lines: dict[str, list[LogLine]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes each agent holds, 1000 unless said."""
    start_error: AgentStartFailed | None = None
    stop_error: Exception | None = None
    stop_gate: asyncio.Event | None = None
    """If set, `stop` waits for it."""
    open_error: Exception | None = None
    is_open: bool = False

    async def open(self) -> None:
        await asyncio.sleep(0)
        if self.open_error is not None:
            raise self.open_error
        self.is_open = True

    async def close(self) -> None:
        for process in list(self.processes.values()):
            await self.stop(process.handle, 0)
        self.is_open = False

    async def start(self, launch: Launch, on_exit: ExitCallback) -> Handle:
        assert self.is_open
        assert launch.agent not in self.processes, "two live generations of one agent"
        await asyncio.sleep(0)
        if self.start_error is not None:
            raise self.start_error
        self.launches.append(launch)
        handle = Handle(
            agent=launch.agent,
            generation=launch.generation,
            pid=10_000 + len(self.launches),
            started_at=datetime.now(UTC),
            started_monotonic=time.monotonic(),
        )
        self.processes[launch.agent] = FakeProcess(handle, on_exit)
        return handle

    async def stop(self, handle: Handle, grace_seconds: float) -> StopReport:
        self.stops.append((handle.agent, handle.generation, grace_seconds))
        if self.stop_gate is not None:
            await self.stop_gate.wait()
        if self.stop_error is not None:
            raise self.stop_error
        process = self.processes.get(handle.agent)
        status = ExitStatus(-15)
        if process is not None and process.handle is handle:
            status = process.exit_status or status
            del self.processes[handle.agent]
        return StopReport(exit_status=status, members=1, killed=0, seconds=0.0)

    def crash(self, agent: str, returncode: int = 1) -> None:
        """End the agent's leader, as if by itself."""
        process = self.processes[agent]
        process.exit_status = ExitStatus(returncode)
        process.on_exit(process.handle, process.exit_status)

    def poll(self, handle: Handle) -> ExitStatus | None:
        process = self.processes.get(handle.agent)
        return process.exit_status if process and process.handle is handle else None

    async def usage(self, handle: Handle, exact_above: int | None = None) -> Usage | None:
        return Usage(cpu_percent=1.5, memory_bytes=self.memory.get(handle.agent, 1000), processes=1)

    async def port_owner(self, host: str, port: int) -> PortOwner | None:
        return self.ports.get(port)

    async def port_rival(self, handle: Handle, host: str, port: int) -> PortOwner | None:
        return self.rivals.get(port)

    async def serves(self, handle: Handle, host: str, port: int) -> bool:
        process = self.processes.get(handle.agent)
        return process is not None and process.handle is handle and port not in self.rivals

    def listeners(self, port: int) -> frozenset[int] | None:
        return self.sockets.get(port, frozenset())

    async def run_command(self, launch: Launch, errand: str, timeout_seconds: float) -> CommandEnd:
        await asyncio.sleep(0)
        self.commands.append((errand, launch))
        return self.command_end

    def watch_log(self, agent: str, pattern: str) -> LogWatch:
        return self.watches.setdefault(agent, LineWatch(pattern, lambda _: None))

    async def remove_leftover(self, owner: PortOwner) -> bool:
        self.removed.append(owner)
        self.ports.pop(owner.port)
        return True

    def logs(self, agent: str, lines: int) -> Sequence[LogLine]:
        return self.lines.get(agent, [])[-lines:]

    async def follow_logs(self, agents: Sequence[str]) -> AsyncIterator[LogLine]:
        for agent in agents:
            for line in self.lines.get(agent, []):
                yield line

    def write_log(self, agent: str, level: str, text: str) -> None:
        self.say(agent, text, level, "supervisor")

    def say(self, agent: str, text: str, level: str = "error", stream: str = "stderr") -> None:
        """Add a line as if the agent had written it."""
        lines = self.lines.setdefault(agent, [])
        lines.append(
            LogLine(
                agent=agent,
                seq=len(lines),
                time=datetime.now(UTC),
                stream=stream,
                level=level,
                text=text,
            )
        )

    def log_figures(self, agent: str) -> LogFigures:
        return LogFigures(written_bytes=sum(len(line.text) for line in self.lines.get(agent, ())))

    def log_path(self, agent: str) -> Path:
        return Path("var/log") / f"{agent}.log"


SILENT = ProbeOutcome(
    answered=False,
    ok=False,
    health=Health.UNHEALTHY,
    message="connection refused",
    latency_seconds=0.001,
)
HEALTHY = ProbeOutcome(
    answered=True, ok=True, health=Health.HEALTHY, message=None, latency_seconds=0.001
)
DEGRADED = ProbeOutcome(
    answered=True, ok=True, health=Health.DEGRADED, message="provider away", latency_seconds=0.001
)
REFUSING = ProbeOutcome(
    answered=True,
    ok=False,
    health=Health.UNHEALTHY,
    message="/health answered 503",
    latency_seconds=0.001,
)


@dataclass
class FakeProber:
    """Answers for each path or port what the test says; healthy unless told otherwise."""

    outcomes: dict[int, ProbeOutcome] = field(default_factory=dict)
    paths: dict[str, ProbeOutcome] = field(default_factory=dict)
    default: ProbeOutcome = HEALTHY
    asked: int = 0
    asked_at: Counter[str] = field(default_factory=Counter)
    """By path."""

    async def probe(
        self, url: str, timeout_seconds: float, expected: Expectation = SUCCESS
    ) -> ProbeOutcome:
        self.asked += 1
        self.asked_at[urlsplit(url).path] += 1
        await asyncio.sleep(0)
        port = urlsplit(url).port or 0
        if (found := self.paths.get(urlsplit(url).path)) is not None:
            return found
        return self.outcomes.get(port, self.default)


def agent(port: int, **more: Any) -> dict[str, Any]:
    """Return the configuration of an agent that is asked every 0.1 s."""
    return {
        "url": f"http://127.0.0.1:{port}",
        "start_command": ["python", "-c", "pass"],
        "health_check_interval": 0.1,
        "restart": dict(FAST_RESTART),
        **more,
    }


def with_data(outcome: ProbeOutcome, data: DataReport) -> ProbeOutcome:
    """Return `outcome` with a data report."""
    return ProbeOutcome(
        answered=outcome.answered,
        ok=outcome.ok,
        health=outcome.health,
        message=outcome.message,
        latency_seconds=outcome.latency_seconds,
        data=data,
    )


@dataclass
class Desk:
    """A manager on fakes."""

    manager: AgentManager
    runtime: FakeRuntime
    prober: FakeProber


@contextlib.asynccontextmanager
async def desk(
    root: Path,
    agents: Mapping[str, Any],
    calendars: CalendarStore | None = None,
    clock: Callable[[], float] = time.time,
    more: Mapping[str, Any] | None = None,
) -> AsyncIterator[Desk]:
    """Give a manager over the agents and `more` sections given, on fakes; closed afterwards."""
    write_project(root, {"agents": dict(agents), **(more or {})})
    loaded: LoadedSettings = load_settings(root, environ={})
    runtime, prober = FakeRuntime(), FakeProber()
    manager = AgentManager(
        loaded=loaded, runtime=runtime, prober=prober, calendars=calendars, clock=clock
    )
    try:
        yield Desk(manager, runtime, prober)
    finally:
        runtime.stop_error = None
        if runtime.stop_gate is not None:
            runtime.stop_gate.set()
        await manager.aclose()


async def info(made: Desk, name: str = "a") -> AgentInfo:
    """Return what is known of an agent."""
    found = await made.manager.get_agent_status(name)
    assert found is not None
    return found


async def becomes(made: Desk, status: AgentStatus, name: str = "a") -> AgentInfo:
    """Wait until an agent has a status."""

    async def reached() -> AgentInfo | None:
        found = await info(made, name)
        return found if found.status is status else None

    found = await eventually(reached, what=f"{name} becomes {status}")
    assert found is not None
    return found
