"""The command line: options and help. What commands do is imported when they run."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trading_dashboard.cli.completion import complete_agents, complete_levels, complete_roles
from trading_dashboard.cli.data.commands import app as data_app
from trading_dashboard.cli.options import (
    AsJson,
    Environment,
    Kinds,
    MaybeNames,
    Names,
    OneName,
    ProjectRoot,
    Switch,
)

if TYPE_CHECKING:
    from trading_dashboard.models.events import EventKind

app = typer.Typer(
    name="trading-dashboard",
    help="Run the desk: supervised agents, live prices, a dashboard in the browser.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

config_app = typer.Typer(
    help="Check or show the configuration.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(config_app, name="config")
tokens_app = typer.Typer(
    help="The tokens of the control API.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(tokens_app, name="tokens")
new_app = typer.Typer(help="Make something new.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(new_app, name="new")
app.add_typer(data_app, name="data")

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


@app.command()
def up(
    project_root: ProjectRoot = None,
    env: Environment = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="AGENT",
            help="Start this agent and what it depends on. Repeatable.",
            autocompletion=complete_agents,
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
    as_json: AsJson = False,
) -> None:
    """Start the desk and stay until Ctrl-C."""
    from trading_dashboard.cli.up import UpOptions, run_up

    options = UpOptions(
        project_root=project_root,
        environment=env,
        only=tuple(only or ()),
        port=port,
        no_browser=no_browser,
        as_json=as_json,
    )
    sys.exit(run_up(options))


@app.command()
def status(
    project_root: ProjectRoot = None,
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Go on showing what changes, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the running supervisor and its agents."""
    from trading_dashboard.cli import remote

    if watch:
        from trading_dashboard.cli import watching

        sys.exit(remote.run(watching.watch(as_json), project_root, as_json))
    sys.exit(remote.run(remote.status(as_json), project_root, as_json))


@app.command()
def start(names: Names, project_root: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Start agents, and what they depend on; wait until they are healthy."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.verb("start", names, as_json), project_root, as_json))


@app.command()
def stop(
    names: MaybeNames = None,
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help="Kill all agents at once, unasked; the desk stays."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="With --emergency: do not ask whether it is meant.")
    ] = False,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Stop agents and every process they started; in an emergency all at once."""
    from trading_dashboard.cli import remote

    if emergency:
        from trading_dashboard.cli.emergency import run_emergency_stop

        if names:
            raise typer.BadParameter("takes no agents: it ends all.", param_hint="--emergency")
        sys.exit(run_emergency_stop(project_root, yes, as_json))
    if not names:
        raise typer.BadParameter("name one or more agents.", param_hint="NAME...")
    sys.exit(remote.run(remote.verb("stop", names, as_json), project_root, as_json))


@app.command()
def restart(names: Names, project_root: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Stop and start agents; wait until they are healthy."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.verb("restart", names, as_json), project_root, as_json))


@app.command()
def maintenance(
    name: OneName,
    switch: Annotated[Switch, typer.Argument(metavar="on|off", help="Begin or end it.")],
    length: Annotated[
        str | None,
        typer.Option("--for", metavar="T", help="It ends by itself after 30m, 2h or 1d."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="For whoever sees it.")
    ] = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Leave an agent to whoever works on it: no restarts, no alarms, until it is off."""
    from trading_dashboard.cli import remote
    from trading_dashboard.cli.maintenance import maintenance_request, set_maintenance

    request = maintenance_request(switch, length, reason)
    sys.exit(remote.run(set_maintenance(name, request, as_json), project_root, as_json))


@app.command()
def logs(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The agent.", autocompletion=complete_agents),
    ],
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=1, max=10_000, help="How many of the newest lines.")
    ] = 200,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Show new lines as well.")] = False,
    grep: Annotated[
        str | None,
        typer.Option(
            "--grep", metavar="TEXT", help="Only lines that hold this text, case ignored."
        ),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level",
            metavar="LEVEL",
            help="Only lines at least this grave: debug, info, warning, error.",
            autocompletion=complete_levels,
        ),
    ] = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show an agent's newest log lines."""
    from trading_dashboard.cli import remote
    from trading_dashboard.cli.searching import search_for

    search = search_for(grep, level)
    action = remote.follow_logs if follow else remote.logs
    sys.exit(remote.run(action(name, lines, search, as_json), project_root, as_json))


@app.command()
def events(
    agent: OneAgent = None,
    kind: Kinds = None,
    since: Since = None,
    number: Newest = 50,
    as_json: AsJson = False,
    project_root: ProjectRoot = None,
) -> None:
    """Show what happened: the newest events of this run and earlier ones."""
    from trading_dashboard.cli import history

    question = history.events(agent, _kinds(kind or []), _time(since), number, as_json)
    sys.exit(question.run(project_root))


@app.command()
def incidents(
    agent: OneAgent = None,
    since: Since = None,
    number: Newest = 50,
    as_json: AsJson = False,
    project_root: ProjectRoot = None,
) -> None:
    """Show when agents were not well, why, and for how long; by default of the last seven days."""
    from trading_dashboard.cli import history

    question = history.incidents(agent, _time(since), number, as_json)
    sys.exit(question.run(project_root))


@app.command()
def reload(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Apply the configuration files as they are now; only agents that changed restart."""
    from trading_dashboard.cli import remote
    from trading_dashboard.cli.reloading import reload as action

    sys.exit(remote.run(action(dry_run, as_json), project_root, as_json))


@app.command()
def login(project_root: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Print a fresh link that opens the dashboard; it works once and for ten minutes."""
    from trading_dashboard.cli.login import run_login

    sys.exit(run_login(project_root, as_json))


@app.command()
def down(
    project_root: ProjectRoot = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="S", min=0, max=3600, help="Seconds to wait for the end."
        ),
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Ask the running supervisor to end everything, and wait until it has."""
    from trading_dashboard.cli import remote

    sys.exit(remote.run(remote.down(timeout, as_json), project_root, as_json))


@app.command()
def doctor(
    project_root: ProjectRoot = None, env: Environment = None, as_json: AsJson = False
) -> None:
    """Look for what is wrong, or will be, and say what to do. Changes nothing."""
    from trading_dashboard.cli.diagnosis.report import run_doctor

    sys.exit(run_doctor(project_root, env, as_json))


@config_app.command()
def check(
    project_root: ProjectRoot = None, env: Environment = None, as_json: AsJson = False
) -> None:
    """Tell every mistake in the configuration, or what is fine. Starts nothing."""
    from trading_dashboard.cli.configuration import run_check

    sys.exit(run_check(project_root, env, as_json))


@config_app.command()
def show(
    project_root: ProjectRoot = None,
    env: Environment = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Also where each value comes from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the effective settings, secrets masked."""
    from trading_dashboard.cli.configuration import run_show

    sys.exit(run_show(project_root, env, origin, as_json))


@tokens_app.command()
def rotate(
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="Only this token: operator or read-only.",
            autocompletion=complete_roles,
        ),
    ] = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Replace the running supervisor's tokens; the old ones work no more."""
    from trading_dashboard.cli import remote, tokens

    if role is not None and role not in complete_roles(""):
        text = f"{role!r} is none of {', '.join(complete_roles(''))}."
        raise typer.BadParameter(text, param_hint="--role")
    sys.exit(remote.run(tokens.rotate(role, as_json), project_root, as_json))


@new_app.command()
def agent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=1024, max=65_535, help="Its port."),
    ] = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Make a runnable agent with its test, and add it to the configuration."""
    from trading_dashboard.cli.scaffold.new_agent import run_new_agent

    sys.exit(run_new_agent(name, project_root, port, as_json))


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
