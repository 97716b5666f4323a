"""From a `start_command` to the program and arguments that are run."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from trading_dashboard.config.settings import AgentSettings

PYTHON_NAMES = frozenset({"python", "python3", "python.exe"})
EMBEDDED_MODULES = "trading_dashboard.agents."

_ENVIRONMENT_FOLDERS = (".venv", "venv")
_INTERPRETERS = (Path("bin", "python"), Path("Scripts", "python.exe"))


def resolve_command(agent: AgentSettings, interpreter: str) -> tuple[str, ...]:
    """Return what to run for an agent.

    A leading ``python`` is the interpreter of the working directory's own virtual environment if
    it has one, else `interpreter`. ``{port}`` and ``{host}`` are those of the agent's address.
    The interpreter's path is left as it is: a virtual environment is found through the name its
    interpreter was called by, so a resolved link would lose it.
    """
    return resolve(agent, agent.start_command, interpreter)


def resolve(agent: AgentSettings, command: Sequence[str], interpreter: str) -> tuple[str, ...]:
    """Return what to run for a command of an agent, by the rules of `resolve_command`."""
    if not command:
        return ()
    program, *arguments = command
    if program in PYTHON_NAMES:
        program = own_interpreter(agent.working_directory) or interpreter
    address = urlsplit(agent.url)
    replaced = [
        argument.replace("{port}", str(address.port)).replace("{host}", address.hostname or "")
        for argument in arguments
    ]
    return (program, *replaced)


def own_interpreter(folder: Path) -> str | None:
    """Return the interpreter of the folder's virtual environment, or None if it has none."""
    for environment in _ENVIRONMENT_FOLDERS:
        for relative in _INTERPRETERS:
            candidate = folder / environment / relative
            if candidate.is_file() and os.access(candidate, os.X_OK):
                return str(candidate)
    return None


def embedded_module(start_command: Sequence[str]) -> str | None:
    """Return the name of the embedded agent a command runs, such as ``market_data``, or None."""
    if not start_command or start_command[0] not in PYTHON_NAMES:
        return None
    for flag, module in itertools.pairwise(start_command):
        if flag == "-m":
            name = module.removeprefix(EMBEDDED_MODULES)
            return name if name != module else None
    return None
