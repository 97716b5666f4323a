"""Draining the pipes of all agents, whatever comes out of them.

Owns one thread that reads and hands whole lines to the log book. It never waits for a disk or for
the event loop, and rests half as long as it works. What an agent writes beyond a rate that any disk
and reader could follow is read and dropped, oldest first, and counted; the newest output is always
kept.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from trading_dashboard.orchestrator.output.book import AgentLog
from trading_dashboard.orchestrator.output.pace import Pace

if sys.platform != "win32":
    import fcntl

READ_BYTES = 64 * 1024
"""What a pipe holds at first. A read that gets all of this means that somebody writes fast."""
WIDE_BYTES = 1024 * 1024
"""What the pipe of a fast writer is made to hold. Each read may have to wait 5 ms for its turn with
the interpreter, so this decides how fast a busy supervisor can drain."""
KEEP_BYTES_PER_SECOND = 16 * 1024 * 1024
KEEP_BURST_BYTES = 32 * 1024 * 1024
KEEP_SHARE = 0.2
"""Of a core, for keeping one pipe's output: lines that are slow to redact count for more."""
NEWEST_BYTES = 1024 * 1024
"""How much of the newest output is held back while an agent writes too fast."""
LINE_SLACK_BYTES = 4096
"""A line is read a little beyond its limit, so that a secret at its end is seen whole."""
LAST_READS = 32
"""After an agent's end, at most this many reads: somebody else may hold the pipe and write on."""
TICK_SECONDS = 0.05
NOTICE_SECONDS = 1.0


class OutputStream:
    """One pipe: bytes in, whole lines out, at a bounded rate."""

    def __init__(self, descriptor: int, name: str, log: AgentLog, max_line_bytes: int) -> None:
        self.descriptor = descriptor
        self.read_bytes = READ_BYTES
        self.rest: Callable[[], None] = lambda: None
        """Called between parts of what is kept."""
        self._name = name
        self._log = log
        self._max_bytes = max_line_bytes + LINE_SLACK_BYTES
        self._partial = b""
        self._is_skipping = False
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._dropped_lines = 0
        self._dropped_bytes = 0
        self._noticed_at = 0.0
        self._budget = float(KEEP_BURST_BYTES)
        self._filled_at = time.monotonic()

    @property
    def is_behind(self) -> bool:
        """Return whether something waits for its turn."""
        return bool(self._held or self._dropped_bytes)

    def widen(self) -> None:
        """Have the pipe hold more: its writer is fast."""
        self.read_bytes = WIDE_BYTES
        if sys.platform == "linux":
            # Refused when this user's pipes hold too much already; then it stays as it is.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, WIDE_BYTES)

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._log.output.written_bytes += len(data)
        if not self._held and self._may_keep():
            self._take_in_parts(data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        while self._held_bytes > NEWEST_BYTES and len(self._held) > 1:
            oldest = self._held.popleft()
            self._held_bytes -= len(oldest)
            self._drop(len(oldest), oldest.count(b"\n"))

    def catch_up(self) -> None:
        """Take what was held back, if the rate allows it by now."""
        if self._held and self._may_keep():
            self._release()
        elif not self._held and time.monotonic() - self._noticed_at > NOTICE_SECONDS:
            self._notice()

    def finish(self) -> None:
        """Take everything, an unfinished last line included."""
        self._release()
        self._notice()
        if self._partial:
            self._log.add(self._name, self._partial)
            self._partial = b""

    def _drop(self, count: int, lines: int) -> None:
        self._dropped_bytes += count
        self._dropped_lines += lines
        self._log.output.dropped_bytes += count
        self._log.output.dropped_lines += lines

    def _may_keep(self) -> bool:
        now = time.monotonic()
        refill = (now - self._filled_at) * KEEP_BYTES_PER_SECOND
        self._budget = min(self._budget + refill, KEEP_BURST_BYTES)
        self._filled_at = now
        return self._budget > 0

    def _release(self) -> None:
        if not self._held:
            return
        data = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        if self._dropped_bytes:
            self._close_gap()
            if time.monotonic() - self._noticed_at > NOTICE_SECONDS:
                self._notice()
            # What follows the gap begins in the middle of a line.
            self._is_skipping = True
        self._take_in_parts(data)

    def _close_gap(self) -> None:
        if self._partial:
            self._log.add(self._name, self._partial)
            self._partial = b""

    def _notice(self) -> None:
        if self._dropped_bytes:
            self._log.note(
                "warning",
                f"{self._dropped_lines} lines ({self._dropped_bytes / 1e6:.1f} MB) of {self._name} "
                "were left out: they came faster than a log can keep",
            )
            self._dropped_lines = self._dropped_bytes = 0
        self._noticed_at = time.monotonic()

    def _take_in_parts(self, data: bytes) -> None:
        # In parts, so that the event loop gets its turn with the interpreter in between.
        for start in range(0, len(data), READ_BYTES):
            part = data[start : start + READ_BYTES]
            began = time.thread_time()
            self._take(part)
            worth = (time.thread_time() - began) * KEEP_BYTES_PER_SECOND / KEEP_SHARE
            self._budget -= max(len(part), worth)
            self.rest()

    def _take(self, data: bytes) -> None:
        if self._is_skipping:
            skipped, line_feed, data = data.partition(b"\n")
            self._log.output.dropped_bytes += len(skipped)
            if not line_feed:
                return
            self._is_skipping = False
        end = data.rfind(b"\n")
        if end >= 0:
            self._log.add(self._name, self._partial + data[:end])
            self._partial = data[end + 1 :]
        else:
            self._partial += data
        if len(self._partial) > self._max_bytes:
            self._log.output.dropped_bytes += len(self._partial) - self._max_bytes
            self._log.add(self._name, self._partial[: self._max_bytes])
            self._partial = b""
            self._is_skipping = True


class LogPump:
    """One thread that reads all pipes."""

    def __init__(self, announce: Callable[[], None]) -> None:
        """Take who is to be told, from the pump's thread, that there are new lines.

        Nothing is opened before `start`: a pump that is never started needs no closing.
        """
        self._announce = announce
        self._selector: selectors.DefaultSelector
        self._waker: socket.socket
        self._wakee: socket.socket
        self._commands: deque[Callable[[], None]] = deque()
        self._behind: set[OutputStream] = set()
        self._is_closing = False
        self._pace = Pace()
        self._thread = threading.Thread(target=self._run, name="log-pump", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakee = socket.socketpair()
        self._wakee.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._wakee, selectors.EVENT_READ)
        self._thread.start()

    def add(self, stream: OutputStream) -> None:
        """Read this pipe from now on. The descriptor is the pump's to close."""
        stream.rest = self._pace.rest
        if sys.platform != "win32":  # there, pipes are read by `pipe_threads`
            os.set_blocking(stream.descriptor, False)
        self._command(lambda: self._register(stream))

    def finish(self, streams: list[OutputStream], done: Callable[[], None]) -> None:
        """Read what is left in these pipes, close them, then call `done` on the pump's thread."""

        def finish() -> None:
            for stream in streams:
                self._end(stream)
            self._announce()
            done()

        self._command(finish)

    def close(self, timeout_seconds: float) -> None:
        """Close all pipes and stop. Blocks; not for the loop."""

        def close() -> None:
            self._is_closing = True

        self._command(close)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _command(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        try:
            self._waker.send(b"\0")
        except OSError:  # full: it will wake anyway; closed: nobody is left to wake
            return

    def _run(self) -> None:
        self._pace.begin()
        while not self._is_closing:
            events = self._selector.select(TICK_SECONDS if self._behind else None)
            read_any = False
            for key, _ in events:
                if key.data is not None:
                    read_any = self._read(key.data) or read_any
                else:
                    self._obey()
            for stream in tuple(self._behind):
                stream.catch_up()
                if not stream.is_behind:
                    self._behind.discard(stream)
                read_any = True
            if read_any:
                self._announce()
                self._pace.rest()
        self._end_all()
        self._selector.close()
        self._waker.close()
        self._wakee.close()

    def _end_all(self) -> None:
        for key in tuple(self._selector.get_map().values()):
            if key.data is not None:
                self._end(key.data)

    def _obey(self) -> None:
        try:
            self._wakee.recv(4096)
        except BlockingIOError:
            return
        while self._commands:
            self._commands.popleft()()

    def _register(self, stream: OutputStream) -> None:
        self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)

    def _read(self, stream: OutputStream) -> bool:
        """Read once. False if nothing came."""
        if stream.descriptor < 0:  # closed by a command that woke us together with its data
            return False
        try:
            data = os.read(stream.descriptor, stream.read_bytes)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._receive(stream, data)
        return True

    def _receive(self, stream: OutputStream, data: bytes) -> None:
        """Take in what was read; nothing means that the pipe has ended."""
        if not data:
            self._close(stream)
            return
        if len(data) == READ_BYTES == stream.read_bytes:
            stream.widen()
        stream.feed(data)
        if stream.is_behind:
            self._behind.add(stream)

    def _end(self, stream: OutputStream) -> None:
        """Read what is there, but not for ever, and close."""
        for _ in range(LAST_READS):
            if stream.descriptor < 0 or not self._read(stream):
                break
        if stream.descriptor >= 0:
            self._close(stream)

    def _close(self, stream: OutputStream) -> None:
        stream.finish()
        self._behind.discard(stream)
        self._selector.unregister(stream.descriptor)
        os.close(stream.descriptor)
        stream.descriptor = -1
