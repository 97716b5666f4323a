"""Start-up progress: a table that is drawn again on a terminal, nothing where lines are kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from trading_dashboard.cli.drawing import live_on
from trading_dashboard.cli.formatting import duration
from trading_dashboard.cli.terminal import Terminal
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentStatus

if TYPE_CHECKING:
    from rich.table import Table

REFRESH_SECONDS = 0.25
_DONE = (AgentStatus.RUNNING, AgentStatus.ERROR, AgentStatus.STOPPED)
_STYLES = {AgentStatus.RUNNING: "green", AgentStatus.ERROR: "red", AgentStatus.BACKOFF: "yellow"}


class Progress(Protocol):
    """How a start-up is shown."""

    shows_starts: bool
    """Whether starting and running agents are shown without further lines."""

    def line(self, text: str) -> None:
        """Write a line without disturbing what is shown."""

    def refresh(self, agents: Mapping[str, AgentInfo]) -> None:
        """Show the agents as they are now."""

    def close(self) -> None:
        """Leave the last state standing; lines go on."""


def progress_for(terminal: Terminal, names: Sequence[str]) -> Progress:
    """Return the progress display that suits the terminal."""
    return LiveProgress(terminal, names) if terminal.is_interactive else PlainProgress(terminal)


class PlainProgress:
    """Lines only, for files, pipes and logs."""

    shows_starts = False

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def line(self, text: str) -> None:
        """Write a line."""
        self._terminal.line(text)

    def refresh(self, agents: Mapping[str, AgentInfo]) -> None:
        """Show nothing: transitions are lines already."""

    def close(self) -> None:
        """Do nothing."""


class LiveProgress:
    """One row per agent, redrawn in place."""

    shows_starts = True

    def __init__(self, terminal: Terminal, names: Sequence[str]) -> None:
        self._names = list(names)
        self._began = time.monotonic()
        self._ended: dict[str, float] = {}
        self._live = live_on(terminal)

    def line(self, text: str) -> None:
        """Write a line above the table."""
        self._live.console.print(text, soft_wrap=True)

    def refresh(self, agents: Mapping[str, AgentInfo]) -> None:
        """Draw the table again."""
        shown = [agents[name] for name in self._names if name in agents]
        if self._live.is_started:
            self._live.update(self._table(shown), refresh=True)

    def close(self) -> None:
        """Stop drawing; the last table stays."""
        self._live.stop()

    def _table(self, agents: Sequence[AgentInfo]) -> Table:
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for agent in agents:
            style = _STYLES.get(agent.status, "")
            table.add_row(f"  {agent.name}", _words(agent), self._elapsed(agent), style=style)
        return table

    def _elapsed(self, agent: AgentInfo) -> str:
        now = time.monotonic()
        if agent.status in _DONE and agent.generation:
            now = self._ended.setdefault(agent.name, now)
        else:
            self._ended.pop(agent.name, None)
        return duration(now - self._began)


def _words(agent: AgentInfo) -> str:
    if agent.waiting_for:
        return f"waits for {', '.join(agent.waiting_for)}"
    if agent.is_idle and agent.schedule is not None:
        return agent.schedule.text
    if agent.status is AgentStatus.RUNNING:
        return f"running, pid {agent.pid}, {agent.url}"
    return str(agent.status)
