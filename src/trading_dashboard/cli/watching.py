"""`status --watch`: the desk as it changes, until Ctrl-C, over the supervisor's ends and starts.

Owns the connection's life and what is shown when it is lost. A terminal is drawn again in place;
anything else gets a line for each thing worth one, or each message as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from trading_dashboard.cli.drawing import live_on
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.formatting import status_lines
from trading_dashboard.cli.narration import Narrator
from trading_dashboard.cli.remote import Action, Context, client_of, reader_watched
from trading_dashboard.cli.reporting import say
from trading_dashboard.cli.terminal import Terminal
from trading_dashboard.clients.lease import read_lease
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import (
    HeartbeatMessage,
    SnapshotMessage,
    StatusAnswer,
    StreamMessage,
    SupervisorInfo,
    UpdateMessage,
)
from trading_dashboard.models.errors import LeaseDamaged, NotSupervised, Unauthorized
from trading_dashboard.models.events import EventKind
from trading_dashboard.orchestrator.events import Update

SILENCE_SECONDS = 15.0
"""Heartbeats come every 5: such a silence means that nobody is there."""
RETRY_SECONDS = 0.5
REDRAW_SECONDS = 1.0
ENDED = "The supervisor has ended. Waiting for the next one; Ctrl-C ends this."
SILENT = "The supervisor does not answer. Trying again; Ctrl-C ends this."
BACK = "The supervisor answers again."


class View(Protocol):
    """How the desk is shown."""

    def show(self, message: StreamMessage) -> None:
        """Show what a message tells."""

    def lost(self, reason: str) -> None:
        """Show that no supervisor answers, and why."""

    def redraw(self) -> None:
        """Show what has changed by time alone."""

    def close(self) -> None:
        """Leave what is shown standing."""


def watch(as_json: bool) -> Action:
    """Show the desk and each change."""

    async def action(context: Context) -> ExitCode:
        await context.client.status()  # without a supervisor at first there is nothing to watch
        view = _view(as_json)
        drawing = asyncio.create_task(_redraw(view), name="redraw")
        try:
            with reader_watched():
                await _watch(context.root, view)
        finally:
            drawing.cancel()
            view.close()
        return ExitCode.OK

    return action


async def _watch(root: Path, view: View) -> None:
    """Follow one supervisor after the other. Ends by being cancelled."""
    while True:
        with contextlib.suppress(NotSupervised, Unauthorized, TimeoutError):
            async with client_of(root) as client, client.stream() as stream:
                async for message in _until_silent(aiter(stream)):
                    view.show(message)
        view.lost(_why_lost(root))
        await asyncio.sleep(RETRY_SECONDS)


def _why_lost(root: Path) -> str:
    try:
        read_lease(root)
    except LeaseDamaged:
        return SILENT
    except NotSupervised:
        return ENDED
    return SILENT


async def _until_silent(messages: AsyncIterator[StreamMessage]) -> AsyncIterator[StreamMessage]:
    """Yield messages until they end.

    Raises:
        TimeoutError: None came for too long.
    """
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await anext(messages)
        except StopAsyncIteration:
            return
        yield message


async def _redraw(view: View) -> None:
    while True:
        await asyncio.sleep(REDRAW_SECONDS)
        view.redraw()


def _view(as_json: bool) -> View:
    if as_json:
        return JsonView()
    terminal = Terminal()
    if terminal.is_interactive:
        return LiveView(terminal)
    terminal.close()
    return LinesView()


class JsonView:
    """Each message but heartbeats, one per line; nothing while no supervisor is there."""

    def show(self, message: StreamMessage) -> None:
        """Print it."""
        if not isinstance(message, HeartbeatMessage):
            say(message.model_dump_json())

    def lost(self, reason: str) -> None:
        """Print nothing: the next snapshot says enough."""

    def redraw(self) -> None:
        """Print nothing."""

    def close(self) -> None:
        """Print nothing."""


class LinesView:
    """The table once per supervisor, then a line for what is worth one."""

    def __init__(self) -> None:
        self._narrator = Narrator()
        self._run_id = ""
        self._lost = ""

    def show(self, message: StreamMessage) -> None:
        """Print what it tells."""
        if isinstance(message, SnapshotMessage):
            is_new = message.supervisor.run_id != self._run_id
            was_lost, self._lost = self._lost, ""
            self._run_id = message.supervisor.run_id
            if was_lost and not is_new:
                say(BACK)
            if is_new:
                answer = StatusAnswer(supervisor=message.supervisor, agents=message.agents)
                for line in status_lines(answer):
                    say(line)
        elif isinstance(message, UpdateMessage):
            told = self._narrator.line(Update(message.event, message.agent))
            if told:
                say(f"{message.event.time.astimezone():%H:%M:%S} {told}")

    def lost(self, reason: str) -> None:
        """Say so, once."""
        if reason != self._lost:
            self._lost = reason
            say(reason)

    def redraw(self) -> None:
        """Print nothing: lines stay."""

    def close(self) -> None:
        """Print nothing."""


class LiveView:
    """The table, drawn again in place."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._supervisor: SupervisorInfo | None = None
        self._agents: dict[str, AgentInfo] = {}
        self._lost = ""
        self._drawn_at = 0.0
        self._live = live_on(terminal)

    def show(self, message: StreamMessage) -> None:
        """Take it in and draw, but not for every one of a thousand at once."""
        if isinstance(message, SnapshotMessage):
            self._supervisor, self._agents = message.supervisor, dict(message.agents)
            self._lost = ""
            self.redraw()
        elif isinstance(message, UpdateMessage) and message.agent is not None:
            if message.event.kind is EventKind.AGENT_REMOVED:
                self._agents.pop(message.agent.name, None)
            else:
                self._agents[message.agent.name] = message.agent
            if time.monotonic() - self._drawn_at > REDRAW_SECONDS / 10:
                self.redraw()

    def lost(self, reason: str) -> None:
        """Say so below what was known last."""
        self._lost = reason
        self.redraw()

    def redraw(self) -> None:
        """Draw the table as it is now."""
        from rich.text import Text

        if self._supervisor is None:
            return
        self._drawn_at = time.monotonic()
        agents = self._agents
        if not self._lost:
            agents = {name: _aged(agent) for name, agent in agents.items()}
        lines = status_lines(StatusAnswer(supervisor=self._supervisor, agents=agents))
        lines += ["", self._lost] if self._lost else []
        text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        self._live.update(text, refresh=True)

    def close(self) -> None:
        """Stop drawing; the last table stays."""
        self._live.stop()
        self._terminal.close()


def _aged(agent: AgentInfo) -> AgentInfo:
    """Return the agent with the uptime it has by now."""
    if agent.uptime_seconds is None or agent.started_at is None:
        return agent
    uptime = (datetime.now(UTC) - agent.started_at).total_seconds()
    return agent.model_copy(update={"uptime_seconds": max(uptime, 0.0)})
