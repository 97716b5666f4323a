"""The command `data check`."""

from __future__ import annotations

import json
from pathlib import Path

from trading_dashboard.agents.market_data.store.bulk.importing import pending_imports
from trading_dashboard.agents.market_data.store.integrity import check_deeply
from trading_dashboard.cli.data.opening import opened
from trading_dashboard.cli.data.progress_bar import ProgressBar
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.models.errors import TradingDashboardError


def run_check(data_directory: Path | None, project_root: Path | None, as_json: bool) -> ExitCode:
    """Read every row; 1 if something is wrong."""
    try:
        with opened(data_directory, project_root) as archive:
            with ProgressBar(as_json=as_json) as bar:
                report = check_deeply(
                    archive.store, lambda done, total: bar.show("checking", done, total)
                )
            pending = pending_imports(archive)
            figures = archive.figures()
    except TradingDashboardError as error:
        return complain(error, as_json)
    ok = not report.findings
    if as_json:
        body = {
            "ok": ok,
            "rows": report.rows,
            "findings": report.findings,
            "unfinished_imports": pending,
            "storage": figures.as_body(),
        }
        say(json.dumps(body, indent=2))
        return ExitCode.OK if ok else ExitCode.FAILED
    say(
        f"{figures.path}: {report.rows:,} rows of {figures.series:,} series, "
        f"{figures.file_bytes / 2**20:,.1f} MiB"
    )
    for finding in report.findings:
        say(f"  wrong: {finding}")
    for path in pending:
        say(f"  the import of {path} did not end; the same command goes on")
    say("  all is as it was written" if ok else "  restore a backup, or import it again")
    return ExitCode.OK if ok else ExitCode.FAILED
