"""Login links: the way into the dashboard."""

from __future__ import annotations

import json
import time
from pathlib import Path

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.cli.run_files import KEY_FILE
from trading_dashboard.clients.lease import read_lease
from trading_dashboard.config.places import find_project_root
from trading_dashboard.models.errors import NotSupervised, TradingDashboardError
from trading_dashboard.models.login import mint_login_token


def login_link(dashboard_url: str, key: bytes) -> str:
    """Return a link that lets its bearer in once, within ten minutes."""
    return f"{dashboard_url}/login?token={mint_login_token(key, time.time())}"


def run_login(project_root: Path | None, as_json: bool = False) -> ExitCode:
    """Print a fresh link of the running dashboard."""
    root = project_root.absolute() if project_root else find_project_root()
    try:
        lease = read_lease(root)
        if lease.dashboard_url is None:
            raise TradingDashboardError(
                "This desk runs without its dashboard.",
                next_step="`trading-dashboard up` says why when it starts.",
            )
        link = login_link(lease.dashboard_url, _read_key(root))
        say(json.dumps({"url": link}) if as_json else link)
    except TradingDashboardError as error:
        return complain(error, as_json)
    return ExitCode.OK


def _read_key(root: Path) -> bytes:
    try:
        return (root / "var" / "run" / KEY_FILE).read_bytes()
    except OSError as error:
        raise NotSupervised(
            f"The login key of {root} cannot be read: {error.strerror}.",
            next_step="Start the desk with `trading-dashboard up`.",
        ) from error
