"""Options and help of the `data` commands. What they do is imported when they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trading_dashboard.cli.completion import complete_formats, complete_intervals, complete_units
from trading_dashboard.cli.options import AsJson, ProjectRoot

app = typer.Typer(
    help="Stored market data: in, out, fill and check.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DataDirectory = Annotated[
    Path | None,
    typer.Option(
        "--data-directory",
        metavar="D",
        help="The market data agent's folder; by default var/data/market_data of the project.",
    ),
]
Interval = Annotated[
    str,
    typer.Option(
        "--interval", metavar="I", help="Such as 1m or 1d.", autocompletion=complete_intervals
    ),
]
AnyInterval = Annotated[
    str | None,
    typer.Option(
        "--interval", metavar="I", help="Only these bars.", autocompletion=complete_intervals
    ),
]
From = Annotated[
    str | None, typer.Option("--from", metavar="T", help="First day or time, UTC (ISO 8601).")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="T", help="Day or time it ends before, UTC.")
]


@app.command(name="import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Parquet, CSV or Arrow files, or folders of them."),
    ],
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="What the bars are labelled with.")
    ] = "file",
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", metavar="S", help="Of all rows, if there is no such column."),
    ] = None,
    interval: Interval = "1d",
    time_unit: Annotated[
        str,
        typer.Option(
            "--time-unit",
            metavar="U",
            help="Of times that are whole numbers: s, ms or us.",
            autocompletion=complete_units,
        ),
    ] = "us",
    data_directory: DataDirectory = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Put bars of files into the archive; interrupted, the same command goes on."""
    from trading_dashboard.cli.data.loading import ImportRequest, run_import

    request = ImportRequest(tuple(files), source, symbol, interval, time_unit)
    sys.exit(run_import(request, data_directory, project_root, as_json))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Replaced if it exists.")],
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only bars of this source.")
    ] = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option("--symbol", metavar="S", help="Only this symbol. Repeatable."),
    ] = None,
    interval: AnyInterval = None,
    begin: From = None,
    end: To = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="F",
            help="parquet, csv or arrow; by default what the name ends in.",
            autocompletion=complete_formats,
        ),
    ] = None,
    data_directory: DataDirectory = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write stored bars to a Parquet, CSV or Arrow file."""
    from trading_dashboard.cli.data.saving import ExportRequest, run_export

    request = ExportRequest(file, source, tuple(symbol or ()), interval, begin, end, kind)
    sys.exit(run_export(request, data_directory, project_root, as_json))


@app.command()
def backfill(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="One or more.")],
    begin: Annotated[
        str, typer.Option("--from", metavar="T", help="First day, such as 2024-05-17.")
    ],
    end: Annotated[
        str | None, typer.Option("--to", metavar="T", help="Last day; by default today.")
    ] = None,
    interval: Interval = "1d",
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Have the running market data agent fetch history from its sources into the archive."""
    from trading_dashboard.cli import remote
    from trading_dashboard.cli.data.backfilling import BackfillRequest, backfill_through_agent

    request = BackfillRequest(tuple(symbols), interval, begin, end)
    sys.exit(remote.run(backfill_through_agent(request, as_json), project_root, as_json))


@app.command()
def check(
    data_directory: DataDirectory = None,
    project_root: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Read every stored row and tell what is wrong."""
    from trading_dashboard.cli.data.checking import run_check

    sys.exit(run_check(data_directory, project_root, as_json))
