"""What an agent's probes have found so far: rows of good and bad outcomes, and the verdicts.

Owns the counting. A verdict changes when enough outcomes in a row say so, either way. During the
start only the startup probe counts, and its failures mean nothing yet.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from trading_dashboard.models.agents import ProbeInfo, ProbeRole
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.probes import ProbeOutcome


class ProbeRecord:
    """What was found for one role."""

    def __init__(self, role: ProbeRole, plan: ProbePlan) -> None:
        self.role = role
        self.plan = plan
        self.is_passing: bool | None = None
        self.was_unknown = True
        """There was no verdict before the newest outcome."""
        self.failures = 0
        """In a row."""
        self.successes = 0
        """In a row."""
        self.message: str | None = None
        self._latency_seconds: float | None = None
        self._checked_at: float | None = None

    def count(self, outcome: ProbeOutcome) -> bool:
        """Add an outcome; return whether the verdict changed."""
        passed = self.plan.passed(self.role, outcome)
        self.note(outcome)
        self.successes = self.successes + 1 if passed else 0
        self.failures = 0 if passed else self.failures + 1
        before = self.is_passing
        self.was_unknown = before is None
        if self.successes >= self.plan.success_threshold:
            self.is_passing = True
        elif self.failures >= self.plan.failure_threshold and self.role is not ProbeRole.STARTUP:
            self.is_passing = False
        return before is not self.is_passing

    def accept(self, outcome: ProbeOutcome) -> None:
        """Take an outcome for a passed verdict: its thresholds were met in another role."""
        self.note(outcome)
        self.is_passing = True

    def note(self, outcome: ProbeOutcome) -> None:
        """Remember what was found last."""
        self.message = outcome.message
        is_timed = outcome.answered and self.plan.kind != "log"
        self._latency_seconds = outcome.latency_seconds if is_timed else None
        self._checked_at = time.time()

    def asks_like(self, other: ProbeRecord) -> bool:
        """Return whether the question is the same, however often it is asked."""
        mine, theirs = self.plan, other.plan
        return (mine.kind, mine.target, mine.expected, mine.command) == (
            theirs.kind, theirs.target, theirs.expected, theirs.command,
        )  # fmt: skip

    def inherit(self, other: ProbeRecord) -> None:
        """Go on from what another record knows."""
        self.is_passing, self.was_unknown = other.is_passing, other.was_unknown
        self.failures, self.successes = other.failures, other.successes
        self.message = other.message
        self._latency_seconds, self._checked_at = other._latency_seconds, other._checked_at

    def info(self) -> ProbeInfo:
        """Return this for others to see."""
        at = self._checked_at
        return ProbeInfo(
            role=self.role,
            kind=self.plan.kind,
            is_passing=self.is_passing,
            message=self.message,
            latency_seconds=self._latency_seconds,
            checked_at=None if at is None else datetime.fromtimestamp(at, UTC),
            failures=self.failures,
        )


class ProbeRecords:
    """The records of all roles that are asked for."""

    def __init__(self, plans: Sequence[ProbePlan], before: ProbeRecords | None = None) -> None:
        """Begin anew, but for what `before` knows by the same question."""
        self._records = {role: ProbeRecord(role, plan) for plan in plans for role in plan.roles}
        for role, record in self._records.items():
            old = before.get(role) if before is not None else None
            if old is not None and record.asks_like(old):
                record.inherit(old)

    def get(self, role: ProbeRole) -> ProbeRecord | None:
        """Return what was found for a role, None if nothing is asked for it."""
        return self._records.get(role)

    def of(self, plan: ProbePlan) -> list[ProbeRecord]:
        """Return the records that a plan's outcomes count for."""
        return [record for record in self._records.values() if record.plan is plan]

    def infos(self) -> tuple[ProbeInfo, ...]:
        """Return all of this for others to see, in the order of the roles."""
        found = self._records
        return tuple(found[role].info() for role in ProbeRole if role in found)
