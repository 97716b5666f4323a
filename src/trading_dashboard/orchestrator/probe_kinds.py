"""Asking in the ways there are: a page, a connection, a command, a line in the log.

Owns one question of each kind, its deadline and how its answer reads. What a page says is judged in
`probes`. A question never raises for anything the other side does.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import httpcore

from trading_dashboard.models.states import Health
from trading_dashboard.orchestrator.expectations import SUCCESS
from trading_dashboard.orchestrator.fetching import reach
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probes import (
    ProbeOutcome,
    Prober,
    forgiven,
    silent,
    suspended_seconds,
)
from trading_dashboard.orchestrator.runtime import CommandEnd, LogWatch

RunCommand = Callable[[ProbePlan], Awaitable[CommandEnd]]


async def ask_page(prober: Prober, plan: ProbePlan) -> ProbeOutcome:
    """Ask for a page."""
    if plan.expected is SUCCESS:
        return await prober.probe(plan.url, plan.timeout_seconds)
    return await prober.probe(plan.url, plan.timeout_seconds, plan.expected)


async def ask_for_connection(plan: ProbePlan) -> ProbeOutcome:
    """Connect, and hang up."""
    started, slept = time.monotonic(), suspended_seconds()
    try:
        async with asyncio.timeout(plan.timeout_seconds):
            await reach(plan.url)
    except TimeoutError:
        outcome = silent(f"no connection within {plan.timeout_seconds:g} s", started)
    except (httpcore.NetworkError, OSError) as error:
        refused = isinstance(error, httpcore.ConnectError | ConnectionError)
        outcome = silent("connection refused" if refused else f"no connection: {error}", started)
    else:
        return _good(time.monotonic() - started)
    return forgiven(outcome, slept)


async def ask_by_command(run: RunCommand, plan: ProbePlan) -> ProbeOutcome:
    """Run the plan's command; exit code 0 is good."""
    started, slept = time.monotonic(), suspended_seconds()
    end = await run(plan)
    latency = time.monotonic() - started
    if end.returncode == 0:
        return _good(latency)
    said = f": {end.last_line}" if end.last_line else ""
    told = f"{plan.target} {end.problem or _ended(end.returncode)}{said}"
    outcome = _bad(told, latency, answered=end.returncode is not None)
    return forgiven(outcome, slept)


def look_in_log(watch: LogWatch, plan: ProbePlan) -> ProbeOutcome:
    """See whether the line has come, and lately enough."""
    seen_at, limit = watch.seen_at, plan.within_seconds
    if seen_at is None:
        return _bad(f"no line with {_quoted(plan.pattern)} since the start", 0.0)
    age = time.monotonic() - seen_at
    if limit is not None and age > limit:
        return _bad(f"no line with {_quoted(plan.pattern)} for {age:.0f} s", 0.0)
    return _good(0.0)


def _good(latency_seconds: float) -> ProbeOutcome:
    return ProbeOutcome(
        answered=True, ok=True, health=Health.HEALTHY, message=None, latency_seconds=latency_seconds
    )


def _bad(message: str, latency_seconds: float, *, answered: bool = True) -> ProbeOutcome:
    return ProbeOutcome(
        answered=answered,
        ok=False,
        health=Health.UNHEALTHY,
        message=message,
        latency_seconds=latency_seconds,
    )


def _ended(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return f"was ended by signal {-returncode}"
    return f"exited with code {returncode}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
