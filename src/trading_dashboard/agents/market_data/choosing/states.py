"""How each source is, in one word and in figures, for `GET /sources`.

Owns what the word is drawn from and the body; counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from trading_dashboard.agents.market_data.choosing.breaker import BreakerState
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.sources.contract import Capabilities

Condition = Literal["ok", "limited", "down", "refused", "missing", "idle"]

_WORDS: Mapping[Condition, str] = {
    "ok": "answers",
    "limited": "its limits are used up",
    "down": "does not answer",
    "refused": "refuses us",
    "missing": "lacks a library",
    "idle": "not asked yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """How a source's live prices are."""

    symbols: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    is_running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """One source now; times in microseconds since 1970 UTC, latencies in seconds.

    Attributes:
        quota_used: Requests of the provider's day, `quota_limit` None if it has none.
        live_symbols: Symbols whose live prices come from it.
    """

    name: str
    capabilities: Capabilities
    state: Condition
    breaker: BreakerState
    live_breaker: BreakerState
    retry_in_seconds: float | None
    quota_used: int
    quota_limit: int | None
    quota_resets_at: int
    requests_per_minute: int | None
    requests: int
    errors: Mapping[str, int]
    last_error: str | None
    last_error_at: int | None
    latency_p50: float | None
    latency_p99: float | None
    live_symbols: int


def state_of(line: SourceLine, live: LiveState, now: float) -> SourceState:
    """Return how a line is at a loop time."""
    rest = max(line.breaker.retry_at if line.breaker.state is BreakerState.OPEN else 0.0, 0.0)
    rest = max(rest, line.paused_until) - now
    left = line.day.left
    return SourceState(
        name=line.name,
        capabilities=line.capabilities,
        state=_condition(line, live, now, left),
        breaker=line.breaker.state,
        live_breaker=live.breaker,
        retry_in_seconds=round(rest, 3) if rest > 0 else None,
        quota_used=line.day.used,
        quota_limit=line.day.limit,
        quota_resets_at=line.day.resets_at,
        requests_per_minute=line.limits.requests_per_minute,
        requests=line.tally.requests,
        errors=dict(line.tally.errors),
        last_error=line.tally.last_error,
        last_error_at=line.tally.last_error_at,
        latency_p50=line.tally.percentile(0.5),
        latency_p99=line.tally.percentile(0.99),
        live_symbols=live.symbols,
    )


def source_body(state: SourceState, *, is_active: bool) -> dict[str, Any]:
    """Return a body shaped like `SourceInfo`."""
    can = state.capabilities
    return {
        "name": state.name,
        "active": is_active,
        "real": can.is_real,
        "description": can.description,
        "licence": can.licence,
        "intervals": list(can.intervals),
        "status": _words(state),
        "state": state.state,
        "breaker": state.breaker.value,
        "live_breaker": state.live_breaker.value,
        "retry_in_seconds": state.retry_in_seconds,
        "needs_key": can.needs_key,
        "live": can.live,
        "live_symbols": state.live_symbols,
        "quota_used": state.quota_used,
        "quota_limit": state.quota_limit,
        "quota_resets_at": _iso(state.quota_resets_at),
        "requests_per_minute": state.requests_per_minute,
        "requests": state.requests,
        "errors": dict(state.errors),
        "last_error": state.last_error,
        "last_error_at": None if state.last_error_at is None else _iso(state.last_error_at),
        "latency_p50_ms": _milliseconds(state.latency_p50),
        "latency_p99_ms": _milliseconds(state.latency_p99),
    }


def _condition(line: SourceLine, live: LiveState, now: float, left: int | None) -> Condition:
    if line.missing is not None:
        return "missing"
    if line.breaker.is_refused:
        return "refused"
    if {line.breaker.state, live.breaker} != {BreakerState.CLOSED}:
        return "down"
    if left == 0 or now < line.paused_until:
        return "limited"
    if line.tally.requests == 0 and not live.is_running:
        return "idle"
    return "ok"


def _words(state: SourceState) -> str:
    words = _WORDS[state.state]
    if state.state in {"down", "refused", "missing"} and state.last_error:
        words = f"{words}: {state.last_error}"
    if state.retry_in_seconds is not None:
        words = f"{words}; asked again in {state.retry_in_seconds:.0f} s"
    return words


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / MICROSECONDS, UTC).isoformat().replace("+00:00", "Z")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000.0, 3)
