"""The supervisor's public face: start, stop, restart and look at agents.

Owns the agents' tasks, the order in which they start and stop, and the life of the runtime. It
does not own any agent's state (`agent_task`), serves no HTTP (`control_api`) and handles no
signals (`cli`).

As a library, from the project root: `await AgentManager().start_agent("market_data")`. Whatever
still runs when the event loop ends is stopped; if the process is killed, the guardian does it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from trading_dashboard.config import LoadedSettings, load_settings
from trading_dashboard.config.settings import AgentSettings, Settings
from trading_dashboard.models.agents import AgentInfo, Maintenance
from trading_dashboard.models.errors import SupervisorShuttingDown
from trading_dashboard.models.events import EventKind, LogFigures, LogLine
from trading_dashboard.models.requester import acted
from trading_dashboard.models.states import AgentKind
from trading_dashboard.orchestrator import monitoring
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.emergency import kill_agents
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.launching import build_launch, write_agent_token
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.maintaining import set_maintenance
from trading_dashboard.orchestrator.manager_life import ManagerLife
from trading_dashboard.orchestrator.market_time.calendars import CalendarStore
from trading_dashboard.orchestrator.messages import DependencyChanged
from trading_dashboard.orchestrator.probes import HttpProber, Prober
from trading_dashboard.orchestrator.reconfiguring import carry_out, change, plan
from trading_dashboard.orchestrator.requests import (
    StartsAskedFor,
    ask_for_starts,
    restart,
    stop,
    stop_all,
)
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.runtime import Runtime
from trading_dashboard.orchestrator.safeguards import Safeguards
from trading_dashboard.orchestrator.snapshots import initial_info, with_uptime
from trading_dashboard.orchestrator.surroundings import Surroundings


class AgentManager:
    """Supervises the agents of one project, from one event loop."""

    def __init__(
        self,
        config_path: str | None = None,
        *,
        loaded: LoadedSettings | None = None,
        runtime: Runtime | None = None,
        prober: Prober | None = None,
        calendars: CalendarStore | None = None,
        clock: Callable[[], float] = time.time,
        interpreter: str = sys.executable,
    ) -> None:
        """Read the configuration; nothing starts yet.

        Args:
            config_path: The project root, its `config` folder or an environment file; by default
                found from the current folder.
            loaded: A configuration read already; `config_path` is then ignored.
            runtime: Where agents run; by default processes of this machine.
            prober: How agents are asked for their health; by default over HTTP.
            calendars: When exchanges are open; by default computed here and kept on disk.
            clock: The wall clock of schedules and data ages.
            interpreter: What `python` in a start command means without a virtual environment.

        Raises:
            ConfigurationError: With every mistake found.
        """
        self.settings: Settings = (loaded or load_settings(config_path=config_path)).settings
        self.runtime = runtime or LocalRuntime(self.settings.state_directory, self.settings.logs)
        self._agents = Roster()
        self.events = EventHub(self._snapshot)
        self._prober = prober or HttpProber()
        kept = self.settings.state_directory / "data" / "supervisor" / "calendars"
        self._calendars = calendars or CalendarStore(kept)
        self._clock = clock
        self.safeguards = Safeguards(lambda: self.settings, self._publish, self._calendars, clock)
        self._interpreter = interpreter
        state_directory = self.settings.state_directory
        self._life = ManagerLife(
            self._agents,
            self.runtime,
            self.events,
            self._calendars,
            self.safeguards.maintenance,
            state_directory,
        )
        self._is_stopping = False
        for agent in self.settings.agents.values():
            self._add(agent, AgentKind.AGENT, {})

    # Life.

    async def open(self) -> None:
        """Claim the project and get ready to start agents. Every verb does this when needed.

        Raises:
            AlreadySupervised: Another supervisor owns the project.
            WrongEventLoop: The manager belongs to another event loop.
        """
        await self._life.open()

    async def aclose(self) -> None:
        """Stop all agents in reverse dependency order and give the project back."""
        if not self._life.is_open:
            return
        self._life.check_loop()
        await self.stop_all_agents(for_good=True)
        await self._life.close()
        self._is_stopping = False

    def add_system_agent(self, agent: AgentSettings, extra_env: Mapping[str, str]) -> None:
        """Supervise a part of the desk itself, such as the dashboard. Only before `open`."""
        self._add(agent, AgentKind.SYSTEM, extra_env)

    def begin_shutdown(self) -> None:
        """Refuse every start from now on."""
        self._is_stopping = True

    async def kill_everything(self) -> None:
        """End all process trees at once, without asking them. For a second Ctrl-C."""
        self.begin_shutdown()
        await asyncio.gather(*(task.hasten(0.0) for task in self._agents))

    # Verbs.

    async def start_agent(
        self, agent_name: str, wait_for_health: bool = True, *, origin: str = "library"
    ) -> bool:
        """Start an agent and, before it, what it depends on.

        Returns:
            True once its health endpoint answers (or, without `wait_for_health`, once its process
            is there). False if that does not happen within its `startup_timeout`, counted from
            when what it depends on is up; its `error_message` or `waiting_for` then says why,
            and the supervisor goes on trying if it may.

        Raises:
            UnknownAgent, AgentDisabled, SupervisorShuttingDown, AlreadySupervised, WrongEventLoop.
        """
        self._startable(agent_name)
        await self.open()
        self._note_action("start", agent_name, origin)
        starts = ask_for_starts(self._agents, [agent_name], wait_for_health, are_named=True)
        results = await starts.ended()
        return results[agent_name]

    async def stop_agent(
        self, agent_name: str, timeout: float | None = None, *, origin: str = "library"
    ) -> bool:
        """Stop an agent and every process it started.

        Args:
            agent_name: Whom.
            timeout: Seconds between asking and killing; by default the agent's `stop_timeout`.
            origin: Who asked, for the record.

        Returns:
            True when no process of it is alive.

        Raises:
            UnknownAgent, NotManaged, WrongEventLoop.
        """
        task = self._agents.get(agent_name)
        await self.open()
        self._note_action("stop", agent_name, origin)
        return await stop(task, timeout, "asked to stop")

    async def restart_agent(self, agent_name: str, *, origin: str = "library") -> bool:
        """Stop and start an agent. Two at once make one new process.

        Returns and raises what `start_agent` does, and NotManaged.
        """
        task = self._startable(agent_name)
        await self.open()
        self._note_action("restart", agent_name, origin)
        return await restart(self._agents, task)

    async def set_maintenance(
        self, agent_name: str, maintenance: Maintenance | None, *, origin: str = "library"
    ) -> bool:
        """Begin or change an agent's maintenance; None ends it. Raises UnknownAgent."""
        task = self._agents.get(agent_name)
        await self.open()
        self._note_action(f"maintenance {'on' if maintenance else 'off'}", agent_name, origin)
        return await set_maintenance(task, maintenance)

    async def start_all_enabled_agents(
        self, only: Iterable[str] | None = None, *, origin: str = "library"
    ) -> dict[str, bool]:
        """Start every agent that is enabled and starts by itself, in dependency order.

        One outside its hours is not started; its `schedule` then says until when it is idle.

        Args:
            only: Start these instead, with what they depend on.
            origin: Who asked, for the record.

        Returns:
            For each agent started, as `start_agent`.
        """
        chosen = self._agents.automatic() if only is None else list(only)
        for name in chosen:
            self._startable(name)
        await self.open()
        self._note_action("start all", None, origin)
        chain = self._agents.with_dependencies(chosen)
        starts = ask_for_starts(self._agents, chain, wait_for_health=True, is_automatic=True)
        return await starts.ended()

    async def stop_all_agents(
        self, *, origin: str = "library", for_good: bool = False
    ) -> dict[str, bool]:
        """Stop all agents, those that depend on others first.

        Args:
            origin: Who asked.
            for_good: Stop parts of the desk itself too, and refuse every later start.

        Returns:
            For each agent whether no process of it that we started is alive. An external agent is
            left running; it is True for it only when the desk ends with this.
        """
        if for_good:
            self.begin_shutdown()
        await self.open()
        self._note_action("stop all", None, origin)
        return await stop_all(self._agents, for_good=for_good)

    async def reconfigure(
        self, settings: Settings, *, starts_added: bool = True
    ) -> dict[str, bool]:
        """Go by another configuration of the same project; only agents that changed restart.

        Args:
            settings: The whole new configuration.
            starts_added: Start new agents that start by themselves.

        Returns:
            For each agent that was removed, stopped, restarted or started whether that worked.
        """
        results, starts = await self.begin_reconfiguring(settings, starts_added=starts_added)
        return results | await starts.ended()

    async def begin_reconfiguring(
        self, settings: Settings, *, starts_added: bool = True
    ) -> tuple[dict[str, bool], StartsAskedFor]:
        """As `reconfigure`, until the configuration counts; starts that follow are only asked for.

        One at a time: another may begin while those starts are under way.
        """
        await self.open()
        todo = plan(self._agents, settings, starts_added=starts_added)
        self.settings = settings
        before = self._agents.states()
        results, starts = await carry_out(self._agents, todo, self._add_agent)
        for name in todo.removed:
            if self._agents.find(name) is None:
                await self.safeguards.maintenance.put(name, None)
                self.events.publish(EventKind.AGENT_REMOVED, before[name])
        return results, starts

    async def emergency_stop(self, *, origin: str = "library") -> dict[str, bool]:
        """Kill every agent's processes at once; see `emergency`. Parts of the desk itself stay."""
        await self.open()
        self._note_action("emergency stop", None, origin)
        return await kill_agents(self._agents)

    async def reconfigure_system_agent(self, agent: AgentSettings) -> bool:
        """Give a part of the desk itself other settings; it is restarted if it has to be."""
        return await change(self._agents.get(agent.name), agent)

    async def start_monitoring(self, interval: float = 30) -> None:
        """Sample CPU and memory of all agents every `interval` seconds, until cancelled.

        Exits and health are watched without this; it looks for exits the system did not report.
        """
        await self.open()
        while True:
            monitoring.check_exits(self._agents)
            await self.sample_usage()
            await asyncio.sleep(interval)

    # Queries.

    async def get_agent_status(self, agent_name: str) -> AgentInfo | None:
        """Return the agent's state now, or None if there is no such agent."""
        task = self._agents.find(agent_name)
        return with_uptime(task.info) if task else None

    async def get_all_agent_status(self) -> dict[str, AgentInfo]:
        """Return the state of all agents now, in the order of the configuration."""
        return self._snapshot()

    async def sample_usage(self) -> None:
        """Measure CPU and memory of every managed agent's process tree."""
        await monitoring.sample_usage(self._agents, self.runtime)

    def logs(self, agent_name: str, lines: int = 200) -> Sequence[LogLine]:
        """Return an agent's newest log lines, oldest first.

        Raises:
            UnknownAgent
        """
        self._agents.get(agent_name)
        return self.runtime.logs(agent_name, lines)

    def log_figures(self, agent_name: str) -> LogFigures:
        """Return how much the agent has written in this run. Raises what `logs` does."""
        self._agents.get(agent_name)
        return self.runtime.log_figures(agent_name)

    def follow_logs(self, agent_names: Sequence[str]) -> AsyncIterator[LogLine]:
        """Yield log lines of these agents as they arrive. Raises what `logs` does."""
        for name in agent_names:
            self._agents.get(name)
        return self.runtime.follow_logs(agent_names)

    # Inside.

    def _add_agent(self, agent: AgentSettings) -> None:
        write_agent_token(self.settings.state_directory, agent.name)
        self._add(agent, AgentKind.AGENT, {})
        self._publish(EventKind.AGENT_ADDED, self._agents.get(agent.name).info, {})

    def _add(self, agent: AgentSettings, kind: AgentKind, extra_env: Mapping[str, str]) -> None:
        around = Surroundings(
            runtime=self.runtime,
            prober=self._prober,
            publish=self._publish,
            launch=lambda settings, generation: build_launch(
                self.settings, settings, generation, extra_env, self._interpreter
            ),
            dependency=lambda name: (self._agents.get(name).info, self._agents.get(name).is_wanted),
            is_about_to_follow=self._agents.is_about_to_follow,
            safeguards=self.safeguards,
            tell_dependents=lambda: self._tell_dependents(self._agents.get(agent.name).info),
            calendars=self._calendars,
            clock=self._clock,
            interpreter=self._interpreter,
        )
        info = initial_info(agent, kind, self.runtime.log_path(agent.name))
        self._agents.add(AgentTask(agent, info, around))

    def _publish(self, kind: EventKind, info: AgentInfo, data: dict[str, Any]) -> None:
        # Every health request changes something; nobody keeps that.
        if kind is not EventKind.AGENT_CHANGED or self.events.has_subscribers:
            self.events.publish(kind, with_uptime(self._agents.get(info.name).info), data)
        if kind in (EventKind.TRANSITION, EventKind.HEALTH_CHANGED):
            self._tell_dependents(info)

    def _tell_dependents(self, info: AgentInfo) -> None:
        for dependent in self._agents.dependents(info.name):
            dependent.post(DependencyChanged(state=info))

    def _note_action(self, action: str, agent_name: str | None, origin: str) -> None:
        info = self._agents.get(agent_name).info if agent_name else None
        self.events.publish(EventKind.OPERATOR_ACTED, info, acted(action, origin))

    def _snapshot(self) -> dict[str, AgentInfo]:
        return {name: with_uptime(info) for name, info in self._agents.states().items()}

    def _startable(self, agent_name: str) -> AgentTask:
        task = self._agents.get_enabled(agent_name)
        if self._is_stopping:
            raise SupervisorShuttingDown(
                f"Agent '{agent_name}' is not started: the supervisor is stopping.",
                subject=agent_name,
            )
        return task


_managers: list[AgentManager] = []  # at most one


def get_agent_manager(config_path: str | None = None) -> AgentManager:
    """Return this process's one manager, made at the first call.

    Raises:
        ConfigurationError: With every mistake found.
    """
    if not _managers:
        _managers.append(AgentManager(config_path))
    return _managers[0]
