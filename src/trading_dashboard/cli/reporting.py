"""Errors as messages and exit codes: one place for all commands."""

from __future__ import annotations

import json
import sys

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.models.errors import (
    AlreadySupervised,
    ConfigurationError,
    NotSupervised,
    TradingDashboardError,
)

_CODES: tuple[tuple[type[TradingDashboardError], ExitCode], ...] = (
    (ConfigurationError, ExitCode.USAGE),
    (NotSupervised, ExitCode.NOT_SUPERVISED),
    (AlreadySupervised, ExitCode.ALREADY_SUPERVISED),
)


def exit_code_of(error: TradingDashboardError) -> ExitCode:
    """Return the exit code an error means."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def complain(error: TradingDashboardError, as_json: bool = False) -> ExitCode:
    """Write an error to stderr, or as JSON to stdout, and return its exit code."""
    if as_json:
        say(json.dumps(error.as_body(), indent=2, default=str))
    else:
        sys.stderr.write(f"{error}\n")
    return exit_code_of(error)


def say(text: str = "") -> None:
    """Write a line to stdout, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
