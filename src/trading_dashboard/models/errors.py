"""The errors of this project, one tree.

    TradingDashboardError           what failed, what was observed, the next step; a stable `code`
    ├── ConfigurationError          holds every mistake found, not only the first
    ├── AgentError                  `subject` is the agent
    │   ├── UnknownAgent
    │   ├── AgentDisabled
    │   ├── AgentStartFailed
    │   ├── PortInUse
    │   ├── DependencyUnavailable
    │   ├── NotManaged              an external agent was asked to stop or restart
    │   └── NoLogFile               nothing was written, or it cannot be read
    ├── InvalidTransition           a bug: a state change the table does not allow
    ├── AlreadySupervised           another supervisor owns this project
    ├── NotSupervised               no supervisor answers for this project
    │   └── LeaseDamaged            one runs, but its lease does not tell where
    ├── WrongEventLoop              one manager used from two event loops
    ├── SupervisorShuttingDown
    ├── HistoryUnavailable          the record of past events cannot be read or written
    ├── InvalidPeriod               a period of the history that makes no sense
    ├── Unauthorized / Forbidden
    ├── PatternError
    │   ├── UnknownPattern          no such pattern in the catalogue
    │   ├── UnknownIndicator
    │   ├── InvalidParameter        an indicator's parameter is none of its own, or out of bounds
    │   ├── InvalidBars             bars that were sent contradict themselves
    │   ├── ScanQueueFull           as many scans wait as may
    │   ├── UnknownScan
    │   ├── ScanUnavailable         the processes that scan do not start
    │   └── LedgerDamaged           what was kept of patterns' outcomes cannot be read
    └── MarketDataError
        ├── UnknownSymbol
        ├── InvalidRange
        ├── DataUnavailable         no source can answer now
        ├── UnknownSource           no source of that name is configured
        ├── SourceRefused           a source that this environment does not allow
        ├── UnknownRecording
        ├── RecordingConflict       as it is now, it cannot be made, stopped or deleted
        └── RecordingDamaged

Messages are for people: what, observed, next step. Programs look at `code`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


class TradingDashboardError(Exception):
    """Base of all errors this project raises on purpose.

    Attributes:
        code: Stable, machine-readable; class-level.
        subject: What it is about: an agent, a symbol, a file, a setting.
        message: What failed.
        observed: The value or fact that was seen, if it is not in `message`.
        next_step: What the reader can do about it.
        details: More facts for programs, such as symbols near a misspelt one.
    """

    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        subject: str | None = None,
        observed: Any = None,
        next_step: str | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.observed = observed
        self.next_step = next_step
        self.details = tuple(details)

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}" if self.next_step else self.message

    def as_body(self) -> dict[str, Any]:
        """Return the one JSON shape errors have on every HTTP and WebSocket face of ours."""
        return error_body(
            self.code,
            self.message,
            subject=self.subject,
            observed=self.observed,
            next_step=self.next_step,
            details=self.details,
        )


def error_body(
    code: str,
    message: str,
    *,
    subject: str | None = None,
    observed: Any = None,
    next_step: str | None = None,
    details: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return ``{"error": {code, message, subject, observed, next_step, details}}``."""
    return {
        "error": {
            "code": code,
            "message": message,
            "subject": subject,
            "observed": observed,
            "next_step": next_step,
            "details": list(details),
        }
    }


WHOLE_FILE = "(file)"
"""The key of a mistake that is about no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in the configuration.

    Attributes:
        file: The file as the user knows it (relative to the project root), or the name of an
            environment variable or option.
        line: 1-based, None where there are no lines.
        key: Dotted path, such as ``agents.market_data.timeout``.
        value: The offending value, secrets masked.
        problem: What is wrong with it.
        remedy: What would be right.
    """

    file: str
    line: int | None
    key: str
    value: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        if self.key == WHOLE_FILE:
            return f"{place}: {self.problem} {self.remedy}"
        return f"{place}: {self.key} = {self.value}: {self.problem} {self.remedy}"


class ConfigurationError(TradingDashboardError):
    """The configuration has mistakes; all of them are in `mistakes`."""

    code = "configuration_invalid"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        noun = "mistake" if len(self.mistakes) == 1 else "mistakes"
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(
            f"{len(self.mistakes)} {noun} in the configuration:\n{lines}",
            details=[asdict(mistake) for mistake in self.mistakes],
        )


class AgentError(TradingDashboardError):
    """Something about one agent."""

    code = "agent_error"


class UnknownAgent(AgentError):
    """No agent of that name is configured."""

    code = "unknown_agent"


class AgentDisabled(AgentError):
    """The agent is configured with ``enabled: false``."""

    code = "agent_disabled"


class AgentStartFailed(AgentError):
    """The agent could not be started, or never became healthy."""

    code = "agent_start_failed"


class PortInUse(AgentError):
    """Something that is not an agent of ours holds the agent's port."""

    code = "port_in_use"


class DependencyUnavailable(AgentError):
    """An agent this one depends on is not running."""

    code = "dependency_unavailable"


class NotManaged(AgentError):
    """The agent was started by someone else; it is watched, never signalled."""

    code = "not_managed"


class NoLogFile(AgentError):
    """The agent has no log file that can be read."""

    code = "no_log_file"


class InvalidTransition(TradingDashboardError):
    """A state change that the transition table does not allow. Always a bug."""

    code = "invalid_transition"


class AlreadySupervised(TradingDashboardError):
    """Another supervisor owns this project."""

    code = "already_supervised"


class NotSupervised(TradingDashboardError):
    """No supervisor answers for this project."""

    code = "not_supervised"


class LeaseDamaged(NotSupervised):
    """A supervisor holds the project, but where it answers cannot be read."""

    code = "lease_damaged"


class WrongEventLoop(TradingDashboardError):
    """One manager was used from two event loops."""

    code = "wrong_event_loop"


class SupervisorShuttingDown(TradingDashboardError):
    """The supervisor is stopping and starts nothing any more."""

    code = "supervisor_shutting_down"


class HistoryUnavailable(TradingDashboardError):
    """The record of past events cannot be read or written now."""

    code = "history_unavailable"


class ReloadUnavailable(TradingDashboardError):
    """The supervisor's configuration does not come from files it could read again."""

    code = "reload_unavailable"


class InvalidPeriod(TradingDashboardError):
    """A period that ends before it begins, or is too long."""

    code = "invalid_period"


class Unauthorized(TradingDashboardError):
    """No valid token."""

    code = "unauthorized"


class Forbidden(TradingDashboardError):
    """A Host, Origin or role that is not allowed."""

    code = "forbidden"


class MarketDataError(TradingDashboardError):
    """Something about market data."""

    code = "market_data_error"


class UnknownSymbol(MarketDataError):
    """The symbol is not known."""

    code = "unknown_symbol"


class InvalidRange(MarketDataError):
    """A date range, interval, limit or page that makes no sense."""

    code = "invalid_range"


class SourceRefused(MarketDataError):
    """The configured source may not be used in this environment."""

    code = "source_refused"


class DataUnavailable(MarketDataError):
    """No source that has it can answer now; `details` says why each did not."""

    code = "data_unavailable"


class UnknownSource(MarketDataError):
    """No source of that name is configured."""

    code = "unknown_source"


class UnknownRecording(MarketDataError):
    """No recording has this name."""

    code = "unknown_recording"


class RecordingConflict(MarketDataError):
    """The recording cannot be made, stopped or deleted as it is now."""

    code = "recording_conflict"


class RecordingDamaged(MarketDataError):
    """A part of the recording cannot be read."""

    code = "recording_damaged"


class PatternError(TradingDashboardError):
    """Something about patterns and indicators."""

    code = "pattern_error"


class UnknownPattern(PatternError):
    """No pattern of that id is in the catalogue."""

    code = "unknown_pattern"


class UnknownIndicator(PatternError):
    """No indicator of that name exists."""

    code = "unknown_indicator"


class InvalidParameter(PatternError):
    """An indicator has no such parameter, or the value is outside its bounds."""

    code = "invalid_parameter"


class InvalidBars(PatternError):
    """Bars that were sent cannot be used; `details` names rows and values."""

    code = "invalid_bars"


class ScanQueueFull(PatternError):
    """As many scans wait as may."""

    code = "scan_queue_full"


class UnknownScan(PatternError):
    """No scan has this id, or it was forgotten."""

    code = "unknown_scan"


class ScanUnavailable(PatternError):
    """The processes that scan do not start, or end at once."""

    code = "scan_unavailable"


class LedgerDamaged(PatternError):
    """What was kept of patterns' outcomes cannot be read; it can be rebuilt from bars."""

    code = "ledger_damaged"
