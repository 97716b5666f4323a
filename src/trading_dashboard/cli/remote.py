"""Commands that talk to a running supervisor."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import stat
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.formatting import agent_outcome, log_text, status_lines
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.cli.terminal import silence_output
from trading_dashboard.clients.control import ControlClient
from trading_dashboard.clients.lease import Lease, is_alive, read_lease
from trading_dashboard.config.places import find_project_root
from trading_dashboard.models.control import LogMessage, VerbAnswer
from trading_dashboard.models.errors import (
    NotSupervised,
    ReloadUnavailable,
    TradingDashboardError,
)
from trading_dashboard.models.events import LogLine
from trading_dashboard.models.log_search import LogSearch

Verb = Literal["start", "stop", "restart"]
POLL_SECONDS = 0.1


class Context:
    """A project's running supervisor, as commands see it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lease: Lease = read_lease(root)
        self.client = client_of(root)


def client_of(root: Path) -> ControlClient:
    """Return a client of the project's supervisor that says for whom it asks."""
    return ControlClient.from_project(root, "cli", _user())


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody of that number, and no variable names one
        return None


Action = Callable[[Context], Awaitable[ExitCode]]


def run(
    action: Action,
    project_root: Path | None,
    as_json: bool = False,
    at_rest: Callable[[Path], ExitCode] | None = None,
) -> ExitCode:
    """Run a command against the project's supervisor. Errors become messages and exit codes.

    Args:
        action: What is asked of it.
        project_root: By default found from the current folder.
        as_json: How errors are told.
        at_rest: What is done with the project's root instead if nobody supervises it.
    """
    root = project_root.absolute() if project_root else find_project_root()

    async def act() -> ExitCode:
        try:
            context = Context(root)
        except NotSupervised:
            if at_rest is None:
                raise
            return await asyncio.to_thread(at_rest, root)
        async with context.client:
            return await action(context)

    try:
        return asyncio.run(act())
    except TradingDashboardError as error:
        return complain(error, as_json)
    except KeyboardInterrupt:
        return ExitCode.OK
    except BrokenPipeError:  # `logs -f | head`: the reader has had enough
        silence_output()
        return ExitCode.OK
    except OSError as error:  # a full disk behind `>`
        code = complain(
            TradingDashboardError(
                f"The output cannot be written: {error.strerror}.",
                next_step="Free space, or write it elsewhere.",
            )
        )
        silence_output()
        return code


def status(as_json: bool) -> Action:
    """Show supervisor and agents."""

    async def action(context: Context) -> ExitCode:
        answer = await context.client.status()
        if as_json:
            say(answer.model_dump_json(indent=2))
            return ExitCode.OK
        for line in status_lines(answer):
            say(line)
        mistakes = await _mistakes_in_files(context.client)
        if mistakes:
            say()
            say(
                f"The configuration files have {mistakes} mistake{'s' if mistakes > 1 else ''}; "
                "what was loaded before stays in force. See `trading-dashboard config check`."
            )
        return ExitCode.OK

    return action


async def _mistakes_in_files(client: ControlClient) -> int:
    try:
        return len((await client.configuration()).mistakes)
    except ReloadUnavailable:
        return 0  # a program configures this supervisor: there are no files


def verb(name: Verb, agents: Sequence[str], as_json: bool) -> Action:
    """Start, stop or restart agents at once; fails if one of them does."""

    async def one(client: ControlClient, agent: str) -> dict[str, Any]:
        try:
            answer: VerbAnswer = await getattr(client, name)(agent)
        except NotSupervised:
            raise
        except TradingDashboardError as error:
            if not as_json:
                complain(error)
            return {"ok": False, "pending": False, "agent": None, **error.as_body()}
        if not as_json:
            say(agent_outcome(answer))
        return {**answer.model_dump(mode="json"), "error": None}

    async def action(context: Context) -> ExitCode:
        wanted = list(dict.fromkeys(agents))
        results = await asyncio.gather(*(one(context.client, agent) for agent in wanted))
        is_ok = all(result["ok"] for result in results)
        if as_json:
            found = {"ok": is_ok, "results": dict(zip(wanted, results, strict=True))}
            say(json.dumps(found, indent=2, default=str))
        return ExitCode.OK if is_ok else ExitCode.FAILED

    return action


def logs(agent: str, lines: int, search: LogSearch, as_json: bool) -> Action:
    """Show an agent's newest lines that the search finds."""

    async def action(context: Context) -> ExitCode:
        answer = await context.client.logs(agent, lines, search)
        for line in answer.lines:
            _say_line(line, as_json)
        return ExitCode.OK

    return action


def follow_logs(agent: str, lines: int, search: LogSearch, as_json: bool) -> Action:
    """Show an agent's newest lines and each new one, until Ctrl-C or the supervisor's end."""

    async def action(context: Context) -> ExitCode:
        await context.client.agent(agent)
        with reader_watched():
            async with context.client.stream() as stream:
                await stream.subscribe_logs([agent], lines, search)
                async for message in stream:
                    if isinstance(message, LogMessage):
                        _say_line(message.line, as_json)
        if not as_json:
            say("The supervisor has ended.")
        return ExitCode.OK

    return action


def _say_line(line: LogLine, as_json: bool) -> None:
    say(line.model_dump_json() if as_json else log_text(line))


def down(timeout: float, as_json: bool) -> Action:
    """End the supervisor and everything it runs, and wait for that."""

    async def action(context: Context) -> ExitCode:
        began = time.monotonic()
        supervisor = await context.client.shutdown()
        if not as_json:
            say(f"Asked the supervisor (pid {supervisor.pid}) to end everything.")
        while is_alive(context.lease):
            if time.monotonic() > began + timeout:
                raise TradingDashboardError(
                    f"The supervisor (pid {supervisor.pid}) still runs after {timeout:g} s.",
                    next_step="`trading-dashboard status` shows what it waits for.",
                )
            await asyncio.sleep(POLL_SECONDS)
        if as_json:
            seconds = round(time.monotonic() - began, 3)
            say(json.dumps({"ok": True, "pid": supervisor.pid, "seconds": seconds}))
        else:
            say("It has ended; nothing is left running.")
        return ExitCode.OK

    return action


@contextmanager
def reader_watched() -> Iterator[None]:
    """Raise BrokenPipeError as soon as who reads our output has gone, not at the next line."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None or not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        yield
        return
    has_left = False

    def leave() -> None:
        nonlocal has_left
        has_left = True
        loop.remove_reader(sys.stdout)
        task.cancel()

    try:
        loop.add_reader(sys.stdout, leave)  # nothing can be read from it: this tells errors
    except NotImplementedError:  # Windows' event loops; there the next line tells
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if has_left:
            raise BrokenPipeError from None
        raise
    finally:
        loop.remove_reader(sys.stdout)
