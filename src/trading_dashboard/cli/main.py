"""The command line: options and help. What commands do is imported when they run."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trading_dashboard.models.events import EventKind

app = typer.Typer(
    name="trading-dashboard",
    help="Run the desk: supervised agents, live prices, a dashboard in the browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ProjectRoot = Annotated[
    Path | None,
    typer.Option(
        "--project-root",
        metavar="P",
        help="The folder that holds config/; by default searched from here upwards.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
OneAgent = Annotated[
    str | None, typer.Option("--agent", metavar="NAME", help="Only what is about this agent.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="T", help="From then on: 2h, 30m, 7d (ago), or ISO 8601."),
]
Newest = Annotated[
    int, typer.Option("-n", "--number", min=1, max=1000, help="How many of the newest.")
]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="One or more agents.")]


@app.command()
def up(
    project_root: ProjectRoot = None,
    env: Annotated[
        str | None, typer.Option("--env", metavar="NAME", help="development or production.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="AGENT", help="Start this agent and what it depends on. Repeatable."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=0, max=65_535, help="The dashboard's port; 0 for any."
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the browser.")
    ] = False,
) -> None:
    """Start the desk and stay until Ctrl-C."""
    from trading_dashboard.cli.up import UpOptions, run_up

    options = UpOptions(
        project_root=project_root,
        environment=env,
        only=tuple(only or ()),
        port=port,
        no_browser=no_browser,
    )
    sys.exit(run_up(options))


@app.command()
def status(
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show the running supervisor and its agents."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.status(as_json), project_root))


@app.command()
def start(names: Names, project_root: ProjectRoot = None) -> None:
    """Start agents, and what they depend on; wait until they are healthy."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.verb("start", names), project_root))


@app.command()
def stop(names: Names, project_root: ProjectRoot = None) -> None:
    """Stop agents and every process they started."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.verb("stop", names), project_root))


@app.command()
def restart(names: Names, project_root: ProjectRoot = None) -> None:
    """Stop and start agents; wait until they are healthy."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.verb("restart", names), project_root))


@app.command()
def logs(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The agent.")],
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=1, max=10_000, help="How many of the newest lines.")
    ] = 200,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Show new lines as well.")] = False,
    project_root: ProjectRoot = None,
) -> None:
    """Show an agent's newest log lines."""
    from trading_dashboard.cli import remote

    action = remote.follow_logs(name, lines) if follow else remote.logs(name, lines)
    sys.exit(remote.run(action, project_root))


@app.command()
def events(
    agent: OneAgent = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="K", help="Only this kind, such as transition. Repeatable."),
    ] = None,
    since: Since = None,
    number: Newest = 50,
    as_json: AsJson = False,
    project_root: ProjectRoot = None,
) -> None:
    """Show what happened: the newest events of this run and earlier ones."""
    from trading_dashboard.cli import history, remote

    action = history.events(agent, _kinds(kind or []), _time(since), number, as_json)
    sys.exit(remote.run(action, project_root))


@app.command()
def incidents(
    agent: OneAgent = None,
    since: Since = None,
    number: Newest = 50,
    as_json: AsJson = False,
    project_root: ProjectRoot = None,
) -> None:
    """Show when agents were not well, why, and for how long; by default of the last seven days."""
    from trading_dashboard.cli import history, remote

    sys.exit(remote.run(history.incidents(agent, _time(since), number, as_json), project_root))


@app.command()
def login(project_root: ProjectRoot = None) -> None:
    """Print a fresh link that opens the dashboard; it works once and for ten minutes."""
    from trading_dashboard.cli.login import run_login

    sys.exit(run_login(project_root))


@app.command()
def down(
    project_root: ProjectRoot = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="S", min=0, max=3600, help="Seconds to wait for the end."
        ),
    ] = 60.0,
) -> None:
    """Ask the running supervisor to end everything, and wait until it has."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.down(timeout), project_root))


def _kinds(names: list[str]) -> list[EventKind]:
    from trading_dashboard.models.events import EventKind

    known = [kind.value for kind in EventKind]
    for name in names:
        if name not in known:
            text = f"{name!r} is none of {', '.join(known)}."
            raise typer.BadParameter(text, param_hint="--kind")
    return [EventKind(name) for name in names]


def _time(text: str | None) -> datetime | None:
    from trading_dashboard.cli.history import point_in_time

    try:
        return point_in_time(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error


def main() -> None:
    """Run the command line; ends the process with one of `exit_codes.ExitCode`."""
    if sys.stdout is None or sys.stderr is None:  # `>&-`: whoever started us wants no output
        nothing = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
        sys.stdout, sys.stderr = sys.stdout or nothing, sys.stderr or nothing
    app()
