"""What asking one source came to: requests, errors by code, the last error, latencies.

Owns counts since the start; they decide nothing.
"""

from __future__ import annotations

from collections import Counter, deque

from trading_dashboard.agents.market_data.choosing.answers import MAX_TEXT
from trading_dashboard.agents.market_data.sources.contract import SourceFailure

_LATENCIES = 500


class Tally:
    """Counts of one source."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors: Counter[str] = Counter()
        self.last_error: str | None = None
        self.last_error_at: int | None = None
        self._seconds: deque[float] = deque(maxlen=_LATENCIES)

    def sent(self) -> None:
        """Count a request."""
        self.requests += 1

    def answered(self, seconds: float) -> None:
        """Count an answer and how long it took."""
        self._seconds.append(seconds)

    def failed(self, failure: SourceFailure, at: int) -> None:
        """Count a failure and keep its words."""
        self.errors[failure.code] += 1
        self.last_error = str(failure)[:MAX_TEXT]
        self.last_error_at = at

    def percentile(self, share: float) -> float | None:
        """Return a latency in seconds that `share` of the last answers did not exceed."""
        if not self._seconds:
            return None
        ordered = sorted(self._seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
