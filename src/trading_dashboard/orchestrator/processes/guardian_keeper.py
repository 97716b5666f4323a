"""Keeping a guardian beside the supervisor.

Owns the guardian's process: started with the run, told about leaders, replaced when it dies, sent
home when the run ended cleanly. What a guardian does is written in `guardian.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trading_dashboard.orchestrator.processes import guardian
from trading_dashboard.orchestrator.processes.platforms.seam import Leader, Watch
from trading_dashboard.orchestrator.processes.process_tree import own_start_ticks, read_stat
from trading_dashboard.orchestrator.runtime import ExitStatus

assert sys.platform != "win32"  # noqa: S101 - tells the type checker

if TYPE_CHECKING:
    from trading_dashboard.orchestrator.processes.platforms.posix import PosixPlatform

GRACE_SECONDS = 2.0
FAREWELL_SECONDS = 4.0
"""How long a guardian that was sent home may take; more than its grace period."""
QUICK_DEATH_SECONDS = 1.0
REPLACE_DELAY_SECONDS = 1.0
BOOT = (
    "import os,sys;n=int(sys.argv[2]);s=b''\n"
    "while len(s)<n:\n d=os.read(0,n-len(s));s+=d or sys.exit(1)\n"
    "del sys.argv[1:3];exec(compile(s,'guardian.py','exec'))"
)
"""Runs the program that comes first on its standard input."""


class GuardianKeeper:
    """Has exactly one guardian while it is open."""

    def __init__(
        self,
        run_id: str,
        run_tag: int,
        log_file: Path,
        executor: Executor,
        complain: Callable[[str], None],
        platform: PosixPlatform,
    ) -> None:
        """Take what the guardian needs.

        Args:
            run_id: The run it guards.
            run_tag: What the run's processes carry beside it.
            log_file: Where it says what it did.
            executor: Where processes are started.
            complain: Told when a guardian died.
            platform: Starts and watches it.
        """
        self._platform = platform
        self._run_id = run_id
        self._run_tag = run_tag
        self._log_file = log_file
        self._executor = executor
        self._complain = complain
        self._leaders: dict[int, int] = {}
        # Read once: a replacement must fit this supervisor, not the version installed meanwhile.
        self._source = Path(guardian.__file__).read_bytes()
        self._process: Leader | None = None
        self._watch: Watch | None = None
        self._pipe = -1
        self._started_at = 0.0
        self._gone = asyncio.Event()
        self._replacing: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def pid(self) -> int | None:
        """Return the guardian's pid while it lives."""
        return self._process.pid if self._process is not None else None

    async def open(self) -> None:
        """Start the guardian."""
        await self._start()

    async def close(self) -> None:
        """Send the guardian home; it looks once more whether anything is left."""
        self._is_closing = True
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait([self._replacing])
        self._tell("q\n")
        self._close_pipe()
        if self._process is None:
            return
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            self._platform.kill_group(self._process)
            await self._gone.wait()

    def add(self, leader: int) -> None:
        """Tell it that this leader, with its session, belongs to the run."""
        process = read_stat(leader)
        if process is not None:
            self._leaders[leader] = process.start_ticks
            self._tell(f"+{leader} {process.start_ticks}\n")

    def remove(self, leader: int) -> None:
        """Tell it that this leader was reaped: the number is nobody's now."""
        if self._leaders.pop(leader, None) is not None:
            self._tell(f"-{leader}\n")

    def wake(self) -> None:
        """Let it go on if somebody stopped it (SIGSTOP): it could not see the supervisor die."""
        process = self._process
        stat = read_stat(process.pid) if process is not None else None
        if process is None or stat is None or stat.state != "T":
            return
        self._complain("the guardian was suspended; it was told to go on")
        # It is reaped on this loop and not meanwhile, so the number is its own.
        os.kill(process.pid, signal.SIGCONT)

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        process, pipe = await loop.run_in_executor(self._executor, self._spawn)
        self._process, self._pipe = process, pipe
        self._started_at = time.monotonic()
        self._gone.clear()
        self._watch = self._platform.watch_exit(process, self._on_exit)
        self._tell("".join(f"+{pid} {start}\n" for pid, start in self._leaders.items()))

    def _spawn(self) -> tuple[Leader, int]:
        reading, writing = os.pipe()
        try:
            command = (
                *(sys.executable, "-I", "-S", "-c", BOOT, "guardian.py", str(len(self._source))),
                *(self._run_id, str(self._run_tag), str(os.getpid()), str(own_start_ticks())),
                *(str(GRACE_SECONDS), str(self._log_file)),
            )
            with self._platform.tags.from_birth(None):
                process = self._platform.leader_type(
                    command,
                    stdin=reading,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    close_fds=True,
                )
        except OSError:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        with suppress(BrokenPipeError):  # it ended already, which is seen as any end of it
            os.write(writing, self._source)
        os.set_blocking(writing, False)
        return process, writing

    def _on_exit(self, status: ExitStatus) -> None:
        if self._process is not None:
            self._process.reap()
        self._process = None
        self._close_pipe()
        self._gone.set()
        if not self._is_closing:
            self._complain(f"the guardian ended ({status}); starting another")
            self._replacing = asyncio.get_running_loop().create_task(self._replace())

    async def _replace(self) -> None:
        is_quick = time.monotonic() - self._started_at < QUICK_DEATH_SECONDS
        while not self._is_closing:
            if is_quick:
                await asyncio.sleep(REPLACE_DELAY_SECONDS)
            try:
                await self._start()
            except OSError as error:
                self._complain(f"no guardian could be started: {error}")
                is_quick = True
            else:
                return

    def _tell(self, message: str) -> None:
        if self._pipe < 0 or not message:
            return
        try:
            os.write(self._pipe, message.encode())
        except OSError:
            # Full or broken. It goes by the run marker as well; a dead one is being replaced.
            return

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
