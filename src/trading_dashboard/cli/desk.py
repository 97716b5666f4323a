"""One run of the desk: open, start, serve, wait, end.

Owns the order of these and the supervisor's own state. What agents do is the manager's, what the
terminal shows is `narration` and `progress`, what clients see is the control API.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from trading_dashboard import __version__
from trading_dashboard.cli.browser import has_display, open_browser
from trading_dashboard.cli.dashboard_agent import NAME as DASHBOARD
from trading_dashboard.cli.dashboard_agent import DashboardPlan, plan_dashboard, replan_dashboard
from trading_dashboard.cli.ending import Ending
from trading_dashboard.cli.formatting import hours_text, waiting_text
from trading_dashboard.cli.login import login_link
from trading_dashboard.cli.narration import Narrator
from trading_dashboard.cli.progress import REFRESH_SECONDS, Progress, progress_for
from trading_dashboard.cli.run_files import (
    RunSecrets,
    remove_run_secrets,
    write_run_secrets,
    write_token,
)
from trading_dashboard.cli.signals import HANG_UP, signal_queue
from trading_dashboard.cli.supervisor_log import SupervisorLog
from trading_dashboard.cli.terminal import Terminal
from trading_dashboard.config import LoadedSettings, Settings, check_startable
from trading_dashboard.control_api.listening import bind_loopback
from trading_dashboard.models.control import SupervisorInfo, SupervisorState
from trading_dashboard.models.errors import SupervisorShuttingDown, TradingDashboardError
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.requester import acted
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.dependencies import with_dependencies
from trading_dashboard.orchestrator.events import Lagged, Update
from trading_dashboard.orchestrator.history.event_history import EventHistory
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.reloading import ConfigurationReloader

if TYPE_CHECKING:
    from trading_dashboard.control_api.server import ControlServer

ORIGIN = "cli"
MONITOR_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Desk:
    """One run, from the claim on the project to the last process's end."""

    def __init__(
        self,
        loaded: LoadedSettings,
        terminal: Terminal,
        log: SupervisorLog,
        only: Sequence[str] = (),
    ) -> None:
        self._settings = loaded.settings
        self._terminal = terminal
        self._log_file = log
        self._only = list(only)
        self._runtime = LocalRuntime(
            loaded.settings.state_directory, loaded.settings.logs, is_dedicated=True
        )
        self._manager = AgentManager(loaded=loaded, runtime=self._runtime)
        self._history = EventHistory(
            loaded.settings.state_directory, self._runtime.run_id, loaded.settings.history
        )
        self._dashboard = DashboardPlan()
        self._reloader = ConfigurationReloader(
            self._manager,
            loaded,
            check=partial(check_startable, only=only or None),
            apply_to_desk=self._reconfigure,
            starts_added=not only,
        )
        self._secrets = RunSecrets({}, b"")
        self._state: SupervisorState = "starting"
        self._started_at = datetime.now(UTC)
        self._stop = asyncio.Event()
        self._narrator = Narrator()
        self._progress: Progress | None = None
        self._is_welcomed = False
        self._opening: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run until somebody asks for the end; return when nothing is left.

        Raises:
            AlreadySupervised: Another supervisor owns the project.
            TradingDashboardError: What else keeps the desk from starting.
        """
        with signal_queue() as signals:
            watching = asyncio.create_task(self._watch(signals), name="signals")
            try:
                await self._run()
            finally:
                watching.cancel()

    def describe(self) -> SupervisorInfo:
        """Return the supervisor's own state now."""
        return SupervisorInfo(
            run_id=self._runtime.run_id,
            pid=os.getpid(),
            version=__version__,
            environment=self._settings.environment,
            project_root=str(self._settings.project_root),
            started_at=self._started_at,
            dashboard_url=self._dashboard.url,
            state=self._state,
        )

    def request_shutdown(self, origin: str) -> None:
        """Begin the end because a client asked for it; returns at once."""
        self._begin_end("Asked to end", origin)

    # Life.

    async def _run(self) -> None:
        settings = self._settings
        state_directory = settings.state_directory
        await self._add_dashboard()
        async with AsyncExitStack() as at_end:
            listener = _listen(settings.control_api.port)
            at_end.callback(listener.close)
            await self._manager.open()
            ending = Ending(self._manager, self._terminal)
            at_end.callback(ending.summarize)
            self._log_file.open(state_directory / "log", settings.logs)
            self._history.open(self._manager.events)
            at_end.push_async_callback(self._history.aclose)
            at_end.callback(remove_run_secrets, state_directory)
            self._secrets = write_run_secrets(state_directory)
            self._announce(listener)
            serving = asyncio.create_task(self._serve(listener), name="control API")
            at_end.push_async_callback(_close_server, serving)
            telling = asyncio.create_task(self._tell(), name="terminal")
            at_end.push_async_callback(_finish, telling)
            at_end.push_async_callback(self._end, ending)
            await self._until_asked_to_stop(serving, telling)

    async def _add_dashboard(self) -> None:
        settings = self._settings
        plan = await plan_dashboard(settings.dashboard, settings.project_root, self._runtime)
        self._dashboard = plan
        if plan.agent is not None:
            state = {"TRADING_DASHBOARD_STATE_DIRECTORY": str(settings.state_directory)}
            self._manager.add_system_agent(plan.agent, state)

    async def _reconfigure(self, settings: Settings) -> dict[str, bool]:
        """Apply what a reload changed for the desk itself."""
        is_other = settings.dashboard != self._settings.dashboard
        self._settings = settings
        plan = replan_dashboard(self._dashboard, settings.dashboard)
        if not is_other or plan.agent is None or plan.agent == self._dashboard.agent:
            return {}
        self._dashboard = plan
        is_up = await self._manager.reconfigure_system_agent(plan.agent)
        self._runtime.update_lease(dashboard_url=plan.url)
        return {DASHBOARD: is_up}

    def _announce(self, listener: socket.socket) -> None:
        """Say where this run serves: on disk, in the terminal, to subscribers."""
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._runtime.update_lease(control_url=url, dashboard_url=self._dashboard.url)
        for line in self._opening_lines():
            self._terminal.line(line)
        self._manager.events.publish(
            EventKind.SUPERVISOR_STARTED, data={"pid": os.getpid(), "version": __version__}
        )

    def _opening_lines(self) -> list[str]:
        settings = self._settings
        lines = [
            f"Trading Dashboard {__version__}, {settings.environment}. Ctrl-C ends everything."
        ]
        added = [name for name in self._chosen() if name not in self._only and name != DASHBOARD]
        if self._only and added:
            lines.append(f"Also starting what they depend on: {', '.join(added)}.")
        if self._dashboard.trouble:
            lines.append(self._dashboard.trouble)
        return lines

    def _chosen(self) -> list[str]:
        """Return who is to start, in the order of the configuration."""
        agents = self._settings.agents
        wanted = (
            with_dependencies(agents, self._only)
            if self._only
            else {name for name, agent in agents.items() if agent.enabled and agent.auto_start}
        )
        parts = [DASHBOARD] if self._dashboard.agent else []
        return [*(name for name in agents if name in wanted), *parts]

    async def _until_asked_to_stop(self, *companions: asyncio.Task[Any]) -> None:
        """Start agents, then wait for the end. A fault of a companion task is raised."""
        if self._stop.is_set():
            return
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        starting = asyncio.create_task(self._start(), name="start")
        monitoring = asyncio.create_task(
            self._manager.start_monitoring(MONITOR_SECONDS), name="usage"
        )
        reloading = asyncio.create_task(self._reloader.watch(), name="configuration")
        own = (stopping, starting, monitoring, reloading)
        pending: set[asyncio.Task[Any]] = {*own, *companions}
        try:
            while not stopping.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in own:
                task.cancel()
            await asyncio.gather(*own, return_exceptions=True)

    async def _start(self) -> None:
        """Start what was chosen; failures are the agents' and are told as they happen."""
        with suppress(SupervisorShuttingDown):
            await self._manager.start_all_enabled_agents(self._chosen(), origin=ORIGIN)
        self._state = "running"
        await self._finish_progress()
        states = await self._manager.get_all_agent_status()
        up = [name for name in self._chosen() if states[name].status is AgentStatus.RUNNING]
        self._terminal.line(f"{len(up)} of {len(self._chosen())} are running.")
        for name in self._chosen():
            agent = states[name]
            if agent.waiting_for:
                self._terminal.line(f"{name}: {waiting_text(agent, states)}")
            elif hours := hours_text(agent):
                self._terminal.line(f"{name}: {hours}")
            elif agent.has_finished and agent.status is AgentStatus.STOPPED:
                self._terminal.line(f"{name}: it has finished, {agent.last_exit}")
        gc.collect()
        gc.freeze()  # what stays for good need not be looked at again

    async def _serve(self, listener: socket.socket) -> ControlServer:
        """Serve the control API. It is loaded while agents start: both take a moment."""
        await asyncio.to_thread(importlib.import_module, "trading_dashboard.control_api.app")
        from trading_dashboard.control_api.app import create_app
        from trading_dashboard.control_api.server import ControlServer
        from trading_dashboard.control_api.supervision import Supervision
        from trading_dashboard.control_api.tokens import Tokens

        supervision = Supervision(
            agents=self._manager,
            describe=self.describe,
            request_shutdown=self.request_shutdown,
            history=self._history,
            reloader=self._reloader,
        )
        store = partial(write_token, self._settings.state_directory)
        tokens = Tokens(self._secrets.tokens, store)
        server = ControlServer(create_app(supervision, tokens), listener)
        await server.start()
        return server

    async def _end(self, ending: Ending) -> None:
        self._state = "stopping"
        await self._finish_progress()
        await ending.run()

    # The terminal.

    async def _tell(self) -> None:
        """Tell what happens, until the manager's events end."""
        self._progress = progress_for(self._terminal, self._chosen())
        self._narrator.tells_starts = not self._progress.shows_starts
        redrawing = asyncio.create_task(self._redraw(), name="progress")
        try:
            is_over = False
            while not is_over:
                with self._manager.events.subscribe() as updates, suppress(Lagged):
                    async for update in updates:
                        self._tell_one(update)
                    is_over = True
        finally:
            redrawing.cancel()

    async def _redraw(self) -> None:
        while self._progress is not None:
            self._progress.refresh(await self._manager.get_all_agent_status())
            await asyncio.sleep(REFRESH_SECONDS)

    def _tell_one(self, update: Update) -> None:
        line = self._narrator.line(update)
        if line:
            self._write(line)
        agent = update.agent
        if agent is None or agent.name != DASHBOARD or self._is_welcomed:
            return
        if agent.status is AgentStatus.ERROR and update.event.kind is EventKind.TRANSITION:
            self._write("The agents run without the dashboard.")
        if agent.status is AgentStatus.RUNNING and agent.management is Management.MANAGED:
            self._is_welcomed = True
            self._welcome(agent.url)

    def _welcome(self, url: str) -> None:
        """Show the way in, and open the browser if there is one to see."""
        key = self._secrets.login_key
        self._write(f"Dashboard: {login_link(url, key)}")
        self._write(
            "The link works once, for ten minutes; `trading-dashboard login` prints another."
        )
        if self._settings.dashboard.open_browser and has_display():
            self._opening = asyncio.create_task(open_browser(login_link(url, key)))

    def _write(self, line: str) -> None:
        if self._progress is not None:
            self._progress.line(line)
        else:
            self._terminal.line(line)

    async def _finish_progress(self) -> None:
        """From now on there are only lines."""
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.refresh(await self._manager.get_all_agent_status())
            progress.close()
        self._narrator.tells_starts = True

    # Signals.

    async def _watch(self, signals: asyncio.Queue[signal.Signals]) -> None:
        """Begin the end at the first signal, kill at the second.

        A closing terminal may hang up twice, so a second SIGHUP means nothing new.
        """
        first = await signals.get()
        self._begin_end("Ctrl-C" if first is signal.SIGINT else first.name, first.name)
        while True:
            if await signals.get() is not HANG_UP:
                self._terminal.line("Killing what is left.")
                await self._manager.kill_everything()

    def _begin_end(self, reason: str, origin: str) -> None:
        """Say why everything ends, the first time, and let it end."""
        if not self._stop.is_set():
            self._terminal.line(f"{reason}: stopping everything.")
            _log.info("%s: stopping", reason)
            self._manager.events.publish(EventKind.OPERATOR_ACTED, data=acted("end", origin))
            self._stop.set()


def _listen(port: int) -> socket.socket:
    try:
        return bind_loopback(port)
    except OSError as error:
        raise TradingDashboardError(
            f"The control API cannot listen on port {port}: {error.strerror}.",
            subject="control_api.port",
            observed=port,
            next_step="Set control_api.port to another port; 0 takes any.",
        ) from error


async def _close_server(serving: asyncio.Task[ControlServer]) -> None:
    """Close the server if it came to be; why it did not was raised where it was waited for."""
    await asyncio.wait({serving})
    if not serving.cancelled() and serving.exception() is None:
        await serving.result().aclose()


async def _finish(task: asyncio.Task[None]) -> None:
    """Let a task end by itself, but not forever."""
    await asyncio.wait({task}, timeout=1.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
