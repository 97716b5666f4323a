"""The command `new agent NAME`. Nothing that exists is overwritten; a failure leaves nothing."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.cli.scaffold.agents_file import CannotAdd, add_agent
from trading_dashboard.config import find_project_root, load_settings
from trading_dashboard.config.validation import RESERVED_NAMES
from trading_dashboard.models.errors import TradingDashboardError
from trading_dashboard.orchestrator.addresses import host_and_port

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
FIRST_PORT = 8100
LAST_PORT = 8999
TEMPLATES = {"agent.py": "agent.py.txt", "test_agent.py": "test_agent.py.txt"}


def run_new_agent(
    name: str, project_root: Path | None, port: int | None, as_json: bool
) -> ExitCode:
    """Create an agent's folder and configuration, and say what to do next."""
    root = project_root.absolute() if project_root else find_project_root()
    try:
        folder, chosen = create(name, root, port)
    except TradingDashboardError as error:
        return complain(error, as_json)
    except OSError as error:
        text = f"The agent cannot be written: {error.strerror or error}."
        return complain(TradingDashboardError(text, subject=str(error.filename)), as_json)
    if as_json:
        say(json.dumps({"ok": True, "name": name, "folder": str(folder), "port": chosen}))
        return ExitCode.OK
    shown = folder.relative_to(root).as_posix()
    say(f"{name}: made {shown}/agent.py and its test, and added to config/agents.yaml.")
    # The system's `python` need not have the kit; the one that runs this does.
    python = shlex.quote(sys.executable)
    say(f"  its test:   cd {shlex.quote(str(folder))} && {python} -m unittest")
    say(f"  alone:      {python} {shlex.quote(str(folder / 'agent.py'))} --port {chosen}")
    say("  in a desk:  it starts by itself in one that runs, and with the next one")
    return ExitCode.OK


def create(name: str, root: Path, port: int | None = None) -> tuple[Path, int]:
    """Write the agent and its configuration; return its folder and port.

    Raises:
        CannotAdd: The name, the folder or the port is taken or not possible.
        ConfigurationError: The configuration has mistakes.
    """
    _check_name(name, root)
    chosen = _port(root, port)
    folder = root / "agents" / name
    folder.mkdir(parents=True)
    try:
        for target, source in TEMPLATES.items():
            (folder / target).write_text(_filled(source, name, chosen), encoding="utf-8")
        add_agent(root, _lines(name, chosen))
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder, chosen


def _check_name(name: str, root: Path) -> None:
    if NAME.fullmatch(name) is None or name in RESERVED_NAMES:
        raise CannotAdd(
            f"An agent cannot be called '{name[:64]}'.",
            subject=name[:64],
            next_step="Use lower-case letters, digits and underscores; begin with a letter. "
            f"{', '.join(RESERVED_NAMES)} are the desk's own.",
        )
    if not (root / "config" / "agents.yaml").is_file():
        raise CannotAdd(
            "There is no config/agents.yaml to add the agent to.",
            subject=str(root),
            next_step="Go to the project's folder, or name it with --project-root.",
        )
    folder = root / "agents" / name
    is_configured = name in load_settings(root).settings.agents
    if is_configured or folder.exists():
        what = f"agents.{name} is configured" if is_configured else f"{folder} exists"
        raise CannotAdd(
            f"There is an agent '{name}' already.",
            subject=name,
            observed=what,
            next_step="Choose another name.",
        )


def _port(root: Path, wanted: int | None) -> int:
    settings = load_settings(root).settings
    taken = {host_and_port(agent.url)[1] for agent in settings.agents.values()}
    taken |= {settings.dashboard.port, settings.control_api.port}
    if wanted is not None:
        if wanted in taken:
            raise CannotAdd(
                f"Port {wanted} is another agent's, or the desk's own.",
                subject="--port",
                observed=wanted,
                next_step="Choose another, or none: then a free one is taken.",
            )
        return wanted
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if port not in taken and _is_free(port):
            return port
    raise CannotAdd(
        f"No port from {FIRST_PORT} to {LAST_PORT} is free.",
        subject="--port",
        next_step="Name one with --port.",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _filled(source: str, name: str, port: int) -> str:
    text = (files(__package__) / "templates" / source).read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    return Template(text).substitute(name=name, class_name=class_name, port=port)


def _lines(name: str, port: int) -> list[str]:
    return [
        f"  {name}:",
        f'    url: "http://localhost:{port}"',
        '    start_command: ["python", "agent.py", "--port", "{port}"]',
        f'    working_directory: "agents/{name}"',
    ]
