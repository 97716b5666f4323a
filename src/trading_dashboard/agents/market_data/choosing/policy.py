"""How patient the desk is with sources: every number that choosing works with.

Owns the numbers and their defaults, not what is done with them. All durations are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from trading_dashboard.agents.market_data.sources.contract import Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be asked of one source; None is what its capabilities say.

    Attributes:
        reset_time_zone, reset_hour: When the provider's day begins.
        max_concurrent: Requests under way at once.
    """

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    reset_time_zone: str = "UTC"
    reset_hour: int = 0
    max_concurrent: int = 4

    def __post_init__(self) -> None:
        """Refuse limits that allow nothing or a day that never begins."""
        for name in ("requests_per_minute", "requests_per_day", "max_concurrent"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value} and must be at least 1")
        if not 0 <= self.reset_hour <= 23:
            raise ValueError(f"reset_hour is {self.reset_hour} and must be 0 to 23")
        ZoneInfo(self.reset_time_zone)

    def over(self, capabilities: Capabilities) -> Limits:
        """Return these limits with the source's own where none is set."""
        return Limits(
            requests_per_minute=self.requests_per_minute or capabilities.requests_per_minute,
            requests_per_day=self.requests_per_day or capabilities.requests_per_day,
            reset_time_zone=self.reset_time_zone,
            reset_hour=self.reset_hour,
            max_concurrent=self.max_concurrent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Patience with requests.

    Attributes:
        deadline_seconds: Over everything one question takes: waits, retries and fail-over.
        attempt_seconds: For one request to one source.
        attempts: Requests to one source for one question.
        backoff_seconds, backoff_cap_seconds: The ceiling of the first wait and of any.
        patience_seconds: Waiting for a source's limits while another source may answer at once.
        failures_to_open: Failures in a row after which a source is left alone.
        open_seconds, open_cap_seconds: For how long at first, and at most as trials fail.
        refusal_seconds: How long a source that refused us is left alone.
        limited_seconds: How long it is after "too many requests" that did not say.
        quote_seconds, find_seconds, instrument_seconds: How long answers are given again.
        unknown_seconds: How long a source is believed not to know a symbol.
        free_unknown_seconds: The same of a source without limits, which a folder is.
        settle_seconds: How long ago a range must have ended to count as closed.
        cached_bars: Bars kept of closed ranges, over all sources.
    """

    deadline_seconds: float = 20.0
    attempt_seconds: float = 8.0
    attempts: int = 3
    backoff_seconds: float = 0.5
    backoff_cap_seconds: float = 8.0
    patience_seconds: float = 2.0
    failures_to_open: int = 5
    open_seconds: float = 30.0
    open_cap_seconds: float = 600.0
    refusal_seconds: float = 6 * 3600.0
    limited_seconds: float = 60.0
    quote_seconds: float = 1.0
    find_seconds: float = 60.0
    instrument_seconds: float = 86_400.0
    unknown_seconds: float = 300.0
    free_unknown_seconds: float = 5.0
    settle_seconds: float = 900.0
    cached_bars: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePolicy:
    """Patience with live prices.

    Attributes:
        debounce_seconds: Changes of what is wanted are gathered for so long.
        silence_seconds: Without any sign of life, while a market is open, a stream is dead.
        poll_seconds: The shortest time between two rounds of questions for prices.
        poll_share: The share of a source's limits that polling may use.
        restart_seconds, restart_cap_seconds: The ceiling of the first wait and of any.
        failures_to_open: Streams lost in a row after which the next source takes over.
        open_seconds, open_cap_seconds: How long it is left alone at first, and at most.
        well_seconds: How long a preferred source must deliver before it takes over again.
    """

    debounce_seconds: float = 0.25
    silence_seconds: float = 60.0
    poll_seconds: float = 5.0
    poll_share: float = 0.5
    restart_seconds: float = 1.0
    restart_cap_seconds: float = 60.0
    failures_to_open: int = 3
    open_seconds: float = 60.0
    open_cap_seconds: float = 900.0
    well_seconds: float = 30.0
