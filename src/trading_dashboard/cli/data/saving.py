"""The command `data export`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from trading_dashboard.agents.market_data.store.bulk.exporting import (
    FORMATS,
    Selection,
    export_bars,
)
from trading_dashboard.cli.data.opening import microseconds, opened
from trading_dashboard.cli.data.progress_bar import ProgressBar
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.models.errors import TradingDashboardError


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What was typed."""

    file: Path
    source: str | None
    symbols: tuple[str, ...]
    interval: str | None
    begin: str | None
    end: str | None
    kind: str | None


def run_export(
    request: ExportRequest, data_directory: Path | None, project_root: Path | None, as_json: bool
) -> ExitCode:
    """Write the file; 1 if nothing fits."""
    kind = request.kind or request.file.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise typer.BadParameter(
            f"{kind!r} is none of {', '.join(FORMATS)}.", param_hint="--format"
        )
    selection = Selection(
        source=request.source,
        symbols=frozenset(request.symbols),
        interval=request.interval,
        start=microseconds(request.begin, "--from"),
        end=microseconds(request.end, "--to"),
    )
    try:
        with opened(data_directory, project_root) as archive, ProgressBar(as_json=as_json) as bar:
            rows = export_bars(
                archive,
                request.file,
                selection,
                kind,
                lambda done, total: bar.show(request.file.name, done, total),
            )
    except TradingDashboardError as error:
        return complain(error, as_json)
    if as_json:
        say(json.dumps({"ok": rows > 0, "file": str(request.file), "rows": rows}))
    else:
        say(f"{request.file}: {rows:,} bars" if rows else f"{request.file}: no bar fits")
    return ExitCode.OK if rows else ExitCode.FAILED
