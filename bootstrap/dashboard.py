"""The command `run_dashboard.py`.

Owns its options. When the environment stands, this process becomes the supervisor: signals go
straight to it and nothing of the set-up stays in memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from bootstrap.environment import Environment
from bootstrap.installer import ensure_or_exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up if need be, then become ``trading-dashboard up``."""
    options = _parser().parse_args(arguments)
    environment = ensure_or_exit("runtime")
    return _become(_command(environment, options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_dashboard.py",
        description="Start the desk: the agents, their supervisor and the dashboard in the "
        "browser. The first start sets up what is needed in .venv. Ctrl-C ends everything.",
    )
    parser.add_argument(
        "--env",
        metavar="NAME",
        help="environment, a file of config/environments (default: development)",
    )
    parser.add_argument(
        "--only",
        metavar="AGENT",
        nargs="+",
        action="extend",
        default=[],
        help="start these agents only, with what they depend on",
    )
    parser.add_argument("--port", metavar="N", type=_port, help="port of the dashboard")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    return parser


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 (any free one) to 65535")
    return port


def _command(environment: Environment, options: argparse.Namespace) -> list[str]:
    # -P: the current folder is the user's; nothing in it may pass for a module of ours.
    command = [str(environment.python), "-P", "-m", "trading_dashboard.cli", "up"]
    command += ["--project-root", str(environment.root)]
    if options.env is not None:
        command += ["--env", options.env]
    for agent in options.only:
        command += ["--only", agent]
    if options.port is not None:
        command += ["--port", str(options.port)]
    if options.no_browser:
        command.append("--no-browser")
    return command


def _become(command: list[str]) -> int:
    """Put the command in this process's place."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606 - a list, and the environment's own Python
    # There, exec would give the prompt back while the desk runs.
    return subprocess.call(command)
