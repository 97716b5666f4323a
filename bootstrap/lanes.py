"""Runs commands in two lanes: in front, where one sees what they say, and beside those.

Owns the processes, their priority, their output and their ends. What the commands are and what
their exit codes mean is the caller's to say.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

_POLL_SECONDS = 0.05
_END_SECONDS = 5.0
# Of what runs beside: those in front have deadlines to keep, and go first when both have work.
_NICENESS = 10
_NICEST = 19


class Job(NamedTuple):
    """One command.

    Attributes:
        is_beside: It runs while those in front do, at a low priority; what it says comes at its
            end.
    """

    name: str
    command: Sequence[str]
    is_beside: bool = False


class Ended(NamedTuple):
    """How one job ended."""

    code: int
    seconds: float


def run_jobs(
    jobs: Sequence[Job],
    *,
    root: Path,
    environment: Mapping[str, str],
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Ended]:
    """Run all jobs, those of a lane one after another, and return how each ended, by name.

    Jobs that would run beside nothing run in front.

    Args:
        jobs: In order; their names differ.
        root: Where they run.
        environment: Their environment variables.
        folder: Takes the output of those beside.
        say: Prints one line.
    """
    has_front = any(not job.is_beside for job in jobs)
    beside = [job for job in jobs if job.is_beside and has_front]
    front = [job for job in jobs if job not in beside]
    start = _Starter(root, environment)
    lanes = (_Front(front, start, say), _Beside(beside, start, folder))
    if beside:
        names = ", ".join(job.name for job in beside)
        say(f"Beside the others, told when it has ended: {names}.")
    try:
        while True:
            is_busy = [lane.step() for lane in lanes]
            if not lanes[0].is_running:
                lanes[1].tell(say)
            if not any(is_busy):
                break
            time.sleep(_POLL_SECONDS)
    finally:
        for lane in lanes:
            lane.end()
    return lanes[0].ended | lanes[1].ended


class _Starter(NamedTuple):
    """What all processes have alike."""

    root: Path
    environment: Mapping[str, str]

    def in_front(self, job: Job) -> subprocess.Popen[bytes]:
        return subprocess.Popen(job.command, cwd=self.root, env=self.environment)

    def beside(self, job: Job, output: IO[bytes]) -> subprocess.Popen[bytes]:
        if sys.platform == "win32":
            flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS
        else:
            flags = 0
        process = subprocess.Popen(
            job.command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            creationflags=flags,
        )
        if sys.platform != "win32":
            niceness = min(os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS, _NICEST)
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        return process


class _Lane(ABC):
    """Jobs one after another."""

    def __init__(self, jobs: Iterable[Job], start: _Starter) -> None:
        self._waiting = deque(jobs)
        self._starter = start
        self._job: Job | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self.ended: dict[str, Ended] = {}

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def step(self) -> bool:
        """Notice an end, start the next; return whether there is more to do."""
        if self._job is not None and self._process is not None:
            code = self._process.poll()
            if code is None:
                return True
            self.ended[self._job.name] = Ended(code, time.monotonic() - self._started)
            self._process = None
            self._has_ended(self._job)
        elif self._waiting:
            self._job = self._waiting.popleft()
            self._started = time.monotonic()
            self._process = self._start(self._job)
        return self._process is not None or bool(self._waiting)

    def end(self) -> None:
        """End what still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @abstractmethod
    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        """Start a job's process."""

    @abstractmethod
    def _has_ended(self, job: Job) -> None:
        """Take note of a job's end."""


class _Front(_Lane):
    """Those one sees."""

    def __init__(self, jobs: Iterable[Job], start: _Starter, say: Callable[[str], None]) -> None:
        super().__init__(jobs, start)
        self._say = say

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        self._say(_heading(job.name))
        return self._starter.in_front(job)

    def _has_ended(self, job: Job) -> None:
        """Nothing is left to do: its output was seen."""


class _Beside(_Lane):
    """Those whose output is kept until there is a place for it."""

    def __init__(self, jobs: Iterable[Job], start: _Starter, folder: Path) -> None:
        super().__init__(jobs, start)
        self._folder = folder
        self._untold: list[Job] = []

    def tell(self, say: Callable[[str], None]) -> None:
        """Print what was said by those that have ended since."""
        for job in self._untold:
            say(_heading(job.name))
            say(self._output(job).read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        self._untold.clear()

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        with self._output(job).open("wb") as output:
            return self._starter.beside(job, output)

    def _has_ended(self, job: Job) -> None:
        self._untold.append(job)

    def _output(self, job: Job) -> Path:
        return self._folder / f"{job.name}.txt"


def _heading(name: str) -> str:
    return f"\n── {name} ──"
