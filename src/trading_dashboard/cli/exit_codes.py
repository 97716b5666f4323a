"""What a command's exit code says. Documented in docs/cli.md."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    """Done."""
    FAILED = 1
    """Tried, and it did not work; the message says why."""
    USAGE = 2
    """The command line or the configuration has mistakes; nothing was started."""
    NOT_SUPERVISED = 3
    """No supervisor runs for this project."""
    ALREADY_SUPERVISED = 4
    """Another supervisor already runs this project."""
