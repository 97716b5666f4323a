"""A runtime with puppets, for tests: started, watched, and cleaned up whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support import PUPPETS, eventually
from trading_dashboard.config.settings import LogSettings
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.processes.process_tree import RUN_ID
from trading_dashboard.orchestrator.runtime import ExitStatus, Handle, Launch

AGENT = "puppet"


@dataclass
class Bench:
    """A runtime that is open, and what it reported."""

    runtime: LocalRuntime
    directory: Path
    exits: list[tuple[Handle, ExitStatus]] = field(default_factory=list)
    generation: int = 0

    def launch(
        self, puppet: str, *arguments: str, agent: str = AGENT, env: Mapping[str, str] | None = None
    ) -> Launch:
        self.generation += 1
        return Launch(
            agent=agent,
            generation=self.generation,
            command=(sys.executable, str(PUPPETS / f"{puppet}.py"), *arguments),
            working_directory=self.directory,
            env=env or {},
        )

    async def start(
        self, puppet: str, *arguments: str, agent: str = AGENT, env: Mapping[str, str] | None = None
    ) -> Handle:
        """Start a puppet and wait until it says that it is ready."""
        seq = max((line.seq for line in self.runtime.logs(agent, 1)), default=0)
        launch = self.launch(puppet, *arguments, agent=agent, env=env)
        handle = await self.runtime.start(launch, self.on_exit)
        await eventually(
            lambda: any(
                "ready" in line.text
                for line in self.runtime.logs(agent, 2_000)
                if line.seq > seq and line.stream == "stdout"
            ),
            what=f"{puppet} is ready",
        )
        return handle

    def on_exit(self, handle: Handle, status: ExitStatus) -> None:
        self.exits.append((handle, status))

    def texts(self, agent: str = AGENT) -> list[str]:
        """Return the lines in memory."""
        return [line.text for line in self.runtime.logs(agent, 100_000)]


@contextlib.asynccontextmanager
async def process_bench(
    directory: Path, logs: LogSettings | None = None, *, is_dedicated: bool = False
) -> AsyncIterator[Bench]:
    """Open a runtime on a state directory below `directory`; nothing of its run outlives it.

    Args:
        directory: Of the test.
        logs: How much of the output is kept.
        is_dedicated: As `up` has it: what is started is tagged from birth, not a moment later.
    """
    runtime = LocalRuntime(directory / "var", logs, is_dedicated=is_dedicated)
    try:
        await runtime.open()
        yield Bench(runtime, directory)
    finally:
        try:
            await runtime.close()
        finally:
            kill(living_of_run(runtime.run_id))


def living_of_run(run_id: str) -> set[psutil.Process]:
    """Return the living processes that carry the run's marker."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(RUN_ID) == run_id and is_alive(process):
                found.add(process)
    return found


def tree_of(pid: int) -> set[psutil.Process]:
    """Return a process and its descendants."""
    process = psutil.Process(pid)
    return {process, *process.children(recursive=True)}


def alive(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """Return those that live; a zombie does not."""
    return {process for process in processes if is_alive(process)}


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def kill(processes: Iterable[psutil.Process]) -> None:
    """End processes of the test's own."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def kill_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal only the group: what a supervisor without a sweep would do."""
    os.killpg(pid, number)
