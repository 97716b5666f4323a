"""What a check says, and what checks look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trading_dashboard.clients.lease import Lease
from trading_dashboard.config import LoadedSettings
from trading_dashboard.models.errors import Mistake

MAX_DETAILS = 20


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """Works, but may surprise."""
    PROBLEM = "problem"
    """Something does not work, or will not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's answer.

    Attributes:
        check: Its name; stable.
        message: What was seen.
        next_step: What to do about it; None if nothing needs doing.
        details: One line each.
    """

    check: str
    verdict: Verdict
    message: str
    next_step: str | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The project that is looked at.

    Attributes:
        loaded: None if the configuration has mistakes that keep it from being loaded.
        lease: That of the living supervisor, None without one.
        is_locked: Whether somebody holds the project; None where the system does not tell.
    """

    root: Path
    loaded: LoadedSettings | None
    mistakes: tuple[Mistake, ...]
    lease: Lease | None
    is_locked: bool | None

    @property
    def state_directory(self) -> Path:
        """Return `var/`, resolved as the supervisor does it."""
        return (self.root / "var").resolve()


def ok(check: str, message: str, details: Sequence[str] = ()) -> Finding:
    """Return that all is well."""
    return Finding(check=check, verdict=Verdict.OK, message=message, details=bounded(details))


def warning(check: str, message: str, next_step: str, details: Sequence[str] = ()) -> Finding:
    """Return that something may surprise."""
    return Finding(
        check=check,
        verdict=Verdict.WARNING,
        message=message,
        next_step=next_step,
        details=bounded(details),
    )


def problem(check: str, message: str, next_step: str, details: Sequence[str] = ()) -> Finding:
    """Return that something does not work."""
    return Finding(
        check=check,
        verdict=Verdict.PROBLEM,
        message=message,
        next_step=next_step,
        details=bounded(details),
    )


def bounded(details: Sequence[str]) -> tuple[str, ...]:
    """Return as many as a person reads, and how many more there are."""
    if len(details) <= MAX_DETAILS:
        return tuple(details)
    return (*details[:MAX_DETAILS], f"and {len(details) - MAX_DETAILS} more")
