"""Turning a `Launch` into a running process.

Owns the pipes, the environment and the wording of what can go wrong. Blocks for a millisecond or
two, so it is called off the loop.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trading_dashboard.models.errors import AgentStartFailed
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.seam import Leader
from trading_dashboard.orchestrator.processes.process_tree import RunMarker
from trading_dashboard.orchestrator.runtime import Launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """A process just started, and our ends of its pipes."""

    process: Leader
    stdout: int
    stderr: int
    started_at: datetime
    started_monotonic: float


def spawn(launch: Launch, marker: RunMarker, tag: int, is_dedicated: bool) -> Spawned:
    """Start the process as the leader of a tree of its own, marked and tagged.

    Args:
        launch: What to start.
        marker: What the environment is to carry.
        tag: What the process is to carry beside it.
        is_dedicated: Whether nobody else starts children in this process: then the tag is there
            from birth, otherwise a moment later.

    Raises:
        AgentStartFailed: With the reason and the next step.
    """
    if not launch.command:
        raise _failure(launch, "its start command is empty", None, "Set start_command.")
    opened: list[int] = []
    try:
        opened += os.pipe()
        opened += os.pipe()
        stdout, stdout_child, stderr, stderr_child = opened
        started_at, started = datetime.now(UTC), time.monotonic()
        with PLATFORM.tags.from_birth(tag if is_dedicated else None):
            process = PLATFORM.spawn(
                launch.command,
                directory=launch.working_directory,
                env={**os.environ, **launch.env, **marker.as_env()},
                stdout=stdout_child,
                stderr=stderr_child,
            )
        if not is_dedicated:
            PLATFORM.tags.put(process.pid, tag)
    except (OSError, ValueError) as error:
        for descriptor in opened:
            os.close(descriptor)
        raise explain(launch, error) from error
    os.close(stdout_child)
    os.close(stderr_child)
    return Spawned(
        process=process,
        stdout=stdout,
        stderr=stderr,
        started_at=started_at,
        started_monotonic=started,
    )


def discard(spawned: Spawned) -> None:
    """End a process that cannot be supervised."""
    PLATFORM.kill_group(spawned.process)
    spawned.process.reap()


def explain(launch: Launch, error: OSError | ValueError) -> AgentStartFailed:
    """Return the error that says why a process could not be started."""
    program, directory = launch.command[0], launch.working_directory
    if not directory.is_dir():
        return _failure(
            launch,
            f"its working directory {directory} is not a directory"
            if directory.exists()
            else f"its working directory {directory} does not exist",
            error,
            "Create it or correct working_directory.",
        )
    if isinstance(error, FileNotFoundError):
        problem = f"the program '{program}' was not found"
        if _resolve(program, directory, launch.env) is not None:
            problem = f"the interpreter named in the first line of '{program}' was not found"
        return _failure(launch, problem, error, "Install it or correct start_command.")
    if isinstance(error, PermissionError):
        return _failure(
            launch,
            f"the program '{program}' is not executable, or {directory} may not be entered",
            error,
            "Make it executable (chmod +x) or correct start_command.",
        )
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        problem = "the supervisor has no file descriptor left"
        return _failure(launch, problem, error, "Raise the limit (ulimit -n).")
    return _failure(
        launch, f"the system refused to start '{program}'", error, "See the reason named."
    )


def _failure(
    launch: Launch, problem: str, error: Exception | None, next_step: str
) -> AgentStartFailed:
    reason = f" ({error})" if error is not None else ""
    return AgentStartFailed(
        f"Agent '{launch.agent}' could not be started: {problem}{reason}.",
        subject=launch.agent,
        observed=str(error) if error is not None else None,
        next_step=next_step,
    )


def _resolve(program: str, directory: Path, env: Mapping[str, str]) -> str | None:
    if os.sep in program:
        path = directory / program
        return str(path) if path.exists() else None
    return shutil.which(program, path=env.get("PATH", os.environ.get("PATH")))
