"""Options and arguments that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from trading_dashboard.cli.completion import (
    complete_agents,
    complete_environments,
    complete_kinds,
)


class Switch(StrEnum):
    """Something begins or ends."""

    ON = "on"
    OFF = "off"


ProjectRoot = Annotated[
    Path | None,
    typer.Option(
        "--project-root",
        metavar="P",
        exists=True,
        file_okay=False,
        help="The folder that holds config/; by default searched from here upwards.",
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="One or more agents.", autocompletion=complete_agents),
]
OneName = Annotated[
    str, typer.Argument(metavar="NAME", help="The agent.", autocompletion=complete_agents)
]
MaybeNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME...]", help="One or more agents.", autocompletion=complete_agents),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="development or production.",
        autocompletion=complete_environments,
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="K",
        help="Only this kind, such as transition. Repeatable.",
        autocompletion=complete_kinds,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
