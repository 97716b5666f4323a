"""Asking an agent how it is, over HTTP.

Owns one health request: its deadline, its bounds and what the answer means. Does not own other ways
of asking (`probe_kinds`), when it is asked (`probe_schedule`) or what follows (`health_rule`).

The request never follows a redirect, never uses a proxy from the environment, opens a fresh
connection (so a full accept queue is noticed) and reads at most `MAX_BODY_BYTES`.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

import httpcore
from pydantic import ValidationError

from trading_dashboard.models.health import DataReport, HealthReport
from trading_dashboard.models.states import Health
from trading_dashboard.orchestrator.expectations import SUCCESS, Expectation
from trading_dashboard.orchestrator.fetching import fetch
from trading_dashboard.orchestrator.output.redaction import Redactor

MAX_BODY_BYTES = 64 * 1024
SHORT_BYTES = 512
"""Answers up to this are remembered with what they mean, a thousand of them."""
MAX_MESSAGE_CHARACTERS = 300

_HEALTHY_WORDS = frozenset({"ok", "healthy", "pass", "passing", "up", "alive", "running", "ready"})
_DEGRADED_WORDS = frozenset({"degraded", "warn", "warning", "partial"})
_UNHEALTHY_WORDS = frozenset(
    {"unhealthy", "fail", "failed", "failing", "error", "down", "critical"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """What one health request found.

    Attributes:
        answered: Something spoke HTTP before the deadline.
        ok: It answered 2xx: it can serve.
        health: What that says, with the agent's own word where it has one.
        message: Why, if not plainly healthy.
        latency_seconds: From asking to the end of the answer.
        suspended: The machine slept meanwhile; the outcome says nothing about the agent.
    """

    answered: bool
    ok: bool
    health: Health
    message: str | None
    latency_seconds: float
    data: DataReport | None = None
    version: str | None = None
    suspended: bool = False

    def for_others(self, redactor: Redactor) -> ProbeOutcome:
        """Return the outcome as it may be shown and kept: the agent's own words without secrets."""
        if self.message is None and self.version is None and self.data is None:
            return self
        message = None if self.message is None else redactor.redact(self.message)
        return replace(
            self,
            message=None if message is None else message[:MAX_MESSAGE_CHARACTERS],
            version=None if self.version is None else redactor.redact(self.version),
            data=None if self.data is None else _without_secrets(self.data, redactor),
        )


class Prober(Protocol):
    """Anything that can ask over HTTP; tests put fakes here."""

    async def probe(
        self, url: str, timeout_seconds: float, expected: Expectation = SUCCESS
    ) -> ProbeOutcome:
        """Ask once. Never raises for anything the other side does."""


class HttpProber:
    """Asks over HTTP. One instance serves all agents; it keeps no connections."""

    async def probe(
        self, url: str, timeout_seconds: float, expected: Expectation = SUCCESS
    ) -> ProbeOutcome:
        """Ask `url` once, within `timeout_seconds` in all."""
        started, slept = time.monotonic(), suspended_seconds()
        try:
            async with asyncio.timeout(timeout_seconds):
                status, body = await fetch(url, MAX_BODY_BYTES)
        except TimeoutError:
            outcome = silent(f"no answer within {timeout_seconds:g} s", started)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            outcome = silent(_reason(error), started)
        except (httpcore.UnsupportedProtocol, ValueError, TypeError) as error:
            outcome = silent(f"the address cannot be asked: {error}", started)
        else:
            latency = time.monotonic() - started
            outcome = judge(status, body, latency, expected, _path(url))
        return forgiven(outcome, slept)


def judge(
    status: int,
    body: bytes,
    latency_seconds: float,
    expected: Expectation = SUCCESS,
    path: str = "/health",
) -> ProbeOutcome:
    """Return what an HTTP answer to a health request means.

    One that is as expected is good. What its body says decides between healthy, degraded and
    unhealthy; a body that is not a health report says nothing and is healthy.
    """
    # Most agents answer the same each time.
    report = _parse_short(body) if len(body) <= SHORT_BYTES else _parse(body)
    objection = expected.objection(status, body)
    is_ok = objection is None
    if report is None:
        return ProbeOutcome(
            answered=True,
            ok=is_ok,
            health=Health.HEALTHY if is_ok else Health.UNHEALTHY,
            message=None if is_ok else f"{path} {objection}",
            latency_seconds=latency_seconds,
        )
    health = _word_to_health(report.status) if is_ok else Health.UNHEALTHY
    is_plain = health is Health.HEALTHY
    return ProbeOutcome(
        answered=True,
        ok=is_ok,
        health=health,
        message=None if is_plain else _own_words(report, objection or f"answered {status}", path),
        latency_seconds=latency_seconds,
        data=report.data,
        version=report.version,
    )


@lru_cache(maxsize=1024)
def _parse_short(body: bytes) -> HealthReport | None:
    return _parse(body)


def _parse(body: bytes) -> HealthReport | None:
    try:
        # NaN and Infinity are not JSON, but many write them; no browser reads them.
        content = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        return None
    try:
        report = HealthReport.model_validate(content)
    except ValidationError:
        # Foreign agents use the same names for other things: keep the one word we asked for.
        return HealthReport(status=_printable(content["status"][:32]))
    if report.data is not None and math.isinf(report.data.age_seconds or 0.0):  # such as 1e400
        return report.model_copy(
            update={"data": report.data.model_copy(update={"age_seconds": None})}
        )
    return report


def _word_to_health(word: str) -> Health:
    word = word.strip().lower()
    if word in _UNHEALTHY_WORDS:
        return Health.UNHEALTHY
    if word in _DEGRADED_WORDS:
        return Health.DEGRADED
    return Health.HEALTHY


def _own_words(report: HealthReport, answer: str, path: str) -> str:
    """Return, uncut, the agent's explanation, or the checks that are not well, or its bare word."""
    if report.message:
        return report.message
    unwell = [
        f"{name}: {check.get('message') or check.get('status')}"
        for name, check in report.checks.items()
        if str(check.get("status", "healthy")).lower() not in _HEALTHY_WORDS
    ]
    if unwell:
        return _printable("; ".join(unwell))
    return f"{path} {answer} and says '{report.status}'"


def _without_secrets(data: DataReport, redactor: Redactor) -> DataReport:
    """Redact the report's texts that are shown; what else it holds is not kept."""
    texts = {"market": data.market, "source": data.source, "newest_at": data.newest_at}
    return data.model_copy(
        update={name: redactor.redact(text) for name, text in texts.items() if text}
    )


def _printable(text: str) -> str:
    """Return the text without lone surrogates, which cannot be sent on."""
    return text.encode(errors="replace").decode()


def silent(message: str, started: float) -> ProbeOutcome:
    """Return the outcome of a question, asked at `started` (monotonic), that was not answered."""
    return ProbeOutcome(
        answered=False,
        ok=False,
        health=Health.UNHEALTHY,
        message=message,
        latency_seconds=time.monotonic() - started,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, httpcore.ConnectError):
        return "connection refused"
    if isinstance(error, httpcore.ProtocolError):
        return "the answer was not HTTP"
    return "the connection broke off"


def forgiven(outcome: ProbeOutcome, slept_before: float) -> ProbeOutcome:
    """Return a bad outcome marked if the machine slept since `slept_before` was read."""
    if outcome.ok or suspended_seconds() - slept_before <= 0.5:
        return outcome
    return replace(outcome, suspended=True)


def suspended_seconds() -> float:
    """Return how long the machine has slept since boot; 0 where the system does not tell."""
    suspended = 0.0
    if sys.platform == "linux":
        suspended = time.clock_gettime(time.CLOCK_BOOTTIME)
        suspended -= time.clock_gettime(time.CLOCK_MONOTONIC)
    return suspended


@lru_cache(maxsize=1024)
def _path(url: str) -> str:
    return urlsplit(url).path or "/"
