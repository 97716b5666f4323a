"""The end of a run: stop everything, tell what is still waited for, say how it went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from trading_dashboard.cli.formatting import duration
from trading_dashboard.cli.terminal import Terminal
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import AgentManager

PATIENCE_SECONDS = 2.0


class Ending:
    """One shutdown."""

    def __init__(self, manager: AgentManager, terminal: Terminal) -> None:
        self._manager = manager
        self._terminal = terminal
        self._began = time.monotonic()
        self._external: list[AgentInfo] = []
        self._alive: list[AgentInfo] = []

    async def run(self) -> None:
        """Stop all agents in reverse dependency order and give the project back."""
        self._began = time.monotonic()
        self._manager.begin_shutdown()
        self._manager.events.publish(EventKind.SUPERVISOR_STOPPING)
        before = await self._manager.get_all_agent_status()
        self._external = [a for a in before.values() if a.management is Management.EXTERNAL]
        telling = asyncio.create_task(self._tell_waiting(), name="waiting")
        try:
            await self._manager.aclose()
        finally:
            telling.cancel()
            self._alive = _still_alive(await self._manager.get_all_agent_status())

    def summarize(self) -> None:
        """Say what is left: nothing, or what and why."""
        seconds = duration(time.monotonic() - self._began)
        for agent in self._external:
            self._terminal.line(f"{agent.name}: left running, someone else started it.")
        for agent in self._alive:
            self._terminal.line(f"{agent.name}: pid {agent.pid} could not be ended.")
        if not self._alive:
            nothing = "Nothing else" if self._external else "Nothing"
            self._terminal.line(f"Stopped in {seconds}. {nothing} is left running.")

    async def _tell_waiting(self) -> None:
        hint = " Ctrl-C again kills at once."
        while True:
            await asyncio.sleep(PATIENCE_SECONDS)
            states = await self._manager.get_all_agent_status()
            waiting = [n for n, agent in states.items() if agent.status is AgentStatus.STOPPING]
            if waiting:
                seconds = duration(time.monotonic() - self._began)
                self._terminal.line(f"Waiting for {', '.join(waiting)} ({seconds}).{hint}")
                hint = ""


def _still_alive(states: Mapping[str, AgentInfo]) -> list[AgentInfo]:
    return [
        agent
        for agent in states.values()
        if agent.pid is not None and agent.management is Management.MANAGED
    ]
