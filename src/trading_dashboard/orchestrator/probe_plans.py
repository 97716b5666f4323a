"""What an agent is asked: its settings' probes with every default filled in.

Owns which probe decides what. Without a `probes` section one health request decides everything: any
answer means alive, a 2xx means started and ready. When plans are carried out is `probe_schedule`'s,
what an outcome means for the agent `health_rule`'s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from trading_dashboard.config.settings import AgentSettings, ProbeSettings
from trading_dashboard.models.agents import ProbeInfo, ProbeRole
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.expectations import ANY_ANSWER, SUCCESS, Expectation
from trading_dashboard.orchestrator.probes import ProbeOutcome

STARTUP_INTERVAL_SECONDS = 0.1

_STARTUP, _READINESS, _LIVENESS = ProbeRole


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """One thing that is asked again and again.

    Attributes:
        roles: What it decides.
        kind: `http`, `tcp`, `command` or `log`.
        target: What is asked, for people.
        startup_interval_seconds: Between two probes until the agent has come up.
        expected: http: what passes.
        within_seconds: log: how old the newest line may be; None: any since the start will do.
    """

    roles: tuple[ProbeRole, ...]
    kind: str
    target: str
    interval_seconds: float
    startup_interval_seconds: float
    timeout_seconds: float
    failure_threshold: int
    success_threshold: int
    url: str
    expected: Expectation = SUCCESS
    command: tuple[str, ...] = ()
    pattern: str = ""
    within_seconds: float | None = None

    def passed(self, role: ProbeRole, outcome: ProbeOutcome) -> bool:
        """Return whether the outcome is a good one for that role.

        A request that decides about readiness as well says by any answer that the agent lives.
        """
        if role is _LIVENESS and _READINESS in self.roles:
            return outcome.answered
        return outcome.ok

    @property
    def is_asked_on_network(self) -> bool:
        """Return whether somebody else could answer in the agent's place."""
        return self.kind in ("http", "tcp")


def plans_for(agent: AgentSettings) -> tuple[ProbePlan, ...]:
    """Return what the agent is asked; each role occurs at most once."""
    probes = agent.probes
    startup, readiness, liveness = probes.startup, probes.readiness, probes.liveness
    plans = [] if startup is None else [_plan(agent, (_STARTUP,), startup)]
    first = (_STARTUP,) if startup is None else ()
    if readiness is not None:
        plans.append(_plan(agent, (*first, _READINESS), readiness))
        if liveness is None and readiness.kind == "http":
            plans.append(_plan(agent, (_LIVENESS,), ProbeSettings()))
    else:
        last = (_LIVENESS,) if liveness is None else ()
        plans.append(_plan(agent, (*first, _READINESS, *last), ProbeSettings()))
    if liveness is not None:
        plans.append(_plan(agent, (_LIVENESS,), liveness))
    return tuple(plans)


def readiness_of(plans: Sequence[ProbePlan]) -> ProbePlan:
    """Return the plan that decides whether the agent can serve."""
    return next(plan for plan in plans if _READINESS in plan.roles)


def unasked(plans: Sequence[ProbePlan]) -> tuple[ProbeInfo, ...]:
    """Return what is known of these probes before they are asked."""
    kinds = {role: plan.kind for plan in plans for role in plan.roles}
    return tuple(ProbeInfo(role=role, kind=kinds[role]) for role in ProbeRole if role in kinds)


def _plan(agent: AgentSettings, roles: tuple[ProbeRole, ...], probe: ProbeSettings) -> ProbePlan:
    is_startup = roles == (_STARTUP,)
    startup_interval = probe.interval_seconds if is_startup else None
    url = _url(agent, probe)
    return ProbePlan(
        roles=roles,
        kind=probe.kind,
        target=_target(probe, url),
        interval_seconds=probe.interval_seconds or agent.health_check_interval,
        startup_interval_seconds=startup_interval or STARTUP_INTERVAL_SECONDS,
        timeout_seconds=probe.timeout_seconds or agent.timeout,
        failure_threshold=probe.failure_threshold or agent.failure_threshold,
        success_threshold=probe.success_threshold or agent.success_threshold,
        url=url,
        expected=_expectation(roles, probe),
        command=probe.command,
        pattern=probe.pattern or "",
        within_seconds=probe.within_seconds,
    )


def _url(agent: AgentSettings, probe: ProbeSettings) -> str:
    parts = urlsplit(agent.url)
    host, port = parts.hostname or "localhost", probe.port or host_and_port(agent.url)[1]
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if probe.port is None:
        place = parts.netloc
    return urlunsplit((parts.scheme, place, "", "", "")) + (probe.path or agent.health_endpoint)


def _target(probe: ProbeSettings, url: str) -> str:
    if probe.kind == "command":
        return f"command {probe.command[0]}" if probe.command else "command"
    if probe.kind == "log":
        return f"log line {json.dumps(probe.pattern, ensure_ascii=False)}"
    return url if probe.kind == "http" else f"tcp {urlsplit(url).netloc}"


def _expectation(roles: tuple[ProbeRole, ...], probe: ProbeSettings) -> Expectation:
    body = probe.expected_body
    if not probe.expected_status:
        # The health endpoint may answer badly because a dependency is away: that is no reason
        # to restart. One who names a path, or statuses, knows what they mean.
        is_any = roles == (_LIVENESS,) and probe.path is None
        base = ANY_ANSWER if is_any else SUCCESS
        return base if body is None else Expectation(base.statuses, body.encode())
    ends = [text.partition("-") for text in probe.expected_status]
    statuses = tuple((int(first), int(last or first)) for first, _, last in ends)
    return Expectation(statuses, body.encode() if body is not None else None)
