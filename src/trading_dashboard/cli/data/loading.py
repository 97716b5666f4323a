"""The command `data import`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from trading_dashboard.agents.market_data.store.bulk.errors import FileUnreadable
from trading_dashboard.agents.market_data.store.bulk.importing import ImportReport, import_bars
from trading_dashboard.agents.market_data.store.bulk.validation import UNITS, ImportOptions
from trading_dashboard.cli.data.opening import opened
from trading_dashboard.cli.data.progress_bar import ProgressBar
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.models.errors import TradingDashboardError

_SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".arrow", ".feather", ".ipc")


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What was typed."""

    files: tuple[Path, ...]
    source: str
    symbol: str | None
    interval: str
    time_unit: str


def run_import(
    request: ImportRequest, data_directory: Path | None, project_root: Path | None, as_json: bool
) -> ExitCode:
    """Import the files; 0 also if rows were refused, which is told and kept."""
    if request.time_unit not in UNITS:
        raise typer.BadParameter(f"is none of {', '.join(UNITS)}.", param_hint="--time-unit")
    options = ImportOptions(
        source=request.source,
        symbol=request.symbol,
        interval=request.interval,
        time_unit=request.time_unit,
    )
    try:
        paths = found_files(request.files)
        with (
            opened(data_directory, project_root, create=True) as archive,
            ProgressBar(as_json=as_json) as bar,
        ):

            def show(report: ImportReport, rows: int | None, phase: str) -> None:
                bar.show(f"{Path(report.path).name}: {phase}", report.rows, rows)

            reports = import_bars(archive, paths, options, show)
    except TradingDashboardError as error:
        return complain(error, as_json)
    if as_json:
        say(json.dumps({"ok": True, "files": [report.as_body() for report in reports]}, indent=2))
    else:
        for report in reports:
            for line in lines(report):
                say(line)
    return ExitCode.OK


def found_files(given: tuple[Path, ...]) -> list[Path]:
    """Return the files, those of folders by name. Raises `FileUnreadable` if there are none."""
    files: list[Path] = []
    for path in given:
        if path.is_dir():
            files += sorted(p for p in path.iterdir() if p.name.lower().endswith(_SUFFIXES))
        else:
            files.append(path)
    if not files:
        raise FileUnreadable(
            f"There is nothing to import in {', '.join(map(str, given))}.",
            observed="no Parquet, CSV or Arrow file",
            next_step="Name the files.",
        )
    return files


def lines(report: ImportReport) -> list[str]:
    """Return what became of a file, for people."""
    resumed = f", going on at part {report.resumed_at}" if report.resumed_at else ""
    found = [f"{report.path}: {report.imported:,} of {report.rows:,} rows imported{resumed}"]
    if report.duplicates:
        found.append(f"  {report.duplicates:,} were said again later in the file, which counts")
    for reason, count in sorted(report.rejected.items()):
        found.append(f"  {count:,} refused: {reason.replace('_', ' ')}")
    return found
