"""The logs of all agents: what is read from them ends up here.

Owns what becomes of a block of raw output (cleaned, redacted, cut, stamped, numbered), and who is
told about new lines. Reading pipes is the pump's, writing files the writer's.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from trading_dashboard.config.settings import LogSettings
from trading_dashboard.models.events import LogFigures, LogLine
from trading_dashboard.orchestrator.output.cleaning import clean
from trading_dashboard.orchestrator.output.files import LogSink, LogWriter, RotatingFile
from trading_dashboard.orchestrator.output.housekeeping import SECONDS_PER_DAY, remove_old_files
from trading_dashboard.orchestrator.output.line_watch import LineWatch
from trading_dashboard.orchestrator.output.redaction import Redactor
from trading_dashboard.orchestrator.output.ring import LogRing

SUPERVISOR = "supervisor"
FOLLOW_BATCH = 500
"""Lines per agent handed to a follower before the next agent has its turn."""


class AgentLog:
    """One agent's lines: a ring in memory and a file."""

    def __init__(self, agent: str, path: Path, settings: LogSettings, writer: LogWriter) -> None:
        self.ring = LogRing(agent, settings.ring_lines)
        self.redactor = Redactor()
        self.output = LogFigures()
        """Counted by the thread that reads; `figures` adds what the writer knows."""
        self._watches: tuple[LineWatch, ...] = ()  # replaced as a whole: another thread reads it
        self._max_line = settings.max_line_bytes
        self._writer = writer
        max_age = settings.max_age_days * SECONDS_PER_DAY
        file = RotatingFile(path, settings.max_bytes, settings.backups, max_age)
        self._sink = LogSink(file, self._word_gap, self._on_trouble)

    def add(self, stream: str, data: bytes) -> None:
        """Take raw output: whole lines, the last one without its line feed."""
        text = self.redactor.redact(clean(data.decode(errors="replace")))
        for watch in self._watches:
            watch.look(text)
        self._keep(stream, [self._cut(line) for line in text.split("\n")])

    def figures(self) -> LogFigures:
        """Return how much was written in this run, and what became of it."""
        return replace(self.output, unfiled_lines=self._sink.lost_lines)

    def watch(self, pattern: str) -> LineWatch:
        """Look for a text in the lines to come, until the watch is closed."""
        watch = LineWatch(pattern, self._unwatch)
        self._watches = (*self._watches, watch)
        return watch

    def note(self, level: str, text: str) -> None:
        """Add a line of the supervisor's own."""
        lines = self.redactor.redact(clean(text)).split("\n")
        self._keep(SUPERVISOR, lines, level)

    def _unwatch(self, watch: LineWatch) -> None:
        self._watches = tuple(other for other in self._watches if other is not watch)

    def _keep(self, stream: str, lines: list[str], level: str | None = None) -> None:
        now = time.time()
        self.ring.append(stream, now, lines, level)
        self._writer.submit(self._sink, _format(now, stream, lines, level), len(lines))

    def _cut(self, line: str) -> str:
        # Characters for bytes: never more bytes than asked for in ASCII, which long lines are.
        if len(line) <= self._max_line:
            return line
        return f"{line[: self._max_line]} … [cut]"

    def _word_gap(self, lines: int, reason: str) -> bytes:
        text = f"{lines} lines were not written to this file: {reason}"
        return _format(time.time(), SUPERVISOR, [text], "warning")

    def _on_trouble(self, reason: str) -> None:
        text = f"the log file cannot be written: {reason}"
        self.ring.append(SUPERVISOR, time.time(), [text], "error")


class LogBook:
    """The logs of all agents."""

    def __init__(self, directory: Path, settings: LogSettings) -> None:
        self._directory = directory
        self._settings = settings
        max_age = settings.max_age_days * SECONDS_PER_DAY
        self._writer = LogWriter(lambda: remove_old_files(directory, max_age))
        self._logs: dict[str, AgentLog] = {}
        self._followers: set[LogFollower] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin writing files, and telling followers on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._writer.start()

    def close(self, timeout_seconds: float) -> None:
        """Write what is queued. Blocks; not for the loop."""
        self._writer.close(timeout_seconds)

    def end_followers(self) -> None:
        """Let each follower read to the end and stop."""
        for follower in tuple(self._followers):
            follower.end()

    def log(self, agent: str) -> AgentLog:
        """Return the agent's log, a new one if need be."""
        with self._lock:
            if agent not in self._logs:
                self._logs[agent] = AgentLog(agent, self.path(agent), self._settings, self._writer)
            return self._logs[agent]

    def path(self, agent: str) -> Path:
        """Return the agent's log file."""
        return self._directory / f"{agent}.log"

    def follow(self, agents: Iterable[str]) -> LogFollower:
        """Return an iterator over the lines to come."""
        follower = LogFollower({agent: self.log(agent).ring for agent in agents}, self._followers)
        self._followers.add(follower)
        return follower

    def announce(self) -> None:
        """Tell the followers that there are new lines. From any thread."""
        if not self._followers or self._is_waking or self._loop is None:
            return
        self._is_waking = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_waking = False
        for follower in self._followers:
            follower.wake()


class LogFollower:
    """Yields lines as they arrive, per agent in order; a slow reader misses the oldest."""

    def __init__(self, rings: dict[str, LogRing], registry: set[LogFollower]) -> None:
        self._rings = rings
        self._next = {agent: ring.next_seq for agent, ring in rings.items()}
        self._registry = registry
        self._ready: list[LogLine] = []
        self._event = asyncio.Event()
        self._is_ended = False

    def wake(self) -> None:
        """Look for new lines."""
        self._event.set()

    def end(self) -> None:
        """Stop once everything there is was read."""
        self._is_ended = True
        self._event.set()

    async def aclose(self) -> None:
        """Stop at once."""
        self._registry.discard(self)
        self._is_ended = True
        self._ready.clear()
        self._event.set()

    def __aiter__(self) -> LogFollower:
        return self

    async def __anext__(self) -> LogLine:
        while not self._ready:
            self._event.clear()
            self._fetch()
            if self._ready:
                break
            if self._is_ended:
                self._registry.discard(self)
                raise StopAsyncIteration
            await self._event.wait()
        return self._ready.pop()

    def _fetch(self) -> None:
        for agent, ring in self._rings.items():
            if ring.next_seq > self._next[agent]:
                lines = ring.since(self._next[agent], FOLLOW_BATCH)
                if lines:
                    self._next[agent] = lines[-1].seq + 1
                    self._ready += lines
        self._ready.reverse()


def _format(now: float, stream: str, lines: Sequence[str], level: str | None) -> bytes:
    stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    prefix = f"{stamp.removesuffix('+00:00')}Z {stream} "
    if level is not None:
        prefix += f"{level}: "
    body = f"\n{prefix}".join(lines)
    return f"{prefix}{body}\n".encode(errors="replace")
