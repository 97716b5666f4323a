"""The command `up`: from the command line to a running desk, and its exit code."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain
from trading_dashboard.cli.supervisor_log import SupervisorLog, supervisor_log
from trading_dashboard.cli.terminal import Terminal
from trading_dashboard.config import LoadedSettings, check_startable, load_settings
from trading_dashboard.models.errors import AlreadySupervised, TradingDashboardError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What the command line said."""

    project_root: Path | None = None
    environment: str | None = None
    only: tuple[str, ...] = ()
    port: int | None = None
    no_browser: bool = False
    as_json: bool = False


def run_up(options: UpOptions) -> ExitCode:
    """Run the desk until it is asked to stop. Nothing of it is left when this returns."""
    try:
        loaded = _load(options)
        check_startable(loaded, options.only or None)
    except TradingDashboardError as error:
        return complain(error, options.as_json)
    except KeyboardInterrupt:
        return ExitCode.OK  # nothing has started yet
    terminal = Terminal(as_json=options.as_json)
    try:
        with supervisor_log() as log:
            return _run(loaded, options, terminal, log)
    finally:
        terminal.close()


def _load(options: UpOptions) -> LoadedSettings:
    overrides: dict[str, Any] = {"dashboard.port": options.port}
    if options.no_browser:
        overrides["dashboard.open_browser"] = False
    return load_settings(options.project_root, environment=options.environment, overrides=overrides)


def _run(
    loaded: LoadedSettings, options: UpOptions, terminal: Terminal, log: SupervisorLog
) -> ExitCode:
    from trading_dashboard.cli.desk import Desk
    from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM

    if PLATFORM.notice is not None:
        terminal.line(PLATFORM.notice)
    try:
        asyncio.run(Desk(loaded, terminal, log, options.only).run())
    except AlreadySupervised as error:
        code = complain(error, options.as_json)
        sys.stderr.write("`trading-dashboard status` shows what it runs.\n")
        return code
    except TradingDashboardError as error:
        _log.error("%s", error)
        return complain(error, options.as_json)
    except KeyboardInterrupt:
        return ExitCode.OK  # before the signals were ours nothing had started
    except Exception as error:  # noqa: BLE001 - logged with its traceback, told in a line
        _log.exception("the supervisor failed")
        terminal.line(f"The supervisor failed with {type(error).__name__}: {error}.")
        terminal.line(f"See {log.path}." if log.path else traceback.format_exc())
        return ExitCode.FAILED
    return ExitCode.OK
